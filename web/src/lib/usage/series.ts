import type { Schema } from "@/lib/api/client";
import { moneyToPlot, sumMoney } from "@/lib/format/money";

type UsageRow = Schema<"UsageRow">;

export const DIMENSIONS = ["model", "key", "project"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export const MEASURES = ["cost", "tokens", "requests"] as const;
export type Measure = (typeof MEASURES)[number];

export interface Group {
  key: string;
  name: string;
}

/** What a usage row is grouped under. */
export function groupOf(row: UsageRow, by: Dimension): Group {
  switch (by) {
    case "model":
      return { key: row.model ?? "", name: row.model ?? "unknown model" };
    case "key":
      return { key: row.key_id ?? "", name: row.key_name ?? "deleted key" };
    case "project":
      return { key: row.project_id ?? "", name: row.project_name ?? "no project" };
  }
}

/** The height of a row in the chart. */
export function plotValue(row: UsageRow, measure: Measure): number {
  switch (measure) {
    case "cost":
      return moneyToPlot(row.charge);
    case "tokens":
      return row.input_tokens + row.output_tokens;
    case "requests":
      return row.requests;
  }
}

export interface DailySeries extends Group {
  values: number[];
}

/** One series per group with a value for every day; days without use are zero. */
export function dailySeries(
  rows: UsageRow[],
  days: string[],
  by: Dimension,
  measure: Measure,
): DailySeries[] {
  const position = new Map(days.map((day, at) => [day, at]));
  const found = new Map<string, DailySeries>();
  for (const row of rows) {
    const at = row.day === undefined ? undefined : position.get(row.day.slice(0, 10));
    if (at === undefined) continue;
    const group = groupOf(row, by);
    const series = found.get(group.key) ?? { ...group, values: days.map(() => 0) };
    series.values[at] = (series.values[at] ?? 0) + plotValue(row, measure);
    found.set(group.key, series);
  }
  return [...found.values()];
}

export interface DayTotal {
  day: string;
  requests: number;
  inputTokens: number;
  outputTokens: number;
  charge: string;
}

/** Exact totals per day, for the table behind the chart. */
export function dailyTotals(rows: UsageRow[], days: string[]): DayTotal[] {
  return days.map((day) => {
    const mine = rows.filter((row) => row.day?.slice(0, 10) === day);
    return {
      day,
      requests: mine.reduce((sum, row) => sum + row.requests, 0),
      inputTokens: mine.reduce((sum, row) => sum + row.input_tokens, 0),
      outputTokens: mine.reduce((sum, row) => sum + row.output_tokens, 0),
      charge: sumMoney(mine.map((row) => row.charge)),
    };
  });
}
