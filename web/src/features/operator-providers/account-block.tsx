import { Ban, KeyRound, Pause, Pencil, Play } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { RowMenu } from "@/components/ui/menu";
import { StateBadge } from "@/components/ui/state-badge";
import { useToast } from "@/components/ui/toast";
import { api, type Schema } from "@/lib/api/client";
import { errorText } from "@/lib/api/errors";
import { useInvalidate } from "@/lib/api/invalidate";
import { AccountDialog } from "./account-dialog";
import { UpstreamKeyDialog } from "./upstream-key-dialog";

type Account = Schema<"Account">;
type UpstreamKey = Schema<"UpstreamKey">;

export function AccountBlock({
  provider,
  account,
  keys,
  canWrite,
}: {
  provider: Schema<"Provider">;
  account: Account;
  keys: UpstreamKey[];
  canWrite: boolean;
}) {
  const toast = useToast();
  const invalidate = useInvalidate();
  const [dialog, setDialog] = useState<"edit" | "key">();
  const active = account.state === "active";

  const toggle = async () => {
    try {
      await api.PATCH("/accounts/{account_id}", {
        params: { path: { account_id: account.id } },
        body: { state: active ? "paused" : "active" },
      });
      await invalidate("/accounts", "/models");
      toast(`${account.name} is ${active ? "paused" : "active"}`);
    } catch (error) {
      toast(errorText(error), "danger");
    }
  };

  return (
    <div className="border-border border-t px-4 py-4 sm:px-5">
      <div className="flex items-start justify-between gap-4">
        <div className="min-w-0">
          <h3 className="flex flex-wrap items-center gap-2 font-medium text-base">
            {account.name}
            <StateBadge state={account.state} />
          </h3>
          <p className="mt-0.5 font-mono text-muted text-xs [overflow-wrap:anywhere]">
            {[account.base_url, account.region, account.project, account.api_version]
              .filter(Boolean)
              .join(" · ")}
          </p>
        </div>
        {canWrite ? (
          <div className="flex items-center gap-1">
            <Button
              size="sm"
              variant="ghost"
              icon={<KeyRound className="size-4" aria-hidden />}
              onClick={() => setDialog("key")}
            >
              Add key
            </Button>
            <RowMenu
              label={`Actions for ${account.name}`}
              actions={[
                {
                  label: "Edit",
                  icon: <Pencil aria-hidden />,
                  onSelect: () => setDialog("edit"),
                },
                {
                  label: active ? "Pause" : "Resume",
                  icon: active ? <Pause aria-hidden /> : <Play aria-hidden />,
                  onSelect: () => void toggle(),
                },
              ]}
            />
          </div>
        ) : null}
      </div>
      <ul className="mt-3 flex flex-col gap-1">
        {keys.map((key) => (
          <KeyRow key={key.id} subject={key} canWrite={canWrite} />
        ))}
        {keys.length === 0 ? (
          <li className="text-muted text-sm">No key yet: this account cannot be used.</li>
        ) : null}
      </ul>
      {dialog === "edit" ? (
        <AccountDialog provider={provider} account={account} onClose={() => setDialog(undefined)} />
      ) : null}
      {dialog === "key" ? (
        <UpstreamKeyDialog
          provider={provider}
          account={account}
          onClose={() => setDialog(undefined)}
        />
      ) : null}
    </div>
  );
}

function KeyRow({ subject: key, canWrite }: { subject: UpstreamKey; canWrite: boolean }) {
  const toast = useToast();
  const invalidate = useInvalidate();
  const [revoking, setRevoking] = useState(false);
  const path = { params: { path: { upstream_key_id: key.id } } };
  const active = key.state === "active";

  const toggle = async () => {
    try {
      await api.PATCH("/upstream-keys/{upstream_key_id}", {
        ...path,
        body: { state: active ? "paused" : "active" },
      });
      await invalidate("/upstream-keys", "/models");
    } catch (error) {
      toast(errorText(error), "danger");
    }
  };

  return (
    <li className="flex min-h-10 items-center gap-3 rounded-md bg-sunken px-3 py-1 text-sm">
      <KeyRound className="size-4 shrink-0 text-faint" aria-hidden />
      <span className="min-w-0 flex-1 truncate">
        {key.name} <span className="font-mono text-faint text-xs">…{key.hint}</span>
      </span>
      <span className="hidden text-muted text-xs tabular-nums sm:inline">weight {key.weight}</span>
      <StateBadge state={key.state} />
      {canWrite && key.state !== "revoked" ? (
        <RowMenu
          label={`Actions for ${key.name}`}
          actions={[
            {
              label: active ? "Pause" : "Resume",
              icon: active ? <Pause aria-hidden /> : <Play aria-hidden />,
              onSelect: () => void toggle(),
            },
            "separator",
            {
              label: "Revoke…",
              icon: <Ban aria-hidden />,
              danger: true,
              onSelect: () => setRevoking(true),
            },
          ]}
        />
      ) : null}
      <Confirm
        open={revoking}
        onOpenChange={setRevoking}
        title={`Revoke ${key.name}?`}
        confirmLabel="Revoke upstream key"
        onConfirm={async () => {
          await api.DELETE("/upstream-keys/{upstream_key_id}", path);
          await invalidate("/upstream-keys", "/models");
        }}
      >
        Relays stop using it within two seconds. It cannot be brought back.
      </Confirm>
    </li>
  );
}
