import { type Column, DataTable } from "@/components/table/data-table";
import { Money } from "@/components/ui/money";
import { compareMoney } from "@/lib/format/money";
import { formatCount } from "@/lib/format/number";
import { formatDay } from "@/lib/format/time";
import type { DayTotal } from "@/lib/usage/series";

const columns: Column<DayTotal>[] = [
  {
    accessorKey: "day",
    header: "Day (UTC)",
    cell: ({ row }) => formatDay(row.original.day),
  },
  {
    accessorKey: "requests",
    header: "Requests",
    meta: { align: "right" },
    cell: ({ row }) => <span className="tabular-nums">{formatCount(row.original.requests)}</span>,
  },
  {
    accessorKey: "inputTokens",
    header: "Input tokens",
    meta: { align: "right", from: "sm" },
    cell: ({ row }) => (
      <span className="tabular-nums">{formatCount(row.original.inputTokens)}</span>
    ),
  },
  {
    accessorKey: "outputTokens",
    header: "Output tokens",
    meta: { align: "right", from: "sm" },
    cell: ({ row }) => (
      <span className="tabular-nums">{formatCount(row.original.outputTokens)}</span>
    ),
  },
  {
    accessorKey: "charge",
    header: "Cost",
    meta: { align: "right" },
    sortFn: (a, b) => compareMoney(a.original.charge, b.original.charge),
    cell: ({ row }) => <Money value={row.original.charge} precision="micro" />,
  },
];

/** The chart's figures, exact, newest day first. */
export function DayTable({ totals }: { totals: DayTotal[] }) {
  return (
    <div className="-mx-4 -mb-5 sm:-mx-5 max-h-96 overflow-y-auto border-border border-t">
      <DataTable
        columns={columns}
        rows={totals}
        rowId={(row) => row.day}
        label="Usage per day"
        empty={null}
        initialSort={[{ id: "day", desc: true }]}
      />
    </div>
  );
}
