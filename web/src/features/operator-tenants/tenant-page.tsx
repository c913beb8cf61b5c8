import { ArrowLeft, Ban, Eye, Gift, Pencil, RotateCcw } from "lucide-react";
import { useState } from "react";
import { type Column, DataTable } from "@/components/table/data-table";
import { Button, TextLink } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Money } from "@/components/ui/money";
import { Page } from "@/components/ui/page";
import { Stat, StatRow } from "@/components/ui/stat";
import { StateBadge } from "@/components/ui/state-badge";
import { Time } from "@/components/ui/time";
import { useToast } from "@/components/ui/toast";
import { api, query, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { switchTenant, useSession } from "@/lib/auth/session";
import { EditTenantDialog } from "./edit-tenant-dialog";
import { GrantDialog } from "./grant-dialog";

type Lot = Schema<"CreditLot">;

const lotColumns: Column<Lot>[] = [
  {
    id: "source",
    header: "Source",
    cell: ({ row: { original: lot } }) => (
      <div className="py-2">
        <span className="font-medium capitalize">{lot.source}</span>
        <p
          className="max-w-36 truncate font-mono sm:max-w-60 text-faint text-xs"
          title={lot.source_ref}
        >
          {lot.source_ref}
        </p>
      </div>
    ),
  },
  {
    id: "added",
    header: "Added",
    meta: { from: "sm" },
    cell: ({ row }) => <Time value={row.original.effective_at} style="date" />,
  },
  {
    id: "amount",
    header: "Amount",
    meta: { align: "right", from: "sm" },
    cell: ({ row }) => <Money value={row.original.amount} />,
  },
  {
    id: "remaining",
    header: "Remaining",
    meta: { align: "right" },
    cell: ({ row }) => <Money value={row.original.remaining} precision="micro" />,
  },
];

export function TenantPage({ id }: { id: string }) {
  const { can } = useSession();
  const toast = useToast();
  const invalidate = useInvalidate();
  const [dialog, setDialog] = useState<"edit" | "grant" | "suspend">();
  const path = { params: { path: { tenant_id: id } } };
  const tenant = query.useQuery("get", "/tenants/{tenant_id}", path);
  const credits = query.useQuery("get", "/tenants/{tenant_id}/credits", path, {
    refetchInterval: 10_000,
  });
  const found = tenant.data;
  const balance = credits.data?.balance;
  const suspended = found?.status === "suspended";

  const setStatus = async (status: "active" | "suspended") => {
    await api.PATCH("/tenants/{tenant_id}", { ...path, body: { status } });
    await invalidate("/tenants", "/tenants/{tenant_id}");
    toast(`${found?.name ?? "The tenant"} is ${status}`);
  };

  return (
    <Page
      eyebrow={
        <TextLink to="/operator/tenants" className="inline-flex items-center gap-1">
          <ArrowLeft className="size-4" aria-hidden /> Tenants
        </TextLink>
      }
      name={found?.name}
      title={
        <span className="flex flex-wrap items-center gap-3">
          {found?.name ?? "Tenant"}
          {found ? <StateBadge state={found.status} /> : null}
        </span>
      }
      description={found ? `${found.billing_email || "No billing email"} · ${found.id}` : null}
      actions={
        found && can("tenants.write") ? (
          <>
            <Button
              icon={<Eye className="size-4" aria-hidden />}
              onClick={() => switchTenant({ id: found.id, name: found.name })}
            >
              Look inside
            </Button>
            <Button
              icon={<Pencil className="size-4" aria-hidden />}
              onClick={() => setDialog("edit")}
            >
              Edit
            </Button>
            <Button
              variant={suspended ? "secondary" : "danger"}
              icon={
                suspended ? (
                  <RotateCcw className="size-4" aria-hidden />
                ) : (
                  <Ban className="size-4" aria-hidden />
                )
              }
              onClick={() => setDialog("suspend")}
            >
              {suspended ? "Restore" : "Suspend"}
            </Button>
          </>
        ) : null
      }
    >
      {tenant.error ? (
        <LoadError error={tenant.error} onRetry={() => void tenant.refetch()} />
      ) : null}
      <StatRow>
        <Stat
          label="Balance"
          value={balance ? <Money value={balance.balance} /> : undefined}
          note={balance?.billing_mode === "postpaid" ? "Post-paid" : "Prepaid"}
        />
        <Stat label="Credit" value={balance ? <Money value={balance.credit} /> : undefined} />
        <Stat label="Set aside" value={balance ? <Money value={balance.escrow} /> : undefined} />
        <Stat
          label="Owed"
          value={balance ? <Money value={balance.receivable} /> : undefined}
          note={
            balance?.billing_mode === "postpaid" ? (
              <>
                Limit <Money value={balance.credit_limit} />
              </>
            ) : null
          }
        />
      </StatRow>
      <Card>
        <CardHeader
          title="Credit lots"
          actions={
            can("credits.grant") ? (
              <Button
                size="sm"
                icon={<Gift className="size-4" aria-hidden />}
                onClick={() => setDialog("grant")}
              >
                Grant credit
              </Button>
            ) : null
          }
        />
        <DataTable
          columns={lotColumns}
          rows={credits.data?.lots ?? []}
          rowId={(lot) => lot.id}
          label="Credit lots"
          loading={credits.isPending}
          sortable={false}
          empty={<Empty title="No credit lots">Grant some, or let the tenant buy it.</Empty>}
        />
      </Card>
      {found && dialog === "edit" ? (
        <EditTenantDialog tenant={found} onClose={() => setDialog(undefined)} />
      ) : null}
      {found && dialog === "grant" ? (
        <GrantDialog tenant={found} onClose={() => setDialog(undefined)} />
      ) : null}
      <Confirm
        open={dialog === "suspend"}
        onOpenChange={() => setDialog(undefined)}
        title={`${suspended ? "Restore" : "Suspend"} ${found?.name ?? "this tenant"}?`}
        confirmLabel={suspended ? "Restore tenant" : "Suspend tenant"}
        onConfirm={() => setStatus(suspended ? "active" : "suspended")}
      >
        {suspended
          ? "Its keys work again within two seconds."
          : "All its keys are refused within two seconds. Nothing is deleted; you can restore it."}
      </Confirm>
    </Page>
  );
}
