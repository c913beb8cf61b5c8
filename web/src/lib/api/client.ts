import createFetchClient, { type Middleware } from "openapi-fetch";
import createQueryHooks from "openapi-react-query";
import { chosenTenant } from "@/lib/auth/tenant";
import { toApiError } from "./errors";
import type { components, paths } from "./schema.gen";

/** A type of the API by name, so that no feature spells out its own copy. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

let csrfToken: string | undefined;
let onUnauthorized: (() => void) | undefined;

/** The token of the current session; every call that changes something carries it. */
export function setCsrfToken(token: string | undefined): void {
  csrfToken = token;
}

/** Called when the API says that the session is over. */
export function setUnauthorizedHandler(handler: () => void): void {
  onUnauthorized = handler;
}

const session: Middleware = {
  onRequest({ request }) {
    const tenant = chosenTenant();
    if (tenant) request.headers.set("x-starlane-tenant", tenant);
    if (request.method !== "GET" && csrfToken) request.headers.set("x-csrf-token", csrfToken);
    return request;
  },
  async onResponse({ request, response }) {
    if (response.ok) return;
    const body: unknown = await response.json().catch(() => undefined);
    const error = toApiError(response.status, body, response.headers.get("x-request-id"));
    // A wrong password is also a 401, and so is the first look at the session: neither ends one.
    const path = new URL(request.url).pathname;
    if (error.status === 401 && csrfToken && !path.endsWith("/auth/login")) onUnauthorized?.();
    throw error;
  },
};

/** Calls outside of React. Failures are thrown as ApiError. */
const options = {
  baseUrl: new URL("/api/v1", window.location.origin).href,
  credentials: "same-origin",
  // Lists in the query are separated by commas, as the specification has it.
  querySerializer: { array: { style: "form", explode: false } },
} as const;
export const api = createFetchClient<paths, "application/json">(options);
api.use(session);

/** The same calls where the API can also answer with a file. */
export const csvApi = createFetchClient<paths, "text/csv">({
  ...options,
  headers: { accept: "text/csv" },
});
csvApi.use(session);

/** Hooks for components. */
export const query = createQueryHooks(api);

/** One key per intended act: a repeat after a lost answer must not do it twice. */
export function newIdempotencyKey(): string {
  return crypto.randomUUID();
}
