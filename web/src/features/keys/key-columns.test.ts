import { describe, expect, it } from "vitest";
import { keys } from "@/test/mock/tenant-data";
import { shownState } from "./key-columns";

describe("shownState", () => {
  const now = new Date("2026-03-10T00:00:00Z");
  const [key] = keys;

  it.each([
    ["active", null, "active"],
    ["active", "2026-03-11T00:00:00Z", "active"],
    ["active", "2026-03-10T00:00:00Z", "expired"],
    ["disabled", "2026-03-01T00:00:00Z", "expired"],
    ["revoked", "2026-03-01T00:00:00Z", "revoked"],
  ] as const)("a key that is %s and expires at %s is %s", (state, expires_at, want) => {
    if (!key) throw new Error("the mock has no key");
    expect(shownState({ ...key, state, expires_at }, now)).toBe(want);
  });
});
