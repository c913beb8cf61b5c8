import { describe, expect, it } from "vitest";
import type { Schema } from "@/lib/api/client";
import { dailySeries, dailyTotals } from "./series";

function row(day: string, model: string, charge: string, requests = 1): Schema<"UsageRow"> {
  return { day, model, charge, requests, input_tokens: 10, output_tokens: 5, units: 15 };
}

const days = ["2026-03-01", "2026-03-02"];
const rows = [
  row("2026-03-01", "a", "0.1"),
  row("2026-03-01", "b", "0.2"),
  row("2026-03-02", "a", "0.000000001", 3),
  row("2026-02-28", "a", "99"),
];

describe("dailySeries", () => {
  it("gives every group a value for every day and drops days outside", () => {
    expect(dailySeries(rows, days, "model", "requests")).toEqual([
      { key: "a", name: "a", values: [1, 3] },
      { key: "b", name: "b", values: [1, 0] },
    ]);
  });
});

describe("dailyTotals", () => {
  it("adds charges exactly", () => {
    expect(dailyTotals(rows, days).map((total) => total.charge)).toEqual(["0.3", "0.000000001"]);
  });
});
