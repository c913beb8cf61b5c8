import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { formatMoney } from "@/lib/format/money";
import { formatCount } from "@/lib/format/number";
import { requestsWith, topups } from "./mock/tenant-data";
import { createMockApi, problem, withAnswers } from "./mock-api";
import { renderApp, signIn } from "./render-app";
import { serve } from "./server";

describe("sign-in", () => {
  it("comes first and leads back to the page that was asked for", async () => {
    serve(createMockApi());
    const { router, user } = renderApp("/members");
    await signIn(user);
    expect(await screen.findByRole("heading", { name: "Members" })).toBeTruthy();
    expect(router.state.location.pathname).toBe("/members");
  });

  it("says what was wrong and stays", async () => {
    serve(createMockApi());
    const { user } = renderApp("/sign-in");
    await signIn(user, "mika@northwind.example", "wrong");
    expect((await screen.findByRole("alert")).textContent).toContain("password is wrong");
  });

  it("returns when the session ends in the middle of work", async () => {
    const api = createMockApi();
    let over = false;
    serve({
      answer: (method, url, body) =>
        over && !url.pathname.endsWith("/auth/login")
          ? problem(401, "unauthorized", "Sign in first")
          : api.answer(method, url, body),
    });
    const { router, user } = renderApp("/members");
    await signIn(user);
    await screen.findByRole("heading", { name: "Members" });
    over = true;
    await router.navigate({ to: "/invoices" });
    expect(await screen.findByText(/Your session has ended/)).toBeTruthy();
    expect(router.state.location.search).toMatchObject({ next: "/invoices" });
  });
});

describe("keys", () => {
  it("shows a new secret once, with the session's token on the call", async () => {
    const seen = serve(createMockApi());
    const { user } = renderApp("/keys?create=true");
    await signIn(user);
    const form = await screen.findByRole("dialog", { name: "Create an API key" });
    await user.type(within(form).getByLabelText("Name"), "ci runner");
    await user.type(within(form).getByLabelText(/Budget/), "12.5");
    await user.click(within(form).getByRole("button", { name: "Create key" }));

    const reveal = await screen.findByRole("dialog", { name: "ci runner is ready" });
    expect(within(reveal).getByTestId("secret").textContent).toMatch(/^sk-sl-N3wK3y00/);
    const call = seen.find((one) => one.method === "POST" && one.path === "/api/v1/keys");
    expect(JSON.parse(call?.body ?? "{}")).toMatchObject({
      name: "ci runner",
      budget: { amount: "12.5", window: "month" },
    });
    expect(call?.headers.get("x-csrf-token")).toBe("mock-csrf");
    expect(call?.headers.get("idempotency-key")).toBeTruthy();

    await user.click(within(reveal).getByRole("button", { name: "I have stored the key" }));
    await waitFor(() => expect(document.body.textContent).not.toContain("sk-sl-N3wK3y00dpRk"));
    expect(await screen.findByText("ci runner")).toBeTruthy();
  });

  it("puts what the API refuses at its field", async () => {
    const refused = problem(422, "unprocessable", "The key cannot be made");
    serve(
      withAnswers({
        "POST /keys": {
          status: 422,
          body: {
            ...(refused.body as object),
            errors: [{ pointer: "/name", detail: "A key of that name exists" }],
          },
        },
      }),
    );
    const { user } = renderApp("/keys?create=true");
    await signIn(user);
    const form = await screen.findByRole("dialog", { name: "Create an API key" });
    await user.type(within(form).getByLabelText("Name"), "ci");
    await user.click(within(form).getByRole("button", { name: "Create key" }));
    expect(await within(form).findByText("A key of that name exists")).toBeTruthy();
  });
});

