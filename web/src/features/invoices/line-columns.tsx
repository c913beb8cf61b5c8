import type { Column } from "@/components/table/data-table";
import { TextLink } from "@/components/ui/button";
import { Money } from "@/components/ui/money";
import type { Schema } from "@/lib/api/client";
import { compareMoney } from "@/lib/format/money";
import { formatCount } from "@/lib/format/number";
import { byClass, className, TOKEN_CLASSES } from "@/lib/format/words";

export type Line = Schema<"InvoiceLine">;

function title(line: Line): string {
  if (line.kind === "credit") return "Prepaid credit";
  if (line.kind === "carry") return "Carried fractions of a cent";
  return line.model;
}

export function lineColumns(invoiceId: string): Column<Line>[] {
  return [
    {
      id: "item",
      header: "Item",
      accessorFn: title,
      cell: ({ row: { original: line } }) => <Item line={line} invoiceId={invoiceId} />,
    },
    {
      id: "class",
      header: "Class",
      meta: { from: "sm" },
      sortFn: (a, b) => byClass(a.original.class, b.original.class),
      accessorFn: (line) => line.class,
      cell: ({ row }) => (row.original.kind === "usage" ? className(row.original.class) : ""),
    },
    {
      accessorKey: "units",
      header: "Units",
      meta: { align: "right", from: "sm" },
      cell: ({ row }) => (
        <span className="tabular-nums">
          {row.original.kind === "usage" ? formatCount(row.original.units) : ""}
        </span>
      ),
    },
    {
      accessorKey: "amount",
      header: "Amount",
      meta: { align: "right" },
      sortFn: (a, b) => compareMoney(a.original.amount, b.original.amount),
      cell: ({ row }) => <Money value={row.original.amount} precision="exact" />,
    },
    {
      accessorKey: "billed",
      header: "On the bill",
      meta: { align: "right", from: "md" },
      sortFn: (a, b) => compareMoney(a.original.billed, b.original.billed),
      cell: ({ row }) => <Money value={row.original.billed} />,
    },
  ];
}

function Item({ line, invoiceId }: { line: Line; invoiceId: string }) {
  const tokenClass = TOKEN_CLASSES.find((name) => name === line.class);
  return (
    <div className="py-2">
      {line.requests_url ? (
        <TextLink
          to="/requests"
          search={{ invoice: invoiceId, model: line.model, class: tokenClass }}
          title="Show the requests behind this line"
        >
          {title(line)}
        </TextLink>
      ) : (
        <span className="font-medium">{title(line)}</span>
      )}
      {line.kind === "usage" ? (
        <p className="text-faint text-xs sm:hidden">
          {className(line.class)} · {formatCount(line.units)}
        </p>
      ) : null}
    </div>
  );
}
