import type { Column } from "@/components/table/data-table";
import { Money } from "@/components/ui/money";
import type { Schema } from "@/lib/api/client";
import { compareMoney, moneyShare } from "@/lib/format/money";
import { formatCount, formatShare } from "@/lib/format/number";
import { type Dimension, groupOf } from "@/lib/usage/series";

type Row = Schema<"UsageRow">;

function count(
  id: "requests" | "input_tokens" | "output_tokens",
  header: string,
  from?: "sm" | "md",
): Column<Row> {
  return {
    accessorKey: id,
    header,
    meta: { align: "right", ...(from ? { from } : {}) },
    cell: ({ row }) => <span className="tabular-nums">{formatCount(row.original[id])}</span>,
  };
}

export function usageColumns(by: Dimension, title: string, total: Row | undefined): Column<Row>[] {
  return [
    {
      id: "group",
      header: title,
      accessorFn: (row) => groupOf(row, by).name,
      cell: ({ row }) => <span className="font-medium">{groupOf(row.original, by).name}</span>,
    },
    count("requests", "Requests", "sm"),
    count("input_tokens", "Input tokens", "md"),
    count("output_tokens", "Output tokens", "md"),
    {
      id: "share",
      header: "Share",
      enableSorting: false,
      meta: { align: "right", from: "sm" },
      cell: ({ row }) => (
        <span className="text-muted tabular-nums">
          {formatShare(moneyShare(row.original.charge, total?.charge ?? "0"))}
        </span>
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
}

export function UsageTotal({ total }: { total: Row }) {
  const cell = "h-12 px-2 text-right font-medium tabular-nums sm:px-3";
  return (
    <tr>
      <th scope="row" className="h-12 pl-4 text-left font-medium sm:pl-5">
        Total
      </th>
      <td className={`${cell} hidden sm:table-cell`}>{formatCount(total.requests)}</td>
      <td className={`${cell} hidden md:table-cell`}>{formatCount(total.input_tokens)}</td>
      <td className={`${cell} hidden md:table-cell`}>{formatCount(total.output_tokens)}</td>
      <td className={`${cell} hidden sm:table-cell`} />
      <td className={`${cell} pr-4! sm:pr-5!`}>
        <Money value={total.charge} precision="micro" />
      </td>
    </tr>
  );
}
