import { describe, expect, it } from "vitest";
import type { Schema } from "@/lib/api/client";
import { invoiceAddsUp } from "./invoice-sum";

const invoice: Schema<"Invoice"> = {
  id: "0",
  number: "SL-1",
  month: "2026-02",
  period_start: "2026-02-01T00:00:00Z",
  period_end: "2026-03-01T00:00:00Z",
  state: "finalized",
  usage: "12.345678901",
  credit: "2",
  carry_in: "0.001234567",
  billed: "10.34",
  carry_out: "0.006913468",
  tax: "0",
  hosted_url: null,
  lines: 0,
  created_at: "2026-03-01T00:00:00Z",
  finalized_at: null,
  paid_at: null,
};

describe("invoiceAddsUp", () => {
  it("holds for figures that agree", () => {
    expect(invoiceAddsUp(invoice)).toBe(true);
  });

  it("notices one nano-dollar", () => {
    expect(invoiceAddsUp({ ...invoice, usage: "12.345678902" })).toBe(false);
  });
});
