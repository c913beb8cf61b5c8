import { KeyRound, Plus } from "lucide-react";
import { useMemo, useState } from "react";
import { DataTable } from "@/components/table/data-table";
import { LoadMore } from "@/components/table/load-more";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Page } from "@/components/ui/page";
import { Segmented } from "@/components/ui/segmented";
import { useToast } from "@/components/ui/toast";
import { api, query, type Schema } from "@/lib/api/client";
import { errorText } from "@/lib/api/errors";
import { useInvalidate } from "@/lib/api/invalidate";
import { cursorPaging, flatten, PAGE_SIZE } from "@/lib/api/paging";
import { useSession } from "@/lib/auth/session";
import { type Key, keyColumns } from "./key-columns";
import { KeyDialog } from "./key-dialog";
import { type KeyValues, NEW_KEY, toCreate, toPatch, valuesOf } from "./key-form";
import { KeyReveal } from "./key-reveal";

export type KeyView = "active" | "all";

export function KeysPage({
  creating,
  onCreatingChange,
  view,
  onViewChange,
}: {
  creating: boolean;
  onCreatingChange: (creating: boolean) => void;
  view: KeyView;
  onViewChange: (view: KeyView) => void;
}) {
  const { can } = useSession();
  const canWrite = can("keys.write");
  const toast = useToast();
  const invalidate = useInvalidate();
  const [editing, setEditing] = useState<Key>();
  const [revoking, setRevoking] = useState<Key>();
  const [created, setCreated] = useState<Schema<"KeyCreated">>();
  const keys = query.useInfiniteQuery(
    "get",
    "/keys",
    { params: { query: { limit: PAGE_SIZE } } },
    { ...cursorPaging, refetchInterval: 15_000 },
  );
  const all = flatten(keys.data);
  const rows = view === "all" ? all : all.filter((key) => key.state !== "revoked");

  const create = async (values: KeyValues, idempotencyKey: string) => {
    const { data } = await api.POST("/keys", {
      params: { header: { "Idempotency-Key": idempotencyKey } },
      body: toCreate(values),
    });
    await invalidate("/keys");
    setCreated(data);
  };

  const save = async (key: Key, values: KeyValues) => {
    await api.PATCH("/keys/{key_id}", {
      params: { path: { key_id: key.id } },
      body: toPatch(values),
    });
    await invalidate("/keys");
    toast(`${values.name} saved`);
  };

  const columns = useMemo(() => {
    const toggle = async (key: Key) => {
      const state = key.state === "active" ? "disabled" : "active";
      try {
        await api.PATCH("/keys/{key_id}", {
          params: { path: { key_id: key.id } },
          body: { state },
        });
        await invalidate("/keys");
        toast(`${key.name} is ${state === "active" ? "enabled" : "disabled"}`);
      } catch (error) {
        toast(errorText(error), "danger");
      }
    };
    return keyColumns({
      canWrite,
      onEdit: setEditing,
      onToggle: (key) => void toggle(key),
      onRevoke: setRevoking,
    });
  }, [canWrite, invalidate, toast]);

  const createButton = (
    <Button
      variant="primary"
      icon={<Plus className="size-4" aria-hidden />}
      onClick={() => onCreatingChange(true)}
    >
      Create key
    </Button>
  );

  return (
    <Page
      title="API keys"
      description="One key opens every model, within the limits you set. Clients send it as a bearer token."
      actions={canWrite ? createButton : null}
    >
      {keys.error ? (
        <LoadError error={keys.error} onRetry={() => void keys.refetch()} />
      ) : (
        <Card>
          <div className="flex items-center justify-between border-border border-b px-4 py-3 sm:px-5">
            <Segmented<KeyView>
              label="Which keys"
              value={view}
              onChange={onViewChange}
              options={[
                { value: "active", label: "In use" },
                { value: "all", label: "With revoked" },
              ]}
            />
          </div>
          <DataTable
            columns={columns}
            rows={rows}
            rowId={(key) => key.id}
            label="API keys"
            loading={keys.isPending}
            empty={
              <Empty
                icon={<KeyRound aria-hidden />}
                title="No API keys yet"
                action={canWrite ? createButton : undefined}
              >
                Create one, point any OpenAI client at the relay, and watch what it costs.
              </Empty>
            }
          />
          <LoadMore
            shown={rows.length}
            noun="key"
            hasMore={keys.hasNextPage}
            busy={keys.isFetchingNextPage}
            onMore={() => void keys.fetchNextPage()}
          />
        </Card>
      )}

      {creating && !created ? (
        <KeyDialog
          open
          onOpenChange={onCreatingChange}
          editing={false}
          initial={NEW_KEY}
          onSubmit={create}
        />
      ) : null}
      {created ? (
        <KeyReveal
          created={created}
          onClose={() => {
            setCreated(undefined);
            onCreatingChange(false);
          }}
        />
      ) : null}
      {editing ? (
        <KeyDialog
          key={editing.id}
          open
          onOpenChange={() => setEditing(undefined)}
          editing
          initial={valuesOf(editing)}
          onSubmit={(values) => save(editing, values)}
        />
      ) : null}
      <Confirm
        open={revoking !== undefined}
        onOpenChange={() => setRevoking(undefined)}
        title={`Revoke ${revoking?.name ?? ""}?`}
        confirmLabel="Revoke key"
        onConfirm={async () => {
          if (!revoking) return;
          await api.DELETE("/keys/{key_id}", { params: { path: { key_id: revoking.id } } });
          await invalidate("/keys");
          toast(`${revoking.name} is revoked`);
        }}
      >
        Clients that use it are refused within two seconds. This cannot be undone; disabling can.
      </Confirm>
    </Page>
  );
}
