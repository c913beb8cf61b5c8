import { describe, expect, it } from "vitest";
import { toCSV } from "./csv";

describe("toCSV", () => {
  it("quotes what would break a row", () => {
    expect(toCSV(["a", "b"], [['say "hi"', "x,y"]])).toBe('a,b\r\n"say ""hi""","x,y"\r\n');
  });

  it("keeps numbers and negative amounts as they are", () => {
    expect(toCSV(["n", "usd"], [[12, "-0.5"]])).toBe("n,usd\r\n12,-0.5\r\n");
  });

  it("defuses a key name that a spreadsheet would run", () => {
    expect(toCSV(["name"], [["=1+1"], ["-cmd"]])).toBe("name\r\n'=1+1\r\n'-cmd\r\n");
  });
});
