// Walks every page of the console in a real browser and writes a screenshot of each, at phone and
// desktop width, light and dark. Exits with 1 when a page logs an error, is wider than its window or
// breaks an accessibility rule.
//
//   node scripts/screenshots.mjs [--mock] [--out DIR] [--only NAME,…] [--widths 360,1440] [--themes light,dark]
//
// --mock builds nothing and needs no API: it serves the sources with Vite and answers the API calls
// from src/test/mock-api.ts. Otherwise STARLANE_CONSOLE_URL and the STARLANE_OWNER_… and
// STARLANE_OPERATOR_… variables of var/demo.env are used.
import { existsSync, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parseArgs } from "node:util";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const { values: options } = parseArgs({
  options: {
    mock: { type: "boolean", default: false },
    out: { type: "string", default: "screenshots" },
    only: { type: "string", default: "" },
    widths: { type: "string", default: "360,1440" },
    themes: { type: "string", default: "light,dark" },
    axe: { type: "boolean", default: true },
  },
  allowNegative: true,
});

const PAGES = [
  { name: "sign-in", path: "/sign-in", who: "nobody" },
  { name: "overview", path: "/" },
  { name: "keys", path: "/keys" },
  { name: "keys-create", path: "/keys?create=true" },
  { name: "models", path: "/models" },
  { name: "usage", path: "/usage" },
  { name: "requests", path: "/requests" },
  { name: "requests-class", path: "/requests?class=out_text" },
  { name: "requests-drawer", path: "/requests", act: openFirstRow },
  { name: "credits", path: "/credits" },
  { name: "credits-topup", path: "/credits?topup=true" },
  { name: "invoices", path: "/invoices" },
  { name: "invoice", path: "/invoices", act: openFirstRow },
  { name: "members", path: "/members" },
  { name: "audit", path: "/audit" },
  { name: "settings", path: "/settings" },
  { name: "palette", path: "/", act: (page) => page.keyboard.press("Control+k") },
  { name: "op-tenants", path: "/operator/tenants", who: "operator" },
  { name: "op-tenant", path: "/operator/tenants", who: "operator", act: openFirstRow },
  { name: "op-providers", path: "/operator/providers", who: "operator" },
  { name: "op-models", path: "/operator/models", who: "operator" },
  { name: "op-routes", path: "/operator/routes", who: "operator" },
  { name: "op-price-books", path: "/operator/price-books", who: "operator" },
  { name: "op-periods", path: "/operator/periods", who: "operator" },
  { name: "op-system", path: "/operator/system", who: "operator" },
];

const LOGINS = {
  owner: {
    email: process.env.STARLANE_OWNER_EMAIL ?? "owner@demo.local",
    password: process.env.STARLANE_OWNER_PASSWORD ?? "mock",
  },
  operator: {
    email: process.env.STARLANE_OPERATOR_EMAIL ?? "operator@demo.local",
    password: process.env.STARLANE_OPERATOR_PASSWORD ?? "mock",
  },
};

function findBrowser() {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH;
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of names) {
      const path = join(folder, name);
      if (existsSync(path)) return path;
    }
  }
  throw new Error(
    "No Chromium found. Install it (Debian: apt-get install chromium) or set CHROMIUM_PATH.",
  );
}

async function openFirstRow(page) {
  const opener = page.locator("tbody tr").first().locator("a, button").first();
  // A list may be empty on a fresh installation: its empty state is then the picture.
  if ((await opener.count()) === 0) return;
  await opener.click();
  await page.waitForTimeout(400);
}

async function startMock() {
  const { createServer } = await import("vite");
  const server = await createServer({ server: { port: 0, host: "127.0.0.1" }, logLevel: "error" });
  await server.listen();
  const { createMockApi } = await server.ssrLoadModule("/src/test/mock-api.ts");
  const address = server.httpServer.address();
  return { base: `http://127.0.0.1:${address.port}`, createMockApi, close: () => server.close() };
}

async function answerFromMock(context, createMockApi) {
  const api = createMockApi();
  await context.route("**/api/v1/**", async (route) => {
    const request = route.request();
    const answer = await api.answer(request.method(), new URL(request.url()), request.postData());
    await route.fulfill({
      status: answer.status,
      contentType: answer.status >= 400 ? "application/problem+json" : "application/json",
      body: answer.body === undefined ? "" : JSON.stringify(answer.body),
    });
  });
}

async function signIn(page, base, who) {
  await page.goto(`${base}/sign-in`, { waitUntil: "networkidle" });
  await page.getByLabel("Email").fill(LOGINS[who].email);
  await page.getByLabel("Password", { exact: true }).fill(LOGINS[who].password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
}

async function check(page, name, faults) {
  const wide = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (wide > 0) faults.push(`${name}: the page is ${wide} px wider than its window`);
  if (!options.axe) return;
  const { violations } = await new AxeBuilder({ page }).analyze();
  for (const violation of violations) {
    const where = violation.nodes.slice(0, 3).map((node) => node.target.join(" "));
    faults.push(`${name}: axe ${violation.id} (${violation.impact}): ${where.join(" | ")}`);
  }
}

async function main() {
  mkdirSync(options.out, { recursive: true });
  const mock = options.mock ? await startMock() : undefined;
  const base = mock?.base ?? process.env.STARLANE_CONSOLE_URL ?? "http://127.0.0.1:8081";
  const browser = await chromium.launch({
    executablePath: findBrowser(),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
    ],
  });
  const only = options.only === "" ? undefined : new Set(options.only.split(","));
  const pages = PAGES.filter((page) => !only || only.has(page.name));
  const faults = [];

  for (const who of ["nobody", "owner", "operator"]) {
    const mine = pages.filter((page) => (page.who ?? "owner") === who);
    if (mine.length === 0) continue;
    const context = await browser.newContext({ reducedMotion: "reduce" });
    if (mock) await answerFromMock(context, mock.createMockApi);
    const page = await context.newPage();
    let current = "sign-in";
    page.on("console", (message) => {
      const text = message.text();
      // The first look at the session is a 401 by design.
      if (message.type() === "error" && !text.includes("401")) faults.push(`${current}: ${text}`);
    });
    page.on("pageerror", (error) => faults.push(`${current}: ${error.message}`));
    if (who !== "nobody") await signIn(page, base, who);
    for (const width of options.widths.split(",").map(Number)) {
      await page.setViewportSize({ width, height: width < 600 ? 780 : 900 });
      for (const theme of options.themes.split(",")) {
        await page
          .evaluate((choice) => localStorage.setItem("starlane.theme", choice), theme)
          .catch(() => {});
        for (const target of mine) {
          current = `${target.name}-${width}-${theme}`;
          await page.goto(base + target.path, { waitUntil: "networkidle" });
          if (who === "nobody") {
            await page.evaluate((choice) => localStorage.setItem("starlane.theme", choice), theme);
            await page.reload({ waitUntil: "networkidle" });
          }
          await target.act?.(page);
          await page.waitForTimeout(250);
          await page.screenshot({
            path: join(options.out, `${current}.png`),
            fullPage: !target.act,
          });
          await check(page, current, faults);
        }
      }
    }
    await context.close();
  }

  await browser.close();
  await mock?.close();
  for (const fault of faults) console.error(fault);
  console.log(`${pages.length} pages in ${options.out}, ${faults.length} faults`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}

await main();
