import { describe, expect, it } from "vitest";
import { axisTicks, foldSeries, REST, seriesColour } from "./series";

const series = Array.from({ length: 9 }, (_, n) => ({
  key: `m${n}`,
  name: `m${n}`,
  values: [n, 1],
}));

describe("foldSeries", () => {
  it("keeps the largest apart and adds up the rest", () => {
    const folded = foldSeries(series, 4);
    expect(folded.map((one) => one.key)).toEqual(["m8", "m7", "m6", REST]);
    expect(folded.at(-1)?.values).toEqual([0 + 1 + 2 + 3 + 4 + 5, 6]);
  });

  it("leaves few series alone, largest first", () => {
    expect(foldSeries(series.slice(0, 2)).map((one) => one.key)).toEqual(["m1", "m0"]);
  });

  it("gives every shown series a colour of its own", () => {
    const colours = foldSeries(series).map((one, at) => seriesColour(one.key, at));
    expect(new Set(colours).size).toBe(colours.length);
  });
});

describe("axisTicks", () => {
  it.each([
    [0, [0]],
    [4, [0, 1, 2, 3, 4]],
    [9, [0, 2.5, 5, 7.5, 10]],
    [0.000237, [0, 0.0001, 0.0002, 0.0003]],
    [1200, [0, 500, 1000, 1500]],
  ])("covers %d with round marks", (peak, want) => {
    expect(axisTicks(peak)).toEqual(want);
  });
});
