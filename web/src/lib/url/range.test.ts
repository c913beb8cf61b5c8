import { describe, expect, it } from "vitest";
import { spanOf } from "./range";

const now = new Date("2026-03-10T23:30:00Z");

describe("spanOf", () => {
  it("covers whole UTC days up to and including today", () => {
    const span = spanOf("7d", now);
    expect(span.from).toBe("2026-03-04T00:00:00Z");
    expect(span.to).toBe("2026-03-11T00:00:00Z");
    expect(span.days).toHaveLength(7);
    expect(span.days.at(-1)).toBe("2026-03-10");
  });

  it("starts the month on its first day", () => {
    expect(spanOf("month", now).days).toHaveLength(10);
  });
});
