const dayTime = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const dayTimeSeconds = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const dayYear = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
});
// Usage days and billing periods are UTC by definition: showing them in local time would move them.
const utcDay = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});
const utcMonth = new Intl.DateTimeFormat("en-GB", {
  month: "long",
  year: "numeric",
  timeZone: "UTC",
});
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export type TimeStyle = "time" | "seconds" | "date" | "relative";

export function formatTime(iso: string, style: TimeStyle = "time", now = new Date()): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  switch (style) {
    case "time":
      return dayTime.format(at);
    case "seconds":
      return dayTimeSeconds.format(at);
    case "date":
      return dayYear.format(at);
    case "relative":
      return formatRelative(at, now);
  }
}

/** The same moment in UTC, for the tooltip. */
export function formatUTC(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  return `${at.toISOString().replace("T", " ").slice(0, 19)} UTC`;
}

/** A usage day (yyyy-mm-dd, UTC). */
export function formatDay(day: string): string {
  const at = new Date(`${day.slice(0, 10)}T00:00:00Z`);
  return Number.isNaN(at.getTime()) ? day : utcDay.format(at);
}

/** A billing period (yyyy-mm, UTC). */
export function formatPeriod(period: string): string {
  const at = new Date(`${period.slice(0, 7)}-01T00:00:00Z`);
  return Number.isNaN(at.getTime()) ? period : utcMonth.format(at);
}

/** The UTC day `offset` days from `from`, as yyyy-mm-dd. */
export function utcDayOffset(offset: number, from = new Date()): string {
  return new Date(from.getTime() + offset * 86_400_000).toISOString().slice(0, 10);
}

function formatRelative(at: Date, now: Date): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  const size = Math.abs(seconds);
  if (size < 45) return "just now";
  if (size < 3600) return relative.format(Math.round(seconds / 60), "minute");
  if (size < 86_400) return relative.format(Math.round(seconds / 3600), "hour");
  if (size < 30 * 86_400) return relative.format(Math.round(seconds / 86_400), "day");
  return dayYear.format(at);
}
