import type { Column } from "@/components/table/data-table";
import { Badge } from "@/components/ui/badge";
import { Money } from "@/components/ui/money";
import type { Schema } from "@/lib/api/client";
import { compareMoney } from "@/lib/format/money";
import { formatCompact } from "@/lib/format/number";

type Model = Schema<"Model">;

function rate(model: Model, name: string): string | undefined {
  return model.price?.rates[name];
}

function rateColumn(name: string, header: string, from?: "sm" | "lg"): Column<Model> {
  return {
    id: name,
    header,
    accessorFn: (model) => rate(model, name) ?? "",
    meta: { align: "right", ...(from ? { from } : {}) },
    sortFn: (a, b) => compareMoney(rate(a.original, name) ?? "0", rate(b.original, name) ?? "0"),
    cell: ({ row: { original: model } }) => {
      if (!model.price) {
        // Said once a row: in the first of the price columns, which every width shows.
        return name === "in_text" ? <span className="text-faint">no price yet</span> : null;
      }
      const value = rate(model, name);
      return value === undefined ? (
        <span className="text-faint" title="Not priced">
          none
        </span>
      ) : (
        <Money value={value} precision="short" />
      );
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
    rateColumn("in_text", "Input"),
    rateColumn("in_cached", "Cached", "lg"),
    rateColumn("out_text", "Output"),
  ];
}
