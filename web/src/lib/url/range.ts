import { utcDayOffset } from "@/lib/format/time";

/** The spans that pages with usage offer. Days are UTC, as on the invoice. */
export const RANGES = ["24h", "7d", "30d", "90d", "month"] as const;
export type Range = (typeof RANGES)[number];

export const RANGE_NAMES: Record<Range, string> = {
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
  "90d": "Last 90 days",
  month: "This month",
};

const DAYS: Record<Exclude<Range, "month" | "24h">, number> = { "7d": 7, "30d": 30, "90d": 90 };

export interface Span {
  /** First moment, RFC 3339. */
  from: string;
  /** First moment after the span, RFC 3339. */
  to: string;
  /** Every UTC day it touches, yyyy-mm-dd. */
  days: string[];
}

/** Whole UTC days ending with today, so that the span is stable while the page is open. */
export function spanOf(range: Range, now = new Date()): Span {
  const today = utcDayOffset(0, now);
  const tomorrow = utcDayOffset(1, now);
  const first =
    range === "month"
      ? `${today.slice(0, 7)}-01`
      : utcDayOffset(range === "24h" ? -1 : 1 - DAYS[range], now);
  const days: string[] = [];
  for (let at = new Date(`${first}T00:00:00Z`); ; at = new Date(at.getTime() + 86_400_000)) {
    const day = at.toISOString().slice(0, 10);
    if (day >= tomorrow) break;
    days.push(day);
  }
  return { from: `${first}T00:00:00Z`, to: `${tomorrow}T00:00:00Z`, days };
}
