import { ScrollText } from "lucide-react";
import { type Column, DataTable } from "@/components/table/data-table";
import { LinkButton, TextLink } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { Money } from "@/components/ui/money";
import { StateBadge } from "@/components/ui/state-badge";
import { Time } from "@/components/ui/time";
import { query, type Schema } from "@/lib/api/client";
import { formatCount } from "@/lib/format/number";

type Row = Schema<"RequestSummary">;

const columns: Column<Row>[] = [
  {
    id: "model",
    header: "Model",
    cell: ({ row }) => (
      <TextLink to="/requests" search={{ id: row.original.id }} className="text-fg!">
        {row.original.served_model || row.original.requested_model}
      </TextLink>
    ),
  },
  { id: "key", header: "Key", meta: { from: "md" }, cell: ({ row }) => row.original.key_name },
  {
    id: "outcome",
    header: "Outcome",
    meta: { from: "sm" },
    cell: ({ row }) => <StateBadge state={row.original.outcome} />,
  },
  {
    id: "tokens",
    header: "Tokens",
    meta: { align: "right", from: "md" },
    cell: ({ row }) => (
      <span className="tabular-nums">
        {formatCount(row.original.input_tokens + row.original.output_tokens)}
      </span>
    ),
  },
  {
    id: "cost",
    header: "Cost",
    meta: { align: "right" },
    cell: ({ row }) => <Money value={row.original.charge} precision="micro" />,
  },
  {
    id: "time",
    header: "When",
    meta: { align: "right" },
    cell: ({ row }) => <Time value={row.original.occurred_at} style="relative" />,
  },
];

export function RecentRequests() {
  const { data, isPending } = query.useQuery(
    "get",
    "/requests",
    { params: { query: { limit: 6 } } },
    { refetchInterval: 5_000 },
  );
  return (
    <Card>
      <CardHeader
        title="Latest requests"
        actions={
          <LinkButton to="/requests" size="sm" variant="ghost">
            See all
          </LinkButton>
        }
      />
      <DataTable
        columns={columns}
        rows={data?.items ?? []}
        rowId={(row) => row.id}
        label="Latest requests"
        loading={isPending}
        sortable={false}
        empty={
          <Empty icon={<ScrollText aria-hidden />} title="No requests yet">
            They appear here within two seconds of the answer.
          </Empty>
        }
      />
    </Card>
  );
}
