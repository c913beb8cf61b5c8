/** One band of a stacked chart. Values are heights for the plot, never figures to be read. */
export interface Series {
  key: string;
  name: string;
  values: number[];
}

const COLOURS = [
  "var(--series-1)",
  "var(--series-2)",
  "var(--series-3)",
  "var(--series-4)",
  "var(--series-5)",
  "var(--series-6)",
  "var(--series-7)",
];

export const REST = "__rest";

export function seriesColour(key: string, position: number): string {
  if (key === REST) return "var(--series-rest)";
  return COLOURS[position % COLOURS.length] ?? "var(--series-rest)";
}

/** Keeps the largest `limit` series apart and adds the others up, so that colours stay distinct. */
export function foldSeries(series: Series[], limit = 6): Series[] {
  const total = (one: Series) => one.values.reduce((sum, value) => sum + value, 0);
  const ordered = [...series].sort((a, b) => total(b) - total(a));
  if (ordered.length <= limit) return ordered;
  const rest = ordered.slice(limit - 1);
  const length = Math.max(...rest.map((one) => one.values.length));
  const values = Array.from({ length }, (_, at) =>
    rest.reduce((sum, one) => sum + (one.values[at] ?? 0), 0),
  );
  return [...ordered.slice(0, limit - 1), { key: REST, name: `${rest.length} others`, values }];
}
