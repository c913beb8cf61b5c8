import { describe, expect, it } from "vitest";
import type { Schema } from "@/lib/api/client";
import { versionsInForce } from "./versions-table";

function version(id: number, model: string, validFrom: string): Schema<"PriceVersion"> {
  return {
    id,
    price_book_id: 1,
    model,
    valid_from: validFrom,
    recorded_at: "2026-01-01T00:00:00Z",
    source: "",
    proposed_by: "user:1",
    rates: {},
  };
}

describe("versionsInForce", () => {
  const now = new Date("2026-03-10T00:00:00Z");

  it("takes the version valid latest, then the one recorded last, and none of the future", () => {
    const inForce = versionsInForce(
      [
        version(1, "a", "2026-01-01T00:00:00Z"),
        version(2, "a", "2026-02-01T00:00:00Z"),
        version(3, "a", "2026-02-01T00:00:00Z"),
        version(4, "a", "2026-04-01T00:00:00Z"),
        version(5, "b", "2026-01-01T00:00:00Z"),
      ],
      now,
    );
    expect([...inForce].sort()).toEqual([3, 5]);
  });
});
