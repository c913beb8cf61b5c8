import type { Schema } from "@/lib/api/client";
import { at, MODELS, PLATFORM, ratesOf, TENANT, uuid } from "./data";
import { tenant } from "./tenant";

export const tenants: Schema<"Tenant">[] = [
  tenant,
  {
    ...tenant,
    id: uuid(901),
    name: "Blue Harbour Robotics",
    billing_email: "ap@blueharbour.example",
    balance: "1.204118",
  },
  {
    ...tenant,
    id: uuid(902),
    name: "Oakfield University",
    billing_mode: "postpaid",
    credit_limit: "5000",
    billing_email: "research-it@oakfield.example",
    balance: "-812.440912",
  },
  {
    ...tenant,
    id: uuid(903),
    name: "Pixel & Sons",
    status: "suspended",
    billing_email: "",
    balance: "0",
    demo: false,
  },
];

const TEXTS: Record<string, string> = {
  "demo/echo": "Answers with what it was asked. Tools, cached and reasoning tokens included.",
  "demo/slow": "The same, one word at a time.",
  "demo/flaky": "Fails now and then, to try retries and fallbacks.",
  "demo/embed": "Vectors of 256 numbers.",
};

export const models: Schema<"Model">[] = MODELS.map((name, n) => ({
  name,
  display_name: `Demo ${name.slice(5).replace(/^./, (letter) => letter.toUpperCase())}`,
  description: TEXTS[name] ?? "",
  capabilities: [name === "demo/embed" ? "embeddings" : "chat"],
  features: name === "demo/echo" ? ["tools", "json_schema", "reasoning"] : [],
  context_length: 128_000,
  max_output: name === "demo/embed" ? 0 : 16_384,
  tokenizer: "o200k_base",
  state: "active",
  aliases: n < 2 ? ["demo/auto"] : [],
  price: {
    version_id: 17 + n,
    valid_from: at(60 * 24 * 90),
    contract: false,
    rates: ratesOf(name),
  },
  available: true,
  simulated: true,
  created_at: at(60 * 24 * 140),
}));

export const providers: Schema<"Provider">[] = [
  {
    id: uuid(301),
    slug: "sim-openai",
    name: "Simulated OpenAI",
    dialect: "openai",
    vendor: "",
    simulated: true,
    created_at: at(60 * 24 * 140),
  },
  {
    id: uuid(302),
    slug: "openai",
    name: "OpenAI",
    dialect: "openai",
    vendor: "",
    simulated: false,
    created_at: at(60 * 24 * 30),
  },
];

export const accounts: Schema<"Account">[] = ["Main", "Second region"].map((name, n) => ({
  id: uuid(311 + n),
  provider_id: uuid(301),
  name,
  base_url: "http://127.0.0.1:8082/openai/v1",
  region: "",
  project: "",
  api_version: "",
  state: n === 0 ? "active" : "paused",
  created_at: at(60 * 24 * 140),
}));

export const upstreamKeys: Schema<"UpstreamKey">[] = [
  { account: 0, state: "active" as const },
  { account: 0, state: "active" as const },
  { account: 1, state: "paused" as const },
].map(({ account, state }, n) => ({
  id: uuid(321 + n),
  account_id: uuid(311 + account),
  name: `Key ${n + 1}`,
  hint: ["x9Qa", "77Tb", "Lm0e"][n] ?? "0000",
  state,
  weight: n === 1 ? 50 : 100,
  created_at: at(60 * 24 * 140),
}));

export const deployments: Schema<"Deployment">[] = MODELS.map((model, n) => ({
  id: uuid(71 + n),
  model,
  account_id: uuid(311),
  account_name: "Main",
  provider_slug: "sim-openai",
  upstream_model: model.replace("demo/", "sim-"),
  region: "global",
  state: n === 2 ? "drained" : "active",
  weight: 100,
  created_at: at(60 * 24 * 140),
}));

export const routes: Schema<"Route">[] = [
  {
    alias: "demo/auto",
    description: "The fast one, and the slow one when it fails",
    models: ["demo/echo", "demo/slow"],
    created_at: at(60 * 24 * 140),
  },
];

export const priceBooks: Schema<"PriceBook">[] = [
  {
    id: 1,
    kind: "list",
    name: "List",
    tenant_id: PLATFORM,
    tenant_name: "Platform",
    currency: "USD",
  },
  {
    id: 2,
    kind: "provider_cost",
    name: "Provider cost",
    tenant_id: PLATFORM,
    tenant_name: "Platform",
    currency: "USD",
  },
  {
    id: 3,
    kind: "contract",
    name: "Northwind 2026",
    tenant_id: TENANT,
    tenant_name: tenant.name,
    currency: "USD",
  },
];

export const priceVersions: Schema<"PriceVersion">[] = MODELS.map((model, n) => ({
  id: 17 + n,
  price_book_id: 1,
  model,
  valid_from: at(60 * 24 * 90),
  recorded_at: at(60 * 24 * 91),
  source: "demo price list",
  proposed_by: "system:seed",
  rates: ratesOf(model),
}));

export const periods: Schema<"Period">[] = [
  { month: "2026-11", state: "open" as const, invoices: 0, usage: "98.120441200", billed: "0" },
  {
    month: "2026-10",
    state: "closed" as const,
    invoices: 3,
    usage: "83.294703540",
    billed: "61.4",
  },
  {
    month: "2026-09",
    state: "closed" as const,
    invoices: 3,
    usage: "71.009112004",
    billed: "55.12",
  },
].map((period) => ({
  ...period,
  forced: false,
  invoiced_until: null,
  error: "",
  closed_at: period.state === "closed" ? `${period.month}-28T02:00:04Z` : null,
}));

export const status: Schema<"SystemStatus"> = {
  at: at(0),
  healthy: true,
  dependencies: [
    { name: "postgres", ok: true, detail: "15.18, 4 of 20 connections" },
    { name: "redis", ok: true, detail: "7.0.15, append-only file on" },
    { name: "stripe", ok: true, detail: "simulated" },
  ],
  relays: [
    { id: "relay-7f31", seen_at: at(0), alive: true, spool_bytes: 18_432, open_requests: 3 },
  ],
  streams: { waiting: 0, pending: 12 },
  open_dead_letters: 0,
  pending_webhooks: 0,
  catalog_version: 42,
};
