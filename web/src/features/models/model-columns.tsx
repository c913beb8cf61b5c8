import type { Column } from "@/components/table/data-table";
import { Badge } from "@/components/ui/badge";
import { MainRate } from "@/components/ui/main-rate";
import { Money } from "@/components/ui/money";
import type { Schema } from "@/lib/api/client";
import { compareMoney } from "@/lib/format/money";
import { formatCompact } from "@/lib/format/number";
import { mainRate, type Side } from "@/lib/format/rates";

type Model = Schema<"Model">;

function cached(model: Model): string | undefined {
  return model.price?.rates.in_cached;
}

function rateColumn(side: Side, header: string): Column<Model> {
  const rate = (model: Model) => mainRate(model.price?.rates ?? {}, side)?.value ?? "0";
  return {
    id: side,
    header,
    accessorFn: rate,
    meta: { align: "right" },
    sortFn: (a, b) => compareMoney(rate(a.original), rate(b.original)),
    cell: ({ row: { original: model } }) => {
      if (model.price) return <MainRate rates={model.price.rates} side={side} />;
      // Said once a row: in the first of the price columns, which every width shows.
      return side === "in" ? <span className="text-faint">no price yet</span> : null;
    },
  };
}

export function modelColumns(onOpen: (model: Model) => void): Column<Model>[] {
  return [
    {
      accessorKey: "name",
      header: "Model",
      cell: ({ row: { original: model } }) => (
        <div className="py-2">
          <button
            type="button"
            onClick={() => onOpen(model)}
            className="rounded-sm text-left font-medium group-hover/row:underline"
          >
            {model.name}
          </button>
          <p className="flex flex-wrap items-center gap-1.5 text-faint text-xs">
            {model.display_name}
            {model.simulated ? <Badge tone="warning">simulated</Badge> : null}
            {model.available ? null : <Badge tone="danger">unavailable</Badge>}
            {model.state === "active" ? null : <Badge>{model.state}</Badge>}
          </p>
        </div>
      ),
    },
    {
      id: "capabilities",
      header: "Can do",
      meta: { from: "md" },
      enableSorting: false,
      cell: ({ row }) => (
        <span className="flex flex-wrap gap-1">
          {row.original.capabilities.map((name) => (
            <Badge key={name} tone="accent">
              {name}
            </Badge>
          ))}
        </span>
      ),
    },
    {
      accessorKey: "context_length",
      header: "Context",
      meta: { align: "right", from: "md" },
      cell: ({ row }) => (
        <span className="tabular-nums">{formatCompact(row.original.context_length)}</span>
      ),
    },
    rateColumn("in", "Input"),
    {
      id: "cached",
      header: "Cached",
      accessorFn: cached,
      meta: { align: "right", from: "lg" },
      sortFn: (a, b) => compareMoney(cached(a.original) ?? "0", cached(b.original) ?? "0"),
      cell: ({ row: { original: model } }) => {
        const value = cached(model);
        if (value !== undefined) return <Money value={value} precision="short" />;
        return model.price ? <span className="text-faint">none</span> : null;
      },
    },
    rateColumn("out", "Output"),
  ];
}
