import { Network } from "lucide-react";
import { useMemo } from "react";
import { type Column, DataTable } from "@/components/table/data-table";
import { Button } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { StateBadge } from "@/components/ui/state-badge";
import { query, type Schema } from "@/lib/api/client";
import { ALL } from "@/lib/api/paging";

type Deployment = Schema<"Deployment">;

function columnsFor(
  canWrite: boolean,
  onEdit: (deployment: Deployment) => void,
): Column<Deployment>[] {
  return [
    {
      accessorKey: "model",
      header: "Model",
      cell: ({ row: { original: one } }) => (
        <div className="py-2">
          <span className="font-medium">{one.model}</span>
          <p className="text-faint text-xs [overflow-wrap:anywhere]">
            {one.provider_slug} · {one.upstream_model}
          </p>
        </div>
      ),
    },
    {
      accessorKey: "account_name",
      header: "Account",
      meta: { from: "md" },
      cell: ({ row }) => row.original.account_name,
    },
    {
      accessorKey: "region",
      header: "Region",
      meta: { from: "md" },
      cell: ({ row }) => row.original.region,
    },
    {
      accessorKey: "state",
      header: "State",
      cell: ({ row }) => <StateBadge state={row.original.state} />,
    },
    {
      accessorKey: "weight",
      header: "Weight",
      meta: { align: "right", from: "sm" },
      cell: ({ row }) => <span className="tabular-nums">{row.original.weight}</span>,
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
            aria-label={`Edit the deployment of ${row.original.model}`}
            onClick={() => onEdit(row.original)}
          >
            Edit
          </Button>
        ) : null,
    },
  ];
}

export function DeploymentsCard({
  canWrite,
  onEdit,
}: {
  canWrite: boolean;
  onEdit: (deployment: Deployment) => void;
}) {
  const deployments = query.useQuery("get", "/deployments", { params: { query: { limit: ALL } } });
  const columns = useMemo(() => columnsFor(canWrite, onEdit), [canWrite, onEdit]);
  if (deployments.error) {
    return <LoadError error={deployments.error} onRetry={() => void deployments.refetch()} />;
  }
  return (
    <Card>
      <CardHeader
        title="Deployments"
        description="A drained one finishes its requests and gets no new ones."
      />
      <DataTable
        columns={columns}
        rows={deployments.data?.items ?? []}
        rowId={(one) => one.id}
        label="Deployments"
        loading={deployments.isPending}
        initialSort={[{ id: "model", desc: false }]}
        empty={
          <Empty icon={<Network aria-hidden />} title="No deployments yet">
            Without one, a model cannot be called.
          </Empty>
        }
      />
    </Card>
  );
}
