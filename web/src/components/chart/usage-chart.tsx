import { ChartColumn, Table2 } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { Card, CardBody, CardHeader } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import type { Schema } from "@/lib/api/client";
import { formatCompact, formatCount } from "@/lib/format/number";
import { formatDay } from "@/lib/format/time";
import { type Dimension, dailySeries, dailyTotals, type Measure } from "@/lib/usage/series";
import { DayTable } from "./day-table";
import { plotMoney, plotMoneyAxis } from "./plot-money";
import { foldSeries } from "./series";
import { Legend, StackedBars } from "./stacked-bars";

const HEIGHT = 260;

export const MEASURE_NAMES: Record<Measure, string> = {
  cost: "Cost",
  tokens: "Tokens",
  requests: "Requests",
};

/** Usage per day, stacked by model, key or project; as bars or, for exact figures, as a table. */
export function UsageChart({
  title,
  description,
  actions,
  rows,
  days,
  by,
  measure,
  loading,
  error,
  onRetry,
  empty,
}: {
  title: string;
  description?: ReactNode;
  actions?: ReactNode;
  rows: Schema<"UsageRow">[];
  days: string[];
  by: Dimension;
  measure: Measure;
  loading: boolean;
  error?: unknown;
  onRetry?: () => void;
  empty?: ReactNode;
}) {
  const [view, setView] = useState<"chart" | "table">("chart");
  const series = useMemo(
    () => foldSeries(dailySeries(rows, days, by, measure)),
    [rows, days, by, measure],
  );
  const money = measure === "cost";
  return (
    <Card>
      <CardHeader
        title={title}
        description={description}
        actions={
          <>
            {actions}
            <Segmented
              label="Show as"
              value={view}
              onChange={setView}
              options={[
                { value: "chart", label: <ChartColumn aria-hidden />, name: "Chart" },
                { value: "table", label: <Table2 aria-hidden />, name: "Table" },
              ]}
            />
          </>
        }
      />
      <CardBody className="flex flex-col gap-4">
        {error ? (
          <LoadError error={error} {...(onRetry ? { onRetry } : {})} />
        ) : loading ? (
          <div role="status" aria-label="Loading usage">
            <Skeleton className="h-[260px] w-full rounded-md" />
          </div>
        ) : rows.length === 0 ? (
          (empty ?? (
            <Empty icon={<ChartColumn aria-hidden />} title="No usage in this time">
              The first request shows up here within two seconds.
            </Empty>
          ))
        ) : view === "table" ? (
          <DayTable totals={dailyTotals(rows, days)} />
        ) : (
          <>
            <StackedBars
              labels={days.map(formatDay)}
              series={series}
              height={HEIGHT}
              label={`${MEASURE_NAMES[measure]} per day, ${days.length} days. The table view has the figures.`}
              format={money ? plotMoney : formatCount}
              formatAxis={money ? plotMoneyAxis : formatCompact}
            />
            <Legend series={series} />
          </>
        )}
      </CardBody>
    </Card>
  );
}
