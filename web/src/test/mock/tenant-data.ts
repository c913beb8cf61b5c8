import type { Schema } from "@/lib/api/client";
import { sumMoney } from "@/lib/format/money";
import { at, cost, createRandom, KEYS, MODELS, PROJECTS, ratesOf, uuid } from "./data";

export { tenant } from "./tenant";

export const keys: Schema<"Key">[] = KEYS.map((key, position) => ({
  id: key.id,
  project_id: PROJECTS[key.project]?.id ?? "",
  project_name: PROJECTS[key.project]?.name ?? "",
  name: key.name,
  public_id: ["aK3v9QpL", "Zt81mNbe", "p0LwYx2d", "Qm7RcU4s"][position] ?? "00000000",
  state: position === 3 ? "disabled" : "active",
  allowed_models: position === 1 ? ["demo/echo", "demo/slow"] : [],
  rpm: position === 0 ? 600 : null,
  tpm: null,
  concurrency: null,
  budget: key.budget ? { amount: key.budget, window: position === 3 ? "day" : "month" } : null,
  spent: key.spent,
  spent_since: at(60 * 24 * 20),
  expires_at: null,
  last_used_at: position === 2 ? null : at(3 + position * 190),
  created_by: uuid(2),
  created_at: at(60 * 24 * (90 - position * 12)),
  revoked_at: null,
}));

const OUTCOMES = ["ok", "ok", "ok", "ok", "ok", "client_gone", "ok", "upstream_error", "ok", "cut"];

export const requests: Schema<"RequestSummary">[] = (() => {
  const random = createRandom(42);
  return Array.from({ length: 120 }, (_, n) => {
    const model = MODELS[Math.floor(random() * random() * MODELS.length)] ?? "demo/echo";
    const outcome = OUTCOMES[n % OUTCOMES.length] as Schema<"Outcome">;
    const failed = outcome === "upstream_error";
    const key = KEYS[Math.floor(random() * 3)];
    const input = failed ? 0 : 80 + Math.floor(random() * 2600);
    const output = failed || model === "demo/embed" ? 0 : 20 + Math.floor(random() * 900);
    return {
      id: uuid(5000 + n),
      occurred_at: at(1 + n * 3.7),
      posted_at: at(n * 3.7 + 0.98),
      key_id: key?.id ?? "",
      key_name: key?.name ?? "",
      project_id: PROJECTS[0]?.id ?? "",
      capability: model === "demo/embed" ? "embeddings" : "chat",
      requested_model: n % 9 === 4 ? "demo/auto" : model,
      served_model: model,
      provider: "sim-openai",
      outcome,
      http_status: failed ? 502 : 200,
      streamed: n % 3 !== 0,
      input_tokens: input,
      output_tokens: output,
      charge: cost(model, input, output),
      ttft_ms: failed ? null : 90 + Math.floor(random() * 300),
      duration_ms: 300 + Math.floor(random() * 4200),
    };
  });
})();

export function requestDetail(request: Schema<"RequestSummary">): Schema<"RequestDetail"> {
  const rates = ratesOf(request.served_model);
  const cached = Math.floor(request.input_tokens / 4);
  const line = (name: "in_text" | "in_cached" | "out_text", units: number, charge: string) => ({
    class: name,
    units,
    provenance: request.outcome === "ok" ? ("reported" as const) : ("estimated" as const),
    rate: rates[name] ?? null,
    charge,
  });
  const inputCost = cost(request.served_model, request.input_tokens, 0);
  return {
    ...request,
    service_tier: "default",
    price_version_id: 17,
    price_valid_from: at(60 * 24 * 90),
    estimate: request.charge,
    classes: [
      line("in_text", request.input_tokens - cached, inputCost),
      line("in_cached", cached, "0"),
      line("out_text", request.output_tokens, cost(request.served_model, 0, request.output_tokens)),
    ],
    attempts: [
      ...(request.outcome === "upstream_error"
        ? [{ deployment_id: uuid(71), status: 503, fault: "status", duration_ms: 140 }]
        : []),
      { deployment_id: uuid(72), status: request.http_status, fault: "", duration_ms: 910 },
    ],
    upstream_request_id: "chatcmpl-9f2c71",
    deployment_id: uuid(72),
    transaction_id: request.charge === "0" ? null : 48_211,
  };
}

/** Narrowed by a token class, the list says what each request has of it. */
export function requestsWith(tokenClass: string | null): Schema<"RequestSummary">[] {
  if (!tokenClass) return requests;
  return requests.flatMap((request) => {
    const line = requestDetail(request).classes.find((one) => one.class === tokenClass);
    return line?.units ? [{ ...request, class_units: line.units, class_charge: line.charge }] : [];
  });
}

export const balance: Schema<"Balance"> = {
  balance: "187.412903846",
  credit: "177.412903846",
  escrow: "10",
  receivable: "0",
  credit_limit: "0",
  billing_mode: "prepaid",
  currency: "USD",
  as_of: at(0),
};

