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

const NICE_STEPS = [1, 2, 2.5, 5, 10];

/** Round marks for an axis from 0 to at least `peak`, four steps or so. */
export function axisTicks(peak: number): number[] {
  if (!(peak > 0)) return [0];
  const magnitude = 10 ** Math.floor(Math.log10(peak / 4));
  const step = magnitude * (NICE_STEPS.find((nice) => nice * magnitude * 4 >= peak) ?? 10);
  const count = Math.ceil(peak / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, at) => Number((at * step).toPrecision(12)));
}