describe("requests", () => {
  it("behind an invoice line show what each has of the line's class", async () => {
    serve(createMockApi());
    const { user } = renderApp("/requests?invoice=0192&model=demo/echo&class=out_text");
    await signIn(user);
    const table = within(await screen.findByRole("table", { name: "Requests" }));
    await table.findAllByRole("button"); // each row of data has one
    const headers = table.getAllByRole("columnheader").map((one) => one.textContent);
    const cells = within(table.getAllByRole("row")[1] as HTMLElement).getAllByRole("cell");
    const shown = (header: string) => cells[headers.indexOf(header)]?.textContent;
    const [first] = requestsWith("out_text");
    expect(shown("Output · units")).toBe(formatCount(first?.class_units ?? 0));
    expect(shown("Output · cost")).toBe(formatMoney(first?.class_charge ?? "", "exact"));
    expect(shown("Total cost")).toBe(formatMoney(first?.charge ?? "", "micro"));
  });

  it("as a whole show one cost each", async () => {
    serve(createMockApi());
    const { user } = renderApp("/requests");
    await signIn(user);
    expect(await screen.findByRole("columnheader", { name: "Cost" })).toBeTruthy();
    expect(screen.queryByRole("columnheader", { name: /·/ })).toBeNull();
  });
});

describe("abilities", () => {
  it("decide what is offered", async () => {
    serve(createMockApi());
    const { user } = renderApp("/operator/tenants");
    await signIn(user, "operator@demo.local");
    expect(await screen.findByRole("heading", { name: "Tenants" })).toBeTruthy();
    expect(screen.getByRole("link", { name: "Price books" })).toBeTruthy();
    expect(screen.queryByRole("link", { name: "API keys" })).toBeNull();
  });
});

describe("command palette", () => {
  it("opens with Ctrl-K and goes to the page that was typed", async () => {
    serve(createMockApi());
    const { router, user } = renderApp("/members");
    await signIn(user);
    await screen.findByRole("heading", { name: "Members" });
    await user.keyboard("{Control>}k{/Control}");
    await user.type(await screen.findByRole("combobox", { name: /^Search pages/ }), "audit");
    await user.keyboard("{Enter}");
    expect(await screen.findByRole("heading", { name: "Audit log" })).toBeTruthy();
    expect(router.state.location.pathname).toBe("/audit");
  });
});

describe("coming back from the payment page", () => {
  it("waits until the credit is really there", async () => {
    const api = createMockApi();
    let asked = 0;
    serve({
      answer: (method, url, body) => {
        const answer = api.answer(method, url, body);
        if (!/\/topups\/.+/.test(url.pathname)) return answer;
        asked++;
        const state = asked < 2 ? "session_open" : "credited";
        return { status: 200, body: { ...(answer.body as object), state } };
      },
    });
    const { user } = renderApp("/credits/return?id=0192&status=paid");
    await signIn(user);
    expect(await screen.findByText("Waiting for the payment")).toBeTruthy();
    expect(await screen.findByText("added", { exact: false })).toBeTruthy();
    expect(await screen.findByText("The balance is now", { exact: false })).toBeTruthy();
  });

  it("says that nothing was charged when the buyer turned back", async () => {
    serve(withAnswers({ "GET /topups/0192": { status: 200, body: { ...topups[0] } } }));
    const { user } = renderApp("/credits/return?id=0192&status=cancelled");
    await signIn(user);
    expect(await screen.findByRole("heading", { name: "Payment cancelled" })).toBeTruthy();
  });
});

describe("lists", () => {
  it("ask for the next page by the cursor of the last, and for the first without one", async () => {
    const api = createMockApi();
    const cursors: (string | null)[] = [];
    serve({
      answer: (method, url, body) => {
        const answer = api.answer(method, url, body);
        if (!url.pathname.endsWith("/audit")) return answer;
        const cursor = url.searchParams.get("cursor");
        cursors.push(cursor);
        return {
          status: 200,
          body: cursor
            ? { items: [], next_cursor: null }
            : { ...(answer.body as object), next_cursor: "second" },
        };
      },
    });
    const { user } = renderApp("/audit");
    await signIn(user);
    await user.click(await screen.findByRole("button", { name: "Load more" }));
    await waitFor(() => expect(cursors).toEqual([null, "second"]));
  });
});

describe("a page that fails to load", () => {
  it("says why and tries again", async () => {
    let broken = true;
    const api = createMockApi();
    serve({
      answer: (method, url, body) =>
        broken && url.pathname.endsWith("/members")
          ? problem(403, "forbidden", "Members are for owners and admins")
          : api.answer(method, url, body),
    });
    const { user } = renderApp("/members");
    await signIn(user);
    expect(await screen.findByText("Members are for owners and admins")).toBeTruthy();
    broken = false;
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByText("Ravi Menon")).toBeTruthy();
  });
});
