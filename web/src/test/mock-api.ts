import type { Schema } from "@/lib/api/client";
import { groupUse, makeUse, PLATFORM, total, uuid } from "./mock/data";
import * as platform from "./mock/platform-data";
import * as mine from "./mock/tenant-data";

export interface MockAnswer {
  status: number;
  body?: unknown;
}

/** An API in memory: enough to show every page, to create a key and to top up. */
export interface MockApi {
  answer: (method: string, url: URL, body: string | null) => MockAnswer;
}

type Handler = (match: RegExpExecArray, url: URL, body: string | null) => MockAnswer;

const ok = (body?: unknown): MockAnswer => ({ status: body === undefined ? 204 : 200, body });
const page = (items: unknown[]): MockAnswer => ok({ items, next_cursor: null });

export function problem(status: number, code: string, detail: string): MockAnswer {
  return {
    status,
    body: { type: "about:blank", title: code, status, code, detail, request_id: "req-mock" },
  };
}

const OPERATOR_ABILITIES: Schema<"Ability">[] = [
  "tenants.read",
  "tenants.write",
  "credits.grant",
  "catalog.read",
  "catalog.write",
  "prices.read",
  "prices.write",
  "periods.read",
  "periods.close",
  "operations.read",
];

const OWNER_ABILITIES: Schema<"Ability">[] = [
  "tenant.read",
  "tenant.update",
  "projects.read",
  "projects.write",
  "members.read",
  "members.write",
  "keys.read",
  "keys.write",
  "usage.read",
  "credits.read",
  "topups.write",
  "invoices.read",
  "audit.read",
  "tokens.own",
  "tokens.all",
  "models.read",
];

export function meFor(operator: boolean): Schema<"Me"> {
  const tenant = operator ? { ...mine.tenant, id: PLATFORM, name: "Platform" } : mine.tenant;
  return {
    user: {
      id: uuid(2),
      email: operator ? "operator@demo.local" : "mika@northwind.example",
      name: operator ? "Operator" : "Mika Aalto",
    },
    memberships: [
      {
        tenant_id: tenant.id,
        tenant_name: tenant.name,
        tenant_status: "active",
        role: operator ? "operator" : "owner",
      },
    ],
    tenant,
    role: operator ? "operator" : "owner",
    operator,
    abilities: operator ? [...OWNER_ABILITIES, ...OPERATOR_ABILITIES] : OWNER_ABILITIES,
    csrf_token: "mock-csrf",
    relay_base_url: "http://127.0.0.1:8080/v1",
    console_url: "http://127.0.0.1:8081",
    demo: true,
    version: "0.1.0",
  };
}

function usage(url: URL): MockAnswer {
  const by = (url.searchParams.get("group_by") ?? "day").split(",");
  const from = url.searchParams.get("from") ?? "";
  const model = url.searchParams.get("model");
  const uses = makeUse().filter((use) => use.day >= from && (!model || use.model === model));
  return ok({ from, to: "", group_by: by, items: groupUse(uses, by), total: total(uses) });
}