export const lots: Schema<"CreditLot">[] = [
  {
    id: uuid(31),
    source: "promo",
    source_ref: "welcome",
    amount: "20",
    remaining: "0",
    effective_at: at(60 * 24 * 120),
    expires_at: at(60 * 24 * 30),
    expired: true,
  },
  {
    id: uuid(32),
    source: "purchase",
    source_ref: "topup:0192",
    amount: "100",
    remaining: "27.412903846",
    effective_at: at(60 * 24 * 41),
    expires_at: null,
    expired: false,
  },
  {
    id: uuid(33),
    source: "purchase",
    source_ref: "topup:0193",
    amount: "150",
    remaining: "150",
    effective_at: at(60 * 24 * 6),
    expires_at: null,
    expired: false,
  },
];

export const topups: Schema<"Topup">[] = (
  ["session_open", "credited", "credited", "expired"] as const
).map((state, n) => ({
  id: uuid(41 + n),
  amount: ["50", "150", "100", "25"][n] ?? "25",
  state,
  checkout_url: state === "session_open" ? "http://127.0.0.1:8083/pay/cs_demo" : null,
  created_by: "mika@northwind.example",
  created_at: at(n === 0 ? 4 : 60 * 24 * (n * 20 - 14)),
  credited_at: state === "credited" ? at(60 * 24 * (n * 20 - 14) - 2) : null,
}));

const LINES = [
  ["demo/echo", "in_text", 41_221_904, "41.221904"],
  ["demo/echo", "in_cached", 9_100_218, "0.910021800"],
  ["demo/echo", "out_text", 12_410_551, "24.821102"],
  ["demo/slow", "in_text", 2_100_402, "6.301206"],
  ["demo/slow", "out_text", 610_223, "9.153345"],
  ["demo/flaky", "in_text", 904_112, "0.452056"],
  ["demo/flaky", "out_text", 221_774, "0.332661"],
  ["demo/embed", "in_text", 5_120_337, "0.102406740"],
] as const;

export const invoiceLines: Schema<"InvoiceLine">[] = LINES.map(
  ([model, name, units, amount], position) => ({
    position,
    kind: "usage",
    model,
    class: name,
    units,
    amount,
    billed: "0",
    requests_url: `/api/v1/requests?invoice_id=${uuid(51)}&model=${model}&class=${name}`,
  }),
);

const usage = sumMoney(LINES.map(([, , , amount]) => amount));

export const invoices: Schema<"Invoice">[] = ["finalized", "paid", "paid"].map((state, n) => ({
  id: uuid(51 + n),
  number: `SL-2026-${String(10 - n).padStart(2, "0")}-0007`,
  month: `2026-${String(10 - n).padStart(2, "0")}`,
  period_start: `2026-${String(10 - n).padStart(2, "0")}-01T00:00:00Z`,
  period_end: `2026-${String(11 - n).padStart(2, "0")}-01T00:00:00Z`,
  state: state as "finalized" | "paid",
  usage,
  credit: sumMoney([usage, "-12.300702540"]),
  carry_in: "0.002114003",
  billed: "12.3",
  carry_out: "0.002816543",
  tax: "0",
  hosted_url: n === 0 ? "http://127.0.0.1:8083/invoice/in_demo" : null,
  lines: LINES.length,
  created_at: at(60 * 24 * (22 + n * 30)),
  finalized_at: at(60 * 24 * (22 + n * 30)),
  paid_at: n === 0 ? null : at(60 * 24 * (20 + n * 30)),
}));

export const members: Schema<"Member">[] = (
  [
    ["Mika Aalto", "mika@northwind.example", "owner"],
    ["Ravi Menon", "ravi@northwind.example", "admin"],
    ["", "finance@northwind.example", "billing"],
    ["Lucía Ferrer", "lucia@northwind.example", "developer"],
  ] as const
).map(([name, email, role], n) => ({
  user_id: uuid(2 + n),
  email,
  name,
  role,
  created_at: at(60 * 24 * (120 - n * 20)),
}));

export const audit: Schema<"AuditEntry">[] = (
  [
    ["key.create", { name: "nightly evals" }],
    ["key.update", { budget: "250 a month" }],
    ["topup.create", { amount: "50" }],
    ["member.add", { email: "lucia@northwind.example", role: "developer" }],
    ["key.disable", { name: "laptop of Mika" }],
    ["auth.login", {}],
    ["project.create", { name: "Research" }],
  ] as [string, Record<string, unknown>][]
).map(([action, detail], n) => ({
  id: uuid(61 + n),
  at: at(12 + n * 340),
  actor: `user:${uuid(2)}`,
  actor_name: n % 3 === 0 ? "mika@northwind.example" : "ravi@northwind.example",
  action,
  target: `${action.split(".")[0]}:${uuid(11 + n)}`,
  detail,
}));
