import { Coins } from "lucide-react";
import { type Column, DataTable } from "@/components/table/data-table";
import { Badge } from "@/components/ui/badge";
import { Empty } from "@/components/ui/empty";
import { Meter } from "@/components/ui/meter";
import { Money } from "@/components/ui/money";
import { Time } from "@/components/ui/time";
import type { Schema } from "@/lib/api/client";
import { compareMoney, moneyShare } from "@/lib/format/money";

type Lot = Schema<"CreditLot">;

const SOURCES: Record<Lot["source"], string> = {
  purchase: "Bought",
  promo: "Promotional",
  adjustment: "Adjustment",
};

const columns: Column<Lot>[] = [
  {
    id: "source",
    header: "Source",
    accessorFn: (lot) => SOURCES[lot.source],
    cell: ({ row: { original: lot } }) => (
      <span className="flex items-center gap-2">
        <span className="font-medium">{SOURCES[lot.source]}</span>
        {lot.expired ? <Badge>Expired</Badge> : null}
      </span>
    ),
  },
  {
    accessorKey: "effective_at",
    header: "Added",
    meta: { from: "sm" },
    cell: ({ row }) => <Time value={row.original.effective_at} style="date" />,
  },
  {
    id: "expires_at",
    header: "Expires",
    meta: { from: "md" },
    accessorFn: (lot) => lot.expires_at ?? "",
    cell: ({ row }) =>
      row.original.expires_at ? (
        <Time value={row.original.expires_at} style="date" />
      ) : (
        <span className="text-faint">never</span>
      ),
  },
  {
    id: "left",
    header: "Left",
    enableSorting: false,
    meta: { from: "md", width: "w-40" },
    cell: ({ row: { original: lot } }) => (
      <Meter share={moneyShare(lot.remaining, lot.amount)} label="Share that is left" plain />
    ),
  },
  {
    accessorKey: "amount",
    header: "Amount",
    meta: { align: "right" },
    sortFn: (a, b) => compareMoney(a.original.amount, b.original.amount),
    cell: ({ row }) => <Money value={row.original.amount} />,
  },
  {
    accessorKey: "remaining",
    header: "Remaining",
    meta: { align: "right" },
    sortFn: (a, b) => compareMoney(a.original.remaining, b.original.remaining),
    cell: ({ row }) => <Money value={row.original.remaining} precision="micro" />,
  },
];

export function LotsTable({ lots, loading }: { lots: Lot[]; loading: boolean }) {
  return (
    <DataTable
      columns={columns}
      rows={lots}
      rowId={(lot) => lot.id}
      label="Credit lots"
      loading={loading}
      empty={
        <Empty icon={<Coins aria-hidden />} title="No credit yet">
          Each purchase becomes a lot here. Lots are spent from the top down.
        </Empty>
      }
    />
  );
}
