import { describe, expect, it } from "vitest";
import {
  compareMoney,
  formatMoney,
  moneyParts,
  moneyShare,
  moneyToString,
  parseMoney,
  sumMoney,
} from "./money";

describe("parseMoney", () => {
  it.each([
    ["0", 0n],
    ["1", 1_000_000_000n],
    ["-1.5", -1_500_000_000n],
    ["0.000000001", 1n],
    ["9223372036.854775807", 9_223_372_036_854_775_807n],
    ["25.00", 25_000_000_000n],
  ])("reads %s", (text, want) => {
    expect(parseMoney(text)).toBe(want);
  });

  it.each(["", "1e3", "1.", ".5", "0.0000000001", "1,000", "$1", "NaN"])("refuses %j", (text) => {
    expect(parseMoney(text)).toBeUndefined();
  });

  it("round-trips through the API's form", () => {
    for (const text of ["0", "12.34", "-0.000000001", "1000000", "0.1"]) {
      expect(moneyToString(parseMoney(text) ?? -1n)).toBe(text);
    }
  });
});

describe("formatMoney", () => {
  it.each([
    ["0", "cents", "$0.00"],
    ["1234567.891", "cents", "$1,234,567.89"],
    ["0.005", "cents", "$0.01"],
    ["0.004", "cents", "<$0.01"],
    ["-0.004", "cents", "<−$0.01"],
    ["-12.5", "cents", "−$12.50"],
    ["0.0000004", "micro", "<$0.000001"],
    ["0.000126", "micro", "$0.000126"],
    ["3", "exact", "$3.000000000"],
    ["0.000000001", "exact", "$0.000000001"],
    ["0.1", "short", "$0.10"],
    ["0.0125", "short", "$0.0125"],
  ] as const)("shows %s in %s as %s", (value, precision, want) => {
    expect(formatMoney(value, precision)).toBe(want);
  });

  it("marks a credit when asked to", () => {
    expect(formatMoney("5", "cents", true)).toBe("+$5.00");
  });

  it("keeps what is not an amount readable", () => {
    expect(formatMoney("n/a")).toBe("n/a");
  });

  it("separates digits that inform from zeros that align", () => {
    expect(moneyParts("1.25", "micro")).toMatchObject({ fraction: "25", padding: "0000" });
  });
});

describe("arithmetic", () => {
  it("adds without losing a nano-dollar", () => {
    expect(sumMoney(["0.1", "0.2", "0.000000001"])).toBe("0.300000001");
  });

  it("orders amounts by value, not by text", () => {
    expect(["10", "9.5", "-1"].sort(compareMoney)).toEqual(["-1", "9.5", "10"]);
  });

  it("keeps a share within its bar", () => {
    expect(moneyShare("5", "10")).toBe(0.5);
    expect(moneyShare("15", "10")).toBe(1);
    expect(moneyShare("5", "0")).toBe(0);
  });
});
