import { describe, expect, it } from "vitest";
import { safeReturnPath } from "./return-path";

describe("safeReturnPath", () => {
  it.each([
    ["/keys?create=true", "/keys?create=true"],
    ["/", "/"],
    [undefined, "/"],
    ["https://evil.example", "/"],
    ["//evil.example", "/"],
    ["/\\evil.example", "/"],
    ["/sign-in?next=/sign-in", "/"],
  ])("%s leads to %s", (next, want) => {
    expect(safeReturnPath(next)).toBe(want);
  });
});
