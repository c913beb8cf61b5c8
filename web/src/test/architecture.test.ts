import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const MAX_LINES = 250;

const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".gen.ts") && !name.includes("mock-"))
  .map((name) => ({ name, text: readFileSync(join(ROOT, name), "utf8") }));

function imports(text: string): string[] {
  return [...text.matchAll(/from "([^"]+)"/g)].map((match) => match[1] ?? "");
}

function offenders(rule: (file: { name: string; text: string }) => string[]): string[] {
  return files.flatMap((file) =>
    rule(file).map((found) => `${relative("", file.name)} → ${found}`),
  );
}

describe("source layout", () => {
  it("features never import each other", () => {
    expect(
      offenders(({ name, text }) => {
        const own = /^features\/([^/]+)\//.exec(name)?.[1];
        if (!own) return [];
        return imports(text).filter(
          (from) => from.startsWith("@/features/") && !from.startsWith(`@/features/${own}/`),
        );
      }),
    ).toEqual([]);
  });

  it("components and lib know no feature and no route", () => {
    expect(
      offenders(({ name, text }) =>
        /^(components|lib)\//.test(name)
          ? imports(text).filter((from) => /^@\/(features|routes)\//.test(from))
          : [],
      ),
    ).toEqual([]);
  });

  it("lib draws nothing", () => {
    expect(
      offenders(({ name, text }) =>
        name.startsWith("lib/")
          ? imports(text).filter((from) => from.startsWith("@/components/"))
          : [],
      ),
    ).toEqual([]);
  });

  it(`no file is longer than ${MAX_LINES} lines`, () => {
    expect(
      offenders(({ text }) => {
        const lines = text.split("\n").length - 1;
        return lines > MAX_LINES ? [`${lines} lines`] : [];
      }),
    ).toEqual([]);
  });

  it("money is never parsed into a floating-point number", () => {
    expect(
      offenders(({ name, text }) =>
        name.endsWith("money.ts") || name.includes(".test.")
          ? []
          : [...text.matchAll(/parseFloat\(|Number\([^)]*(?:usd|amount|cost|price)/gi)].map(
              (match) => match[0],
            ),
      ),
    ).toEqual([]);
  });
});
