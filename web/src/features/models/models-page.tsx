import { Sparkles } from "lucide-react";
import { useMemo, useState } from "react";
import { Input } from "@/components/form/input";
import { DataTable } from "@/components/table/data-table";
import { Card } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Page } from "@/components/ui/page";
import { query, type Schema } from "@/lib/api/client";
import { ALL } from "@/lib/api/paging";
import { modelColumns } from "./model-columns";
import { ModelDrawer } from "./model-drawer";

type Model = Schema<"Model">;

function matches(model: Model, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return [
    model.name,
    model.display_name,
    ...model.aliases,
    ...model.capabilities,
    ...model.features,
  ]
    .join(" ")
    .toLowerCase()
    .includes(wanted);
}

export function ModelsPage({
  text,
  onTextChange,
}: {
  text: string;
  onTextChange: (text: string) => void;
}) {
  const [opened, setOpened] = useState<Model>();
  const models = query.useQuery("get", "/models", { params: { query: { limit: ALL } } });
  const rows = (models.data?.items ?? []).filter((model) => matches(model, text));
  const columns = useMemo(() => modelColumns(setOpened), []);
  return (
    <Page
      title="Models"
      description="What your keys can call, at your prices in USD per million tokens or other units."
    >
      {models.error ? (
        <LoadError error={models.error} onRetry={() => void models.refetch()} />
      ) : (
        <Card>
          <div className="border-border border-b px-4 py-3 sm:px-5">
            <div className="max-w-80">
              <Input
                type="search"
                aria-label="Search models"
                placeholder="Search by name, alias or feature"
                className="h-8! text-sm!"
                value={text}
                onChange={(event) => onTextChange(event.target.value)}
              />
            </div>
          </div>
          <DataTable
            columns={columns}
            rows={rows}
            rowId={(model) => model.name}
            label="Models"
            loading={models.isPending}
            onRowClick={setOpened}
            initialSort={[{ id: "name", desc: false }]}
            empty={
              <Empty icon={<Sparkles aria-hidden />} title="No model matches">
                {text ? "Try another word." : "The operator has not added any models yet."}
              </Empty>
            }
          />
        </Card>
      )}
      <ModelDrawer model={opened} onClose={() => setOpened(undefined)} />
    </Page>
  );
}
