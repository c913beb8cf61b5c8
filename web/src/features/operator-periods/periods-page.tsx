import { CalendarCheck } from "lucide-react";
import { useState } from "react";
import { type Column, DataTable } from "@/components/table/data-table";
import { LoadMore } from "@/components/table/load-more";
import { Button } from "@/components/ui/button";
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
import { formatCount } from "@/lib/format/number";
import { formatPeriod } from "@/lib/format/time";
import { CloseDialog } from "./close-dialog";

type Period = Schema<"Period">;

export function PeriodsPage() {
  const { can } = useSession();
  const [closing, setClosing] = useState<Period>();
  const periods = query.useInfiniteQuery(
    "get",
    "/periods",
    { params: { query: { limit: PAGE_SIZE } } },
    {
      ...cursorPaging,
      refetchInterval: ({ state }) =>
        flatten(state.data).some((period) => period.state === "closing") ? 1000 : 30_000,
    },
  );
  const rows = flatten(periods.data);
  const thisMonth = new Date().toISOString().slice(0, 7);

  const columns: Column<Period>[] = [
    {
      id: "month",
      header: "Month",
      cell: ({ row: { original: period } }) => (
        <div className="py-2">
          <span className="font-medium">{formatPeriod(period.month)}</span>
          {period.error ? (
            <p className="text-danger text-xs [overflow-wrap:anywhere]">{period.error}</p>
          ) : period.state === "open" && period.invoiced_until ? (
            <p className="text-faint text-xs">
              invoiced until <Time value={period.invoiced_until} />
            </p>
          ) : null}
        </div>
      ),
    },
    { id: "state", header: "State", cell: ({ row }) => <StateBadge state={row.original.state} /> },
    {
      id: "closed",
      header: "Closed",
      meta: { from: "md" },
      cell: ({ row }) => (row.original.closed_at ? <Time value={row.original.closed_at} /> : null),
    },
    {
      id: "invoices",
      header: "Invoices",
      meta: { align: "right", from: "sm" },
      cell: ({ row }) => <span className="tabular-nums">{formatCount(row.original.invoices)}</span>,
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
      meta: { align: "right", from: "sm" },
      cell: ({ row }) => <Money value={row.original.billed} />,
    },
    {
      id: "actions",
      header: () => <span className="sr-only">Actions</span>,
      meta: { align: "right" },
      cell: ({ row }) =>
        row.original.state === "open" && can("periods.close") ? (
          <Button size="sm" onClick={() => setClosing(row.original)}>
            {row.original.month === thisMonth ? "Invoice so far…" : "Close…"}
          </Button>
        ) : null,
    },
  ];

  return (
    <Page
      title="Period close"
      description="Closing a month turns its usage into invoices, compares them with the ledger, and hands them to Stripe."
    >
      {periods.error ? (
        <LoadError error={periods.error} onRetry={() => void periods.refetch()} />
      ) : (
        <Card>
          <DataTable
            columns={columns}
            rows={rows}
            rowId={(period) => period.month}
            label="Months"
            loading={periods.isPending}
            sortable={false}
            empty={
              <Empty icon={<CalendarCheck aria-hidden />} title="No months yet">
                The first one appears with the first usage.
              </Empty>
            }
          />
          <LoadMore
            shown={rows.length}
            noun="month"
            hasMore={periods.hasNextPage}
            busy={periods.isFetchingNextPage}
            onMore={() => void periods.fetchNextPage()}
          />
        </Card>
      )}
      {closing ? (
        <CloseDialog
          key={closing.month}
          period={closing}
          running={closing.month === thisMonth}
          onClose={() => setClosing(undefined)}
        />
      ) : null}
    </Page>
  );
}
