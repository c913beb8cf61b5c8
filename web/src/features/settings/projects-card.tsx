import { zodResolver } from "@hookform/resolvers/zod";
import { Archive, FolderPlus, Pencil, RotateCcw } from "lucide-react";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { required } from "@/components/form/rules";
import { type Column, DataTable } from "@/components/table/data-table";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { RowMenu } from "@/components/ui/menu";
import { useToast } from "@/components/ui/toast";
import { api, query, type Schema } from "@/lib/api/client";
import { errorText } from "@/lib/api/errors";
import { useInvalidate } from "@/lib/api/invalidate";
import { ALL } from "@/lib/api/paging";
import { useSession } from "@/lib/auth/session";
import { formatCount } from "@/lib/format/number";

type Project = Schema<"Project">;

export function ProjectsCard() {
  const { can } = useSession();
  const canWrite = can("projects.write");
  const toast = useToast();
  const invalidate = useInvalidate();
  const [dialog, setDialog] = useState<Project | "new">();
  const projects = query.useQuery("get", "/projects", {
    params: { query: { limit: ALL, archived: true } },
  });

  const archive = async (project: Project) => {
    try {
      await api.PATCH("/projects/{project_id}", {
        params: { path: { project_id: project.id } },
        body: { archived: !project.archived },
      });
      await invalidate("/projects");
      toast(`${project.name} is ${project.archived ? "restored" : "archived"}`);
    } catch (error) {
      toast(errorText(error), "danger");
    }
  };

  const columns: Column<Project>[] = [
    {
      accessorKey: "name",
      header: "Project",
      cell: ({ row }) => (
        <span className="flex items-center gap-2 font-medium">
          {row.original.name}
          {row.original.archived ? <Badge>Archived</Badge> : null}
        </span>
      ),
    },
    {
      accessorKey: "active_keys",
      header: "Active keys",
      meta: { align: "right" },
      cell: ({ row }) => (
        <span className="tabular-nums">{formatCount(row.original.active_keys)}</span>
      ),
    },
    {
      id: "actions",
      header: () => <span className="sr-only">Actions</span>,
      enableSorting: false,
      meta: { align: "right", width: "w-12" },
      cell: ({ row: { original: project } }) =>
        canWrite ? (
          <RowMenu
            label={`Actions for ${project.name}`}
            actions={[
              {
                label: "Rename",
                icon: <Pencil aria-hidden />,
                onSelect: () => setDialog(project),
              },
              {
                label: project.archived ? "Restore" : "Archive",
                icon: project.archived ? <RotateCcw aria-hidden /> : <Archive aria-hidden />,
                disabled: !project.archived && project.active_keys > 0,
                onSelect: () => void archive(project),
              },
            ]}
          />
        ) : null,
    },
  ];

  return (
    <Card>
      <CardHeader
        title="Projects"
        description="Groups of keys. One with active keys cannot be archived."
        actions={
          canWrite ? (
            <Button
              size="sm"
              icon={<FolderPlus className="size-4" aria-hidden />}
              onClick={() => setDialog("new")}
            >
              New project
            </Button>
          ) : null
        }
      />
      <DataTable
        columns={columns}
        rows={projects.data?.items ?? []}
        rowId={(project) => project.id}
        label="Projects"
        loading={projects.isPending}
        empty={<Empty title="No projects yet" />}
      />
      {dialog ? (
        <ProjectDialog
          project={dialog === "new" ? undefined : dialog}
          onClose={() => setDialog(undefined)}
        />
      ) : null}
    </Card>
  );
}

const schema = z.object({ name: required("A name").max(120) });

function ProjectDialog({
  project,
  onClose,
}: {
  project: Project | undefined;
  onClose: () => void;
}) {
  const invalidate = useInvalidate();
  const form = useForm<z.infer<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: { name: project?.name ?? "" },
  });
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title={project ? `Rename ${project.name}` : "New project"}
      form={form}
      submitLabel={project ? "Save name" : "Create project"}
      onSubmit={async (body, idempotencyKey) => {
        if (project) {
          await api.PATCH("/projects/{project_id}", {
            params: { path: { project_id: project.id } },
            body,
          });
        } else {
          await api.POST("/projects", {
            params: { header: { "Idempotency-Key": idempotencyKey } },
            body,
          });
        }
        await invalidate("/projects", "/keys");
      }}
    >
      <Field label="Name" error={form.formState.errors.name?.message}>
        <Input autoFocus {...form.register("name")} />
      </Field>
    </FormDialog>
  );
}
