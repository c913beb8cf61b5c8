import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import type { MockApi } from "./mock-api";

export const server = setupServer();

export interface SeenCall {
  method: string;
  path: string;
  headers: Headers;
  body: string;
}

/** Lets the mock API answer every call, and keeps what was called. */
export function serve(api: MockApi): SeenCall[] {
  const seen: SeenCall[] = [];
  server.use(
    http.all("*/api/v1/*", async ({ request }) => {
      const url = new URL(request.url);
      const body = await request.text();
      seen.push({ method: request.method, path: url.pathname, headers: request.headers, body });
      const answer = api.answer(request.method, url, body || null);
      if (answer.body === undefined) return new HttpResponse(null, { status: answer.status });
      return new HttpResponse(JSON.stringify(answer.body), {
        status: answer.status,
        headers: {
          "content-type": answer.status >= 400 ? "application/problem+json" : "application/json",
        },
      });
    }),
  );
  return seen;
}
