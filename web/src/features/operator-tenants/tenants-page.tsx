import { Building2, Plus } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { FilterSelect } from "@/components/form/filter-select";
import { Input } from "@/components/form/input";
import { type Column, DataTable } from "@/components/table/data-table";
import { LoadMore } from "@/components/table/load-more";
import { Badge } from "@/components/ui/badge";
import { Button, TextLink } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Money } from "@/components/ui/money";
import { Page } from "@/components/ui/page";
import { StateBadge } from "@/components/ui/state-badge";
import { Time } from "@/components/ui/time";
import { query, type Schema } from "@/lib/api/client";
import { cursorPaging, flatten, PAGE_SIZE } from "@/lib/api/paging";
import { useSession } from "@/lib/auth/session";
import { CreateTenantDialog } from "./create-tenant-dialog";

type Tenant = Schema<"Tenant">;

export const STATUSES = ["active", "suspended", "closed"] as const;

const columns: Column<Tenant>[] = [
  {
    id: "name",
    header: "Tenant",
    cell: ({ row: { original: tenant } }) => (
      <div className="py-2">
        <TextLink
          to="/operator/tenants/$tenantId"
          params={{ tenantId: tenant.id }}
          className="text-fg!"
        >
          {tenant.name}
        </TextLink>
        <p className="flex items-center gap-1.5 text-faint text-xs">
          {tenant.billing_email || "no billing email"}
          {tenant.demo ? <Badge tone="warning">demo</Badge> : null}
        </p>
      </div>
    ),
  },
  { id: "status", header: "State", cell: ({ row }) => <StateBadge state={row.original.status} /> },
  {
    id: "mode",
    header: "Billing",
    meta: { from: "sm" },
    cell: ({ row }) => (row.original.billing_mode === "prepaid" ? "Prepaid" : "Post-paid"),
  },
  {
    id: "since",
    header: "Since",
    meta: { from: "md" },
    cell: ({ row }) => <Time value={row.original.created_at} style="date" />,
  },
  {
    id: "balance",
    header: "Balance",
    meta: { align: "right" },
    cell: ({ row }) =>
      row.original.balance === undefined ? null : <Money value={row.original.balance} />,
  },
];

export function TenantsPage({
  status,
  onStatusChange,
  onOpen,
}: {
  status: Tenant["status"] | undefined;
  onStatusChange: (status: Tenant["status"] | undefined) => void;
  onOpen: (id: string) => void;
}) {
  const { can } = useSession();
  const [text, setText] = useState("");
  const [creating, setCreating] = useState(false);
  const q = useDeferredValue(text.trim());
  const tenants = query.useInfiniteQuery(
    "get",
    "/tenants",
    { params: { query: { limit: PAGE_SIZE, status, ...(q ? { q } : {}) } } },
    cursorPaging,
  );
  const rows = flatten(tenants.data);
  const create = can("tenants.write") ? (
    <Button
      variant="primary"
      icon={<Plus className="size-4" aria-hidden />}
      onClick={() => setCreating(true)}
    >
      Create tenant
    </Button>
  ) : null;
  return (
    <Page title="Tenants" description="Organisations that pay." actions={create}>
      <div className="flex flex-wrap items-center gap-2">
        <div className="w-64 max-w-full">
          <Input
            type="search"
            aria-label="Search tenants"
            placeholder="Search by name or billing email"
            className="h-8! text-sm!"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        <FilterSelect
          label="State"
          anyLabel="Any state"
          value={status}
          options={STATUSES.map((value) => ({
            value,
            label: value.charAt(0).toUpperCase() + value.slice(1),
          }))}
          onChange={(picked) => onStatusChange(STATUSES.find((one) => one === picked))}
        />
      </div>
      {tenants.error ? (
        <LoadError error={tenants.error} onRetry={() => void tenants.refetch()} />
      ) : (
        <Card>
          <DataTable
            columns={columns}
            rows={rows}
            rowId={(tenant) => tenant.id}
            label="Tenants"
            loading={tenants.isPending}
            sortable={false}
            onRowClick={(tenant) => onOpen(tenant.id)}
            empty={
              <Empty icon={<Building2 aria-hidden />} title="No tenant matches" action={create}>
                A tenant has members, keys, credit and a bill of its own.
              </Empty>
            }
          />
          <LoadMore
            shown={rows.length}
            noun="tenant"
            hasMore={tenants.hasNextPage}
            busy={tenants.isFetchingNextPage}
            onMore={() => void tenants.fetchNextPage()}
          />
        </Card>
      )}
      {creating ? (
        <CreateTenantDialog
          onClose={() => setCreating(false)}
          onCreated={(tenant) => onOpen(tenant.id)}
        />
      ) : null}
    </Page>
  );
}
