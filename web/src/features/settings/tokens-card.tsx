import { zodResolver } from "@hookform/resolvers/zod";
import { Plus, Terminal } from "lucide-react";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { required } from "@/components/form/rules";
import { SelectField } from "@/components/form/select-field";
import { type Column, DataTable } from "@/components/table/data-table";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Card, CardBody, CardHeader } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { CopyButton } from "@/components/ui/copy-button";
import { Empty } from "@/components/ui/empty";
import { StateBadge } from "@/components/ui/state-badge";
import { Time } from "@/components/ui/time";
import { api, query, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { ALL } from "@/lib/api/paging";

type Token = Schema<"ApiToken">;

function stateOf(token: Token): string {
  if (token.revoked_at) return "revoked";
  return token.expires_at && new Date(token.expires_at) < new Date() ? "expired" : "active";
}

/** Tokens for the admin API: made here, shown once, revocable. */
export function TokensCard() {
  const invalidate = useInvalidate();
  const [adding, setAdding] = useState(false);
  const [created, setCreated] = useState<Schema<"ApiTokenCreated">>();
  const [revoking, setRevoking] = useState<Token>();
  const tokens = query.useQuery("get", "/api-tokens", { params: { query: { limit: ALL } } });

  const columns: Column<Token>[] = [
    {
      accessorKey: "name",
      header: "Token",
      cell: ({ row: { original: token } }) => (
        <div className="py-2">
          <span className="font-medium">{token.name}</span>
          <p className="text-faint text-xs">acts as {token.user_email}</p>
        </div>
      ),
    },
    {
      id: "state",
      header: "State",
      meta: { from: "sm" },
      accessorFn: stateOf,
      cell: ({ row }) => <StateBadge state={stateOf(row.original)} />,
    },
    {
      id: "used",
      header: "Last used",
      meta: { from: "md" },
      accessorFn: (token) => token.last_used_at ?? "",
      cell: ({ row }) =>
        row.original.last_used_at ? (
          <Time value={row.original.last_used_at} style="relative" />
        ) : (
          <span className="text-faint">never</span>
        ),
    },
    {
      id: "actions",
      header: () => <span className="sr-only">Actions</span>,
      enableSorting: false,
      meta: { align: "right" },
      cell: ({ row }) =>
        stateOf(row.original) === "active" ? (
          <Button size="sm" variant="danger" onClick={() => setRevoking(row.original)}>
            Revoke
          </Button>
        ) : null,
    },
  ];

  return (
    <Card>
      <CardHeader
        title="API tokens"
        description="For scripts against the admin API. They act as you in this organisation."
        actions={
          <Button
            size="sm"
            icon={<Plus className="size-4" aria-hidden />}
            onClick={() => setAdding(true)}
          >
            New token
          </Button>
        }
      />
      {created ? (
        <CardBody>
          <Alert
            tone="success"
            title={`${created.name}: copy the token now, it is not shown again`}
            action={<CopyButton text={created.secret} label="Copy token" />}
          >
            <code className="select-all">{created.secret}</code>
          </Alert>
        </CardBody>
      ) : null}
      <DataTable
        columns={columns}
        rows={tokens.data?.items ?? []}
        rowId={(token) => token.id}
        label="API tokens"
        loading={tokens.isPending}
        empty={<Empty icon={<Terminal aria-hidden />} title="No tokens yet" />}
      />
      {adding ? <TokenDialog onClose={() => setAdding(false)} onCreated={setCreated} /> : null}
      <Confirm
        open={revoking !== undefined}
        onOpenChange={() => setRevoking(undefined)}
        title={`Revoke ${revoking?.name ?? ""}?`}
        confirmLabel="Revoke token"
        onConfirm={async () => {
          if (!revoking) return;
          await api.DELETE("/api-tokens/{token_id}", {
            params: { path: { token_id: revoking.id } },
          });
          await invalidate("/api-tokens");
        }}
      >
        Scripts that use it are refused at once.
      </Confirm>
    </Card>
  );
}

const schema = z.object({
  name: required("A name").max(120),
  days: z.enum(["never", "30", "90", "365"]),
});

function TokenDialog({
  onClose,
  onCreated,
}: {
  onClose: () => void;
  onCreated: (token: Schema<"ApiTokenCreated"> | undefined) => void;
}) {
  const invalidate = useInvalidate();
  const form = useForm<z.infer<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: { name: "", days: "90" },
  });
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title="New API token"
      form={form}
      submitLabel="Create token"
      onSubmit={async (values, idempotencyKey) => {
        const days = Number(values.days);
        const { data } = await api.POST("/api-tokens", {
          params: { header: { "Idempotency-Key": idempotencyKey } },
          body: {
            name: values.name,
            expires_at: Number.isInteger(days)
              ? new Date(Date.now() + days * 86_400_000).toISOString()
              : null,
          },
        });
        await invalidate("/api-tokens");
        onCreated(data);
      }}
    >
      <Field label="Name" error={form.formState.errors.name?.message}>
        <Input autoFocus {...form.register("name")} />
      </Field>
      <SelectField
        control={form.control}
        name="days"
        label="Expires"
        options={[
          { value: "30", label: "In 30 days" },
          { value: "90", label: "In 90 days" },
          { value: "365", label: "In a year" },
          { value: "never", label: "Never" },
        ]}
      />
    </FormDialog>
  );
}
