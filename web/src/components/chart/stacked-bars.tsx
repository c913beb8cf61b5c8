import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { axisTicks, type Series, seriesColour } from "./series";

interface TooltipEntry {
  dataKey?: unknown;
  value?: unknown;
}

/** Bars per day, stacked by series. Arrow keys walk the days once the chart has focus. */
export function StackedBars({
  labels,
  series,
  format,
  formatAxis,
  label,
  height = 260,
}: {
  labels: string[];
  series: Series[];
  format: (value: number) => string;
  formatAxis: (value: number) => string;
  label: string;
  height?: number;
}) {
  const rows = labels.map((day, at) => ({
    label: day,
    ...Object.fromEntries(series.map((one) => [one.key, one.values[at] ?? 0])),
  }));
  const peak = Math.max(0, ...rows.map((_, at) => sumAt(series, at)));
  const ticks = axisTicks(peak);
  // Measured from the words, not from the page: the font may still be on its way when the chart is drawn.
  const axisWidth = Math.max(...ticks.map((tick) => formatAxis(tick).length)) * 7.2 + 12;
  return (
    <div role="img" aria-label={label} style={{ height }} className="w-full">
      <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 600, height }}>
        <BarChart
          data={rows}
          margin={{ top: 8, right: 0, bottom: 0, left: 0 }}
          barCategoryGap="22%"
        >
          <CartesianGrid vertical={false} stroke="var(--border)" />
          <XAxis
            dataKey="label"
            tickLine={false}
            axisLine={{ stroke: "var(--border-strong)" }}
            tick={{ fill: "var(--muted)", fontSize: 12 }}
            interval="equidistantPreserveStart"
            minTickGap={28}
            tickMargin={8}
          />
          <YAxis
            tickLine={false}
            axisLine={false}
            width={axisWidth}
            domain={[0, ticks.at(-1) ?? 0]}
            ticks={ticks}
            tick={{ fill: "var(--muted)", fontSize: 12 }}
            tickFormatter={formatAxis}
          />
          <Tooltip
            cursor={{ fill: "var(--hover)" }}
            isAnimationActive={false}
            content={({ active, payload, label: day }) =>
              active ? (
                <TooltipCard
                  day={String(day)}
                  entries={payload as readonly TooltipEntry[]}
                  series={series}
                  format={format}
                />
              ) : null
            }
          />
          {series.map((one, position) => (
            <Bar
              key={one.key}
              dataKey={one.key}
              name={one.name}
              stackId="all"
              fill={seriesColour(one.key, position)}
              stroke="var(--surface)"
              strokeWidth={series.length > 1 ? 1 : 0}
              radius={position === series.length - 1 ? [3, 3, 0, 0] : 0}
              isAnimationActive={false}
              maxBarSize={36}
            />
          ))}
        </BarChart>
      </ResponsiveContainer>
    </div>
  );
}

function sumAt(series: Series[], at: number): number {
  return series.reduce((sum, one) => sum + (one.values[at] ?? 0), 0);
}

function TooltipCard({
  day,
  entries,
  series,
  format,
}: {
  day: string;
  entries: readonly TooltipEntry[];
  series: Series[];
  format: (value: number) => string;
}) {
  const values = new Map(entries.map((entry) => [String(entry.dataKey), Number(entry.value ?? 0)]));
  const shown = series.filter((one) => (values.get(one.key) ?? 0) > 0);
  const total = shown.reduce((sum, one) => sum + (values.get(one.key) ?? 0), 0);
  return (
    <div className="min-w-44 rounded-md bg-raised p-3 text-sm shadow-pop">
      <p className="flex justify-between gap-6 font-semibold">
        <span>{day}</span>
        <span className="tabular-nums">{format(total)}</span>
      </p>
      {series.length > 1 ? (
        <ul className="mt-2 flex flex-col gap-1">
          {shown.map((one) => (
            <li key={one.key} className="flex items-center gap-2">
              <Swatch colour={seriesColour(one.key, series.indexOf(one))} />
              <span className="min-w-0 flex-1 truncate text-muted">{one.name}</span>
              <span className="tabular-nums">{format(values.get(one.key) ?? 0)}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}

export function Swatch({ colour }: { colour: string }) {
  return (
    <span aria-hidden className="size-2.5 shrink-0 rounded-[3px]" style={{ background: colour }} />
  );
}

export function Legend({ series }: { series: Series[] }) {
  if (series.length < 2) return null;
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1.5 text-muted text-sm" aria-label="Legend">
      {series.map((one, position) => (
        <li key={one.key} className="flex items-center gap-2">
          <Swatch colour={seriesColour(one.key, position)} />
          {one.name}
        </li>
      ))}
    </ul>
  );
}
