import { Sparkles } from "lucide-react";
import { useMemo } from "react";
import { type Column, DataTable } from "@/components/table/data-table";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { MainRate } from "@/components/ui/main-rate";
import { StateBadge } from "@/components/ui/state-badge";
import { query, type Schema } from "@/lib/api/client";
import { ALL } from "@/lib/api/paging";
import { formatCompact } from "@/lib/format/number";

type Model = Schema<"Model">;

function columnsFor(canWrite: boolean, onEdit: (model: Model) => void): Column<Model>[] {
  return [
    {
      accessorKey: "name",
      header: "Model",
      cell: ({ row: { original: model } }) => (
        <div className="py-2">
          <span className="font-medium">{model.name}</span>
          <p className="flex flex-wrap items-center gap-1.5 text-faint text-xs">
            {model.display_name}
            {model.price ? null : <Badge tone="danger">unpriced</Badge>}
            {model.available ? null : <Badge tone="danger">no deployment</Badge>}
          </p>
        </div>
      ),
    },
    {
      accessorKey: "state",
      header: "State",
      cell: ({ row }) => <StateBadge state={row.original.state} />,
    },
    {
      id: "capabilities",
      header: "Can do",
      enableSorting: false,
      meta: { from: "md" },
      cell: ({ row }) => row.original.capabilities.join(", "),
    },
    {
      accessorKey: "context_length",
      header: "Context",
      meta: { align: "right", from: "md" },
      cell: ({ row }) => (
        <span className="tabular-nums">{formatCompact(row.original.context_length)}</span>
      ),
    },
    {
      id: "price",
      header: "In / out per million",
      enableSorting: false,
      meta: { align: "right", from: "sm" },
      cell: ({ row }) => {
        const rates = row.original.price?.rates;
        return rates ? (
          <div className="flex items-baseline justify-end gap-1.5 whitespace-nowrap">
            <div>
              <MainRate rates={rates} side="in" />
            </div>
            <div>
              <span className="text-faint">/ </span>
              <MainRate rates={rates} side="out" />
            </div>
          </div>
        ) : null;
      },
    },
    {
      id: "actions",
      header: () => <span className="sr-only">Actions</span>,
      enableSorting: false,
      meta: { align: "right" },
      cell: ({ row }) =>
        canWrite ? (
          <Button
            size="sm"
            variant="ghost"
            aria-label={`Edit ${row.original.name}`}
            onClick={() => onEdit(row.original)}
          >
            Edit
          </Button>
        ) : null,
    },
  ];
}

export function ModelsCard({
  canWrite,
  onEdit,
}: {
  canWrite: boolean;
  onEdit: (model: Model) => void;
}) {
  const models = query.useQuery("get", "/models", { params: { query: { limit: ALL } } });
  const columns = useMemo(() => columnsFor(canWrite, onEdit), [canWrite, onEdit]);
  if (models.error) {
    return <LoadError error={models.error} onRetry={() => void models.refetch()} />;
  }
  return (
    <Card>
      <CardHeader title="Models" />
      <DataTable
        columns={columns}
        rows={models.data?.items ?? []}
        rowId={(model) => model.name}
        label="Models"
        loading={models.isPending}
        initialSort={[{ id: "name", desc: false }]}
        empty={
          <Empty icon={<Sparkles aria-hidden />} title="No models yet">
            Add a model, then a deployment of it, then a price.
          </Empty>
        }
      />
    </Card>
  );
}