export function createMockApi(): MockApi {
  let me: Schema<"Me"> | undefined;
  const keys = [...mine.keys];

  const createKey: Handler = (_match, _url, body) => {
    const wanted = JSON.parse(body ?? "{}") as Schema<"KeyCreate">;
    const first = mine.keys[0];
    if (!first) return problem(500, "internal", "no template");
    const key: Schema<"Key"> = {
      ...first,
      id: uuid(9000 + keys.length),
      name: wanted.name,
      public_id: "N3wK3y00",
      budget: wanted.budget ?? null,
      allowed_models: wanted.allowed_models ?? [],
      spent: "0",
      last_used_at: null,
    };
    keys.unshift(key);
    return {
      status: 201,
      body: { ...key, secret: "sk-sl-N3wK3y00dpRk0tLxUu2Vq8ZsM4hWc7bYg9JfTnE1aXoC5iKzQ3vD0b1" },
    };
  };

  const handlers: [string, RegExp, Handler][] = [
    ["GET", /^\/me$/, () => (me ? ok(me) : problem(401, "unauthorized", "Sign in first"))],
    [
      "POST",
      /^\/auth\/login$/,
      (_match, _url, body) => {
        const { email, password } = JSON.parse(body ?? "{}") as Schema<"Credentials">;
        if (password === "wrong") {
          return problem(401, "unauthorized", "The email or the password is wrong");
        }
        me = meFor(email.startsWith("operator"));
        return ok(me);
      },
    ],
    [
      "POST",
      /^\/auth\/logout$/,
      () => {
        me = undefined;
        return ok();
      },
    ],
    ["GET", /^\/balance$/, () => ok(mine.balance)],
    [
      "GET",
      /^\/(?:tenants\/[^/]+\/)?credits$/,
      () =>
        ok({
          balance: mine.balance,
          lots: mine.lots,
          holds: { count: 2, amount: "10", settled: "1.2" },
        }),
    ],
    ["GET", /^\/usage$/, (_match, url) => usage(url)],
    ["GET", /^\/keys$/, () => page(keys)],
    ["POST", /^\/keys$/, createKey],
    [
      "GET",
      /^\/requests$/,
      (_match, { searchParams: asked }) =>
        page(mine.requestsWith(asked.get("class")).slice(0, Number(asked.get("limit") ?? 50))),
    ],
    [
      "GET",
      /^\/requests\/(.+)$/,
      ([, id]) => {
        const found = mine.requests.find((request) => request.id === id);
        return found ? ok(mine.requestDetail(found)) : problem(404, "not_found", "No such request");
      },
    ],
    ["GET", /^\/topups$/, () => page(mine.topups)],
    ["POST", /^\/topups$/, () => ({ status: 201, body: mine.topups[0] })],
    ["GET", /^\/topups\/.+$/, () => ok(mine.topups[1])],
    ["GET", /^\/invoices$/, () => page(mine.invoices)],
    ["GET", /^\/invoices\/[^/]+$/, () => ok(mine.invoices[0])],
    ["GET", /^\/invoices\/[^/]+\/lines$/, () => page(mine.invoiceLines)],
    ["GET", /^\/members$/, () => page(mine.members)],
    ["GET", /^\/audit$/, () => page(mine.audit)],
    [
      "GET",
      /^\/projects$/,
      () =>
        page(
          ["Production", "Research"].map((name, n) => ({
            id: uuid(21 + n),
            name,
            archived: false,
            active_keys: 2,
            created_at: mine.tenant.created_at,
          })),
        ),
    ],
    ["GET", /^\/api-tokens$/, () => page([])],
    ["GET", /^\/models$/, () => page(platform.models)],
    ["GET", /^\/tenants$/, () => page(platform.tenants)],
    [
      "GET",
      /^\/tenants\/([^/]+)$/,
      ([, id]) => ok(platform.tenants.find((one) => one.id === id) ?? mine.tenant),
    ],
    [
      "PATCH",
      /^\/tenants\/[^/]+$/,
      (_match, _url, body) => {
        const { response_store } = JSON.parse(body ?? "{}") as Schema<"TenantPatch">;
        if (!me) return problem(401, "unauthorized", "Sign in first");
        const store = { ...me.tenant.response_store, ...response_store };
        me = { ...me, tenant: { ...me.tenant, response_store: store } };
        return ok(me.tenant);
      },
    ],
    ["GET", /^\/providers$/, () => page(platform.providers)],
    ["GET", /^\/accounts$/, () => page(platform.accounts)],
    ["GET", /^\/upstream-keys$/, () => page(platform.upstreamKeys)],
    ["GET", /^\/deployments$/, () => page(platform.deployments)],
    ["GET", /^\/routes$/, () => page(platform.routes)],
    ["GET", /^\/price-books$/, () => page(platform.priceBooks)],
    ["GET", /^\/price-books\/\d+\/versions$/, () => page(platform.priceVersions)],
    ["GET", /^\/periods$/, () => page(platform.periods)],
    ["GET", /^\/status$/, () => ok(platform.status)],
    ["GET", /^\/dead-letters$/, () => page([])],
  ];

  return {
    answer(method, url, body) {
      const path = decodeURIComponent(url.pathname.replace(/^\/api\/v1/, ""));
      for (const [verb, pattern, handle] of handlers) {
        const match = verb === method ? pattern.exec(path) : null;
        if (match) return handle(match, url, body);
      }
      return problem(404, "not_found", `The mock knows no ${method} ${path}`);
    },
  };
}

/** The mock with some answers replaced. */
export function withAnswers(answers: Record<string, ReturnType<MockApi["answer"]>>): MockApi {
  const api = createMockApi();
  return {
    answer: (method, url, body) =>
      answers[`${method} ${url.pathname.replace("/api/v1", "")}`] ?? api.answer(method, url, body),
  };
}
