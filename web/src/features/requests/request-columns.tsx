import type { Column } from "@/components/table/data-table";
import { Money } from "@/components/ui/money";
import { StateBadge } from "@/components/ui/state-badge";
import { Time } from "@/components/ui/time";
import type { Schema } from "@/lib/api/client";
import { formatCount, formatMillis } from "@/lib/format/number";
import { className } from "@/lib/format/words";

export type Request = Schema<"RequestSummary">;

/** With a token class, also what each request has of it: figures that add up to the invoice line. */
export function requestColumns(
  onOpen: (id: string) => void,
  tokenClass?: Schema<"TokenClass">,
): Column<Request>[] {
  return [
    {
      id: "time",
      header: "Time",
      cell: ({ row }) => (
        <button
          type="button"
          onClick={() => onOpen(row.original.id)}
          className="rounded-sm text-left group-hover/row:underline"
        >
          <Time value={row.original.occurred_at} style="seconds" />
        </button>
      ),
    },
    {
      id: "model",
      header: "Model",
      cell: ({ row: { original: request } }) => (
        <div className="py-2">
          <span className="font-medium">{request.served_model || request.requested_model}</span>
          {request.served_model && request.served_model !== request.requested_model ? (
            <p className="text-faint text-xs">asked for {request.requested_model}</p>
          ) : null}
        </div>
      ),
    },
    { id: "key", header: "Key", meta: { from: "lg" }, cell: ({ row }) => row.original.key_name },
    {
      id: "outcome",
      header: "Outcome",
      meta: { from: "md" },
      cell: ({ row }) => <StateBadge state={row.original.outcome} />,
    },
    {
      id: "input",
      header: "In",
      meta: { align: "right", from: "md" },
      cell: ({ row }) => (
        <span className="tabular-nums">{formatCount(row.original.input_tokens)}</span>
      ),
    },
    {
      id: "output",
      header: "Out",
      meta: { align: "right", from: "md" },
      cell: ({ row }) => (
        <span className="tabular-nums">{formatCount(row.original.output_tokens)}</span>
      ),
    },
    {
      id: "duration",
      header: "Duration",
      meta: { align: "right", from: "lg" },
      cell: ({ row }) => (
        <span className="whitespace-nowrap tabular-nums">
          {formatMillis(row.original.duration_ms)}
        </span>
      ),
    },
    {
      id: "cost",
      header: tokenClass ? "Total cost" : "Cost",
      meta: tokenClass ? { align: "right", from: "lg" } : { align: "right" },
      cell: ({ row }) => <Money value={row.original.charge} precision="micro" />,
    },
    ...(tokenClass ? classColumns(className(tokenClass)) : []),
  ];
}

function classColumns(name: string): Column<Request>[] {
  return [
    {
      id: "class_units",
      header: `${name} · units`,
      meta: { align: "right", from: "sm" },
      cell: ({ row }) => (
        <span className="tabular-nums">{formatCount(row.original.class_units ?? 0)}</span>
      ),
    },
    {
      id: "class_charge",
      header: `${name} · cost`,
      meta: { align: "right" },
      cell: ({ row }) => <Money value={row.original.class_charge ?? "0"} precision="exact" />,
    },
  ];
}
