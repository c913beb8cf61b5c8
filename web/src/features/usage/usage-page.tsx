import { Activity, Download } from "lucide-react";
import { useState } from "react";
import { MEASURE_NAMES, UsageChart } from "@/components/chart/usage-chart";
import { FilterSelect } from "@/components/form/filter-select";
import { RangeSelect } from "@/components/form/range-select";
import { DataTable } from "@/components/table/data-table";
import { Button } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { Page } from "@/components/ui/page";
import { Segmented } from "@/components/ui/segmented";
import { useToast } from "@/components/ui/toast";
import { csvApi, query } from "@/lib/api/client";
import { errorText } from "@/lib/api/errors";
import { useKeyChoices, useModelChoices } from "@/lib/api/lookups";
import { downloadText } from "@/lib/format/download";
import { type Range, spanOf } from "@/lib/url/range";
import { DIMENSIONS, type Dimension, MEASURES, type Measure } from "@/lib/usage/series";
import { UsageTotal, usageColumns } from "./usage-columns";

export interface UsageSearch {
  range: Range;
  by: Dimension;
  measure: Measure;
  model?: string | undefined;
  key?: string | undefined;
}

const DIMENSION_NAMES: Record<Dimension, string> = {
  model: "Model",
  key: "Key",
  project: "Project",
};

export function UsagePage({
  search,
  onSearchChange,
}: {
  search: UsageSearch;
  onSearchChange: (patch: Partial<UsageSearch>) => void;
}) {
  const toast = useToast();
  const [exporting, setExporting] = useState(false);
  const keys = useKeyChoices();
  const models = useModelChoices();
  const span = spanOf(search.range);
  const filter = {
    from: span.days[0],
    to: span.days.at(-1),
    model: search.model,
    key_id: search.key,
  };
  const daily = query.useQuery(
    "get",
    "/usage",
    { params: { query: { ...filter, group_by: ["day", search.by] } } },
    { refetchInterval: 15_000 },
  );
  const grouped = query.useQuery(
    "get",
    "/usage",
    { params: { query: { ...filter, group_by: [search.by] } } },
    { refetchInterval: 15_000 },
  );

  const exportCSV = async () => {
    setExporting(true);
    try {
      const { data } = await csvApi.GET("/usage", {
        params: {
          query: { ...filter, group_by: ["day", "model", "key", "class"], format: "csv" },
        },
        parseAs: "text",
      });
      downloadText(`starlane-usage-${filter.from}-${filter.to}.csv`, data ?? "");
    } catch (error) {
      toast(errorText(error), "danger");
    } finally {
      setExporting(false);
    }
  };

  return (
    <Page
      title="Usage"
      description="Days are UTC days of posting, so every sum here agrees with the ledger and the invoice."
      actions={
        <Button
          busy={exporting}
          onClick={() => void exportCSV()}
          icon={<Download className="size-4" aria-hidden />}
        >
          Export CSV
        </Button>
      }
    >
      <div className="flex flex-wrap items-center gap-2">
        <RangeSelect
          value={search.range}
          onChange={(range) => onSearchChange({ range })}
          only={["7d", "30d", "90d", "month"]}
        />
        <FilterSelect
          label="Model"
          anyLabel="All models"
          value={search.model}
          options={models}
          onChange={(model) => onSearchChange({ model })}
        />
        <FilterSelect
          label="Key"
          anyLabel="All keys"
          value={search.key}
          options={keys}
          onChange={(key) => onSearchChange({ key })}
        />
      </div>
      <UsageChart
        title={MEASURE_NAMES[search.measure]}
        description={`By ${search.by}, per UTC day`}
        rows={daily.data?.items ?? []}
        days={span.days}
        by={search.by}
        measure={search.measure}
        loading={daily.isPending}
        error={daily.error}
        onRetry={() => void daily.refetch()}
        actions={
          <Segmented<Measure>
            label="Measure"
            value={search.measure}
            onChange={(measure) => onSearchChange({ measure })}
            options={MEASURES.map((value) => ({ value, label: MEASURE_NAMES[value] }))}
          />
        }
      />
      <Card>
        <CardHeader
          title="Breakdown"
          actions={
            <Segmented<Dimension>
              label="Group by"
              value={search.by}
              onChange={(by) => onSearchChange({ by })}
              options={DIMENSIONS.map((value) => ({ value, label: DIMENSION_NAMES[value] }))}
            />
          }
        />
        <DataTable
          key={search.by}
          columns={usageColumns(search.by, DIMENSION_NAMES[search.by], grouped.data?.total)}
          rows={grouped.data?.items ?? []}
          rowId={(row) => `${row.model ?? ""}|${row.key_id ?? ""}|${row.project_id ?? ""}`}
          label={`Usage by ${search.by}`}
          loading={grouped.isPending}
          initialSort={[{ id: "charge", desc: true }]}
          footer={grouped.data ? <UsageTotal total={grouped.data.total} /> : null}
          empty={
            <Empty icon={<Activity aria-hidden />} title="Nothing matches">
              Widen the time range or drop a filter.
            </Empty>
          }
        />
      </Card>
    </Page>
  );
}
