import { ReceiptText } from "lucide-react";
import { type Column, DataTable } from "@/components/table/data-table";
import { LoadMore } from "@/components/table/load-more";
import { TextLink } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Money } from "@/components/ui/money";
import { Page } from "@/components/ui/page";
import { StateBadge } from "@/components/ui/state-badge";
import { Time } from "@/components/ui/time";
import { query, type Schema } from "@/lib/api/client";
import { cursorPaging, flatten, PAGE_SIZE } from "@/lib/api/paging";
import { formatPeriod } from "@/lib/format/time";

type Invoice = Schema<"Invoice">;

const columns: Column<Invoice>[] = [
  {
    id: "number",
    header: "Invoice",
    cell: ({ row: { original: invoice } }) => (
      <TextLink
        to="/invoices/$invoiceId"
        params={{ invoiceId: invoice.id }}
        className="whitespace-nowrap"
      >
        {invoice.number}
      </TextLink>
    ),
  },
  {
    id: "month",
    header: "Period",
    meta: { from: "sm" },
    cell: ({ row }) => formatPeriod(row.original.month),
  },
  { id: "state", header: "State", cell: ({ row }) => <StateBadge state={row.original.state} /> },
  {
    id: "issued",
    header: "Issued",
    meta: { from: "md" },
    cell: ({ row }) => (
      <Time value={row.original.finalized_at ?? row.original.created_at} style="date" />
    ),
  },
  {
    id: "usage",
    header: "Usage",
    meta: { align: "right", from: "sm" },
    cell: ({ row }) => <Money value={row.original.usage} precision="micro" />,
  },
  {
    id: "billed",
    header: "Billed",
    meta: { align: "right" },
    cell: ({ row }) => <Money value={row.original.billed} className="font-medium" />,
  },
];

export function InvoicesPage({ onOpen }: { onOpen: (id: string) => void }) {
  const invoices = query.useInfiniteQuery(
    "get",
    "/invoices",
    { params: { query: { limit: PAGE_SIZE } } },
    cursorPaging,
  );
  const rows = flatten(invoices.data);
  return (
    <Page
      title="Invoices"
      description="One per month. Every line leads down to the requests behind it, and the sums agree to the nano-dollar."
    >
      {invoices.error ? (
        <LoadError error={invoices.error} onRetry={() => void invoices.refetch()} />
      ) : (
        <Card>
          <DataTable
            columns={columns}
            rows={rows}
            rowId={(invoice) => invoice.id}
            label="Invoices"
            loading={invoices.isPending}
            sortable={false}
            onRowClick={(invoice) => onOpen(invoice.id)}
            empty={
              <Empty icon={<ReceiptText aria-hidden />} title="No invoices yet">
                The first one is made when the month is closed. Until then, Usage has the running
                total.
              </Empty>
            }
          />
          <LoadMore
            shown={rows.length}
            noun="invoice"
            hasMore={invoices.hasNextPage}
            busy={invoices.isFetchingNextPage}
            onMore={() => void invoices.fetchNextPage()}
          />
        </Card>
      )}
    </Page>
  );
}
