import { describe, expect, it } from "vitest";
import { keySchema, NEW_KEY, toCreate, toPatch } from "./key-form";

const now = new Date("2026-03-10T00:00:00Z");

describe("key form", () => {
  it("sends no limits for empty fields", () => {
    expect(toCreate({ ...NEW_KEY, name: " ci " }, now)).toEqual({
      name: "ci",
      allowed_models: [],
      expires_at: null,
      rpm: null,
      tpm: null,
      concurrency: null,
      budget: null,
    });
  });

  it("sends what was filled in", () => {
    const values = { ...NEW_KEY, name: "ci", budget: "0.5", rpm: "60", expires: "30" as const };
    expect(toCreate(values, now)).toMatchObject({
      rpm: 60,
      budget: { amount: "0.5", window: "month" },
      expires_at: "2026-04-09T00:00:00.000Z",
    });
  });

  it("leaves the expiry of a key alone unless it is changed", () => {
    expect(toPatch({ ...NEW_KEY, name: "ci", expires: "keep" }, now)).not.toHaveProperty(
      "expires_at",
    );
    expect(toPatch({ ...NEW_KEY, name: "ci", expires: "never" }, now).expires_at).toBeNull();
  });

  it.each(["-1", "1.5", "ten"])("refuses %s as a rate limit", (rpm) => {
    expect(keySchema.safeParse({ ...NEW_KEY, name: "ci", rpm }).success).toBe(false);
  });
});
