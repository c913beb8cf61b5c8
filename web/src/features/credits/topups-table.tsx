import { Receipt } from "lucide-react";
import { type Column, DataTable } from "@/components/table/data-table";
import { LoadMore } from "@/components/table/load-more";
import { Empty } from "@/components/ui/empty";
import { Money } from "@/components/ui/money";
import { StateBadge } from "@/components/ui/state-badge";
import { Time } from "@/components/ui/time";
import { query, type Schema } from "@/lib/api/client";
import { cursorPaging, flatten } from "@/lib/api/paging";

type Topup = Schema<"Topup">;

const columns: Column<Topup>[] = [
  {
    id: "created_at",
    header: "Started",
    cell: ({ row }) => <Time value={row.original.created_at} />,
  },
  {
    id: "by",
    header: "By",
    meta: { from: "md" },
    cell: ({ row }) => <span className="text-muted">{row.original.created_by}</span>,
  },
  {
    id: "state",
    header: "State",
    cell: ({ row: { original: topup } }) => (
      <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <StateBadge state={topup.state} />
        {topup.state === "session_open" && topup.checkout_url ? (
          <a
            href={topup.checkout_url}
            className="rounded-sm font-medium text-accent-text text-sm hover:underline"
          >
            Pay now
          </a>
        ) : null}
      </span>
    ),
  },
  {
    id: "amount",
    header: "Amount",
    meta: { align: "right" },
    cell: ({ row }) => <Money value={row.original.amount} />,
  },
];

export function TopupsTable() {
  const topups = query.useInfiniteQuery(
    "get",
    "/topups",
    { params: { query: { limit: 20 } } },
    cursorPaging,
  );
  const rows = flatten(topups.data);
  return (
    <>
      <DataTable
        columns={columns}
        rows={rows}
        rowId={(topup) => topup.id}
        label="Top-ups"
        loading={topups.isPending}
        sortable={false}
        empty={<Empty icon={<Receipt aria-hidden />} title="No top-ups yet" />}
      />
      <LoadMore
        shown={rows.length}
        noun="top-up"
        hasMore={topups.hasNextPage}
        busy={topups.isFetchingNextPage}
        onMore={() => void topups.fetchNextPage()}
      />
    </>
  );
}
