import { describe, expect, it } from "vitest";
import { formatDay, formatPeriod, formatTime, formatUTC, utcDayOffset } from "./time";

const now = new Date("2026-03-10T12:00:00Z");

describe("times", () => {
  it("gives the UTC moment for the tooltip", () => {
    expect(formatUTC("2026-03-10T11:22:33+02:00")).toBe("2026-03-10 09:22:33 UTC");
  });

  it.each([
    ["2026-03-10T11:59:50Z", "just now"],
    ["2026-03-10T11:40:00Z", "20 minutes ago"],
    ["2026-03-10T02:00:00Z", "10 hours ago"],
    ["2026-03-08T12:00:00Z", "2 days ago"],
  ])("tells %s as %s", (iso, want) => {
    expect(formatTime(iso, "relative", now)).toBe(want);
  });

  it("keeps usage days and periods in UTC", () => {
    expect(formatDay("2026-03-01")).toBe("1 Mar");
    expect(formatPeriod("2026-03")).toBe("March 2026");
    expect(utcDayOffset(-9, now)).toBe("2026-03-01");
  });

  it("shows what is not a time as it came", () => {
    expect(formatTime("soon")).toBe("soon");
  });
});
