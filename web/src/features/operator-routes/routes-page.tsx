import { ArrowRight, Pencil, Plus, Route as RouteIcon, Trash2 } from "lucide-react";
import { useState } from "react";
import { type Column, DataTable } from "@/components/table/data-table";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { RowMenu } from "@/components/ui/menu";
import { Page } from "@/components/ui/page";
import { api, query, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { ALL } from "@/lib/api/paging";
import { useSession } from "@/lib/auth/session";
import { RouteDialog } from "./route-dialog";

type Route = Schema<"Route">;

export function RoutesPage() {
  const { can } = useSession();
  const canWrite = can("catalog.write");
  const invalidate = useInvalidate();
  const [editing, setEditing] = useState<Route | "new">();
  const [deleting, setDeleting] = useState<Route>();
  const routes = query.useQuery("get", "/routes", { params: { query: { limit: ALL } } });

  const columns: Column<Route>[] = [
    {
      accessorKey: "alias",
      header: "Alias",
      cell: ({ row }) => (
        <div className="py-2">
          <span className="font-medium">{row.original.alias}</span>
          <p className="text-faint text-xs">{row.original.description}</p>
        </div>
      ),
    },
    {
      id: "models",
      header: "Tried in this order",
      enableSorting: false,
      cell: ({ row }) => (
        <ol className="flex flex-wrap items-center gap-1.5 py-2">
          {row.original.models.map((model, position) => (
            <li key={model} className="flex items-center gap-1.5">
              {position > 0 ? <ArrowRight className="size-3 text-faint" aria-hidden /> : null}
              <Badge tone={position === 0 ? "accent" : "neutral"}>{model}</Badge>
            </li>
          ))}
        </ol>
      ),
    },
    {
      id: "actions",
      header: () => <span className="sr-only">Actions</span>,
      enableSorting: false,
      meta: { align: "right", width: "w-12" },
      cell: ({ row }) =>
        canWrite ? (
          <RowMenu
            label={`Actions for ${row.original.alias}`}
            actions={[
              {
                label: "Edit",
                icon: <Pencil aria-hidden />,
                onSelect: () => setEditing(row.original),
              },
              "separator",
              {
                label: "Delete…",
                icon: <Trash2 aria-hidden />,
                danger: true,
                onSelect: () => setDeleting(row.original),
              },
            ]}
          />
        ) : null,
    },
  ];

  const add = canWrite ? (
    <Button
      variant="primary"
      icon={<Plus className="size-4" aria-hidden />}
      onClick={() => setEditing("new")}
    >
      Add route
    </Button>
  ) : null;

  return (
    <Page
      title="Routes"
      description="An alias stands for several models: the first that can answer does."
      actions={add}
    >
      {routes.error ? (
        <LoadError error={routes.error} onRetry={() => void routes.refetch()} />
      ) : (
        <Card>
          <DataTable
            columns={columns}
            rows={routes.data?.items ?? []}
            rowId={(route) => route.alias}
            label="Routes"
            loading={routes.isPending}
            empty={
              <Empty icon={<RouteIcon aria-hidden />} title="No routes yet" action={add}>
                Without one, clients name a model itself.
              </Empty>
            }
          />
        </Card>
      )}
      {editing ? (
        <RouteDialog
          key={editing === "new" ? "new" : editing.alias}
          route={editing === "new" ? undefined : editing}
          onClose={() => setEditing(undefined)}
        />
      ) : null}
      <Confirm
        open={deleting !== undefined}
        onOpenChange={() => setDeleting(undefined)}
        title={`Delete ${deleting?.alias ?? ""}?`}
        confirmLabel="Delete route"
        onConfirm={async () => {
          if (!deleting) return;
          await api.DELETE("/routes/{alias}", { params: { path: { alias: deleting.alias } } });
          await invalidate("/routes", "/models");
        }}
      >
        Clients that ask for it get model_not_found within two seconds.
      </Confirm>
    </Page>
  );
}
