import type { Schema } from "@/lib/api/client";
import { moneyToString, sumMoney } from "@/lib/format/money";
import { utcDayOffset } from "@/lib/format/time";

/** Believable data for screenshots and tests, the same on every run of a day. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

export function uuid(n: number): string {
  return `0192f1c0-7b2a-7000-8000-${n.toString(16).padStart(12, "0")}`;
}

export const PLATFORM = "00000000-0000-0000-0000-000000000000";
export const TENANT = uuid(1);

export const at = (minutesAgo: number): string =>
  new Date(Date.now() - minutesAgo * 60_000).toISOString();

export const KEYS = [
  { id: uuid(11), name: "checkout service", budget: "250", spent: "214.118402", project: 0 },
  { id: uuid(12), name: "support bot", budget: "100", spent: "31.400211", project: 0 },
  { id: uuid(13), name: "nightly evals", budget: undefined, spent: "12.09411", project: 1 },
  { id: uuid(14), name: "laptop of Mika", budget: "5", spent: "5.000014", project: 1 },
];

export const PROJECTS = [
  { id: uuid(21), name: "Production" },
  { id: uuid(22), name: "Research" },
];

export const MODELS = ["demo/echo", "demo/slow", "demo/flaky", "demo/embed"];

const RATES: Record<string, Record<string, string>> = {
  "demo/echo": { in_text: "1", in_cached: "0.1", out_text: "2", out_reasoning: "2" },
  "demo/slow": { in_text: "3", in_cached: "0.3", out_text: "15" },
  "demo/flaky": { in_text: "0.5", out_text: "1.5" },
  "demo/embed": { in_text: "0.02" },
};

export function ratesOf(model: string): Record<string, string> {
  return RATES[model] ?? {};
}

interface Use {
  day: string;
  model: string;
  key: number;
  requests: number;
  input: number;
  output: number;
  charge: string;
}

/** Ninety days of use with weekends, growth and one spike. */
export function makeUse(): Use[] {
  const random = createRandom(7);
  const uses: Use[] = [];
  for (let back = 89; back >= 0; back--) {
    const day = utcDayOffset(-back);
    const weekday = new Date(`${day}T00:00:00Z`).getUTCDay();
    const calm = weekday === 0 || weekday === 6 ? 0.35 : 1;
    const spike = back === 11 ? 3.4 : 1;
    for (const [position, model] of MODELS.entries()) {
      for (const key of [0, 1, 2, 3]) {
        const requests = Math.round(
          (140 / (position + 1.2) / (key + 1)) *
            calm *
            spike *
            (1.4 - back / 120) *
            (0.5 + random()),
        );
        if (requests === 0) continue;
        const input = requests * Math.round(420 + random() * 900);
        const output = model === "demo/embed" ? 0 : requests * Math.round(120 + random() * 380);
        uses.push({ day, model, key, requests, input, output, charge: cost(model, input, output) });
      }
    }
  }
  return uses;
}

export function cost(model: string, input: number, output: number): string {
  const nano = (rate: string | undefined, units: number) =>
    (BigInt(Math.round(Number(rate ?? "0") * 1000)) * 1_000_000n * BigInt(units)) / 1_000_000n;
  const rates = ratesOf(model);
  return moneyToString(nano(rates.in_text, input) + nano(rates.out_text, output));
}

type Row = Schema<"UsageRow">;

export function groupUse(uses: Use[], by: string[]): Row[] {
  const groups = new Map<string, Use[]>();
  for (const use of uses) {
    const name = by
      .map((dimension) =>
        dimension === "day"
          ? use.day
          : dimension === "model"
            ? use.model
            : dimension === "key"
              ? use.key
              : (KEYS[use.key]?.project ?? 0),
      )
      .join("|");
    groups.set(name, [...(groups.get(name) ?? []), use]);
  }
  return [...groups.values()].map((group) => {
    const first = group[0];
    const key = KEYS[first?.key ?? 0];
    const project = PROJECTS[key?.project ?? 0];
    return {
      ...(by.includes("day") ? { day: first?.day } : {}),
      ...(by.includes("model") ? { model: first?.model } : {}),
      ...(by.includes("key") ? { key_id: key?.id, key_name: key?.name } : {}),
      ...(by.includes("project") ? { project_id: project?.id, project_name: project?.name } : {}),
      ...total(group),
    };
  });
}

export function total(uses: Use[]): Row {
  const input = uses.reduce((sum, use) => sum + use.input, 0);
  const output = uses.reduce((sum, use) => sum + use.output, 0);
  return {
    requests: uses.reduce((sum, use) => sum + use.requests, 0),
    input_tokens: input,
    output_tokens: output,
    units: input + output,
    charge: sumMoney(uses.map((use) => use.charge)),
  };
}
