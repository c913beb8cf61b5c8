// The console as a person uses it: by the names that are on screen, never by the structure of the page.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const BASE = process.env.STARLANE_CONSOLE_URL;
const PICTURES = process.env.STARLANE_SCREENSHOTS;
const LOGINS = {
  owner: [process.env.STARLANE_OWNER_EMAIL, process.env.STARLANE_OWNER_PASSWORD],
  operator: [process.env.STARLANE_OPERATOR_EMAIL, process.env.STARLANE_OPERATOR_PASSWORD],
};
const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 360, height: 780 };
// A page is read by the accessibility checker in the two looks that differ most.
const LOOKS = [
  { name: "1440-light", size: DESKTOP, theme: "light", axe: true },
  { name: "1440-dark", size: DESKTOP, theme: "dark" },
  { name: "360-light", size: PHONE, theme: "light" },
  { name: "360-dark", size: PHONE, theme: "dark", axe: true },
];
const TIMEOUT = 15_000;

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export class Console {
  /** @param {string | undefined} executablePath */
  static launch(executablePath) {
    return chromium.launch({
      executablePath,
      args: [
        "--no-sandbox", // the tests may run as root
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
      ],
    });
  }

  static async open(browser, who) {
    const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: "reduce", colorScheme: "light" });
    context.setDefaultTimeout(TIMEOUT);
    return new Console(who, await context.newPage());
  }

  constructor(who, page) {
    this.who = who;
    this.page = page;
    this.faults = [];
    page.on("console", (message) => this.heard(message));
    page.on("pageerror", (error) => this.fault(`uncaught ${error.message}`));
    page.on("requestfailed", (request) => {
      // A page that is left while it loads drops its requests.
      if (request.failure()?.errorText !== "net::ERR_ABORTED") {
        this.fault(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`);
      }
    });
    page.on("response", (response) => {
      const path = new URL(response.url()).pathname.replace(/[0-9a-f-]{36}/, "{id}");
      if (response.status() >= 400 && !this.expected(response.status(), path)) {
        this.fault(`${response.request().method()} ${path} answered ${response.status()}`);
      }
    });
  }

  fault(text) {
    this.faults.push(`${this.who} at ${this.page.url()}: ${text}`);
  }

  /** Everything that the browser itself reports as an error or as a breach of the content security policy. */
  heard(message) {
    const text = message.text();
    if (/content security policy/i.test(text)) this.fault(text);
    // Failed answers are judged by their status, above.
    else if (message.type() === "error" && !text.startsWith("Failed to load resource")) this.fault(text);
  }

  expected(status, path) {
    // Nobody is signed in yet; a wrong password; a key that the relay has not heard of yet; a request that is not billed yet.
    return (
      (status === 401 && ["/me", "/auth/login", "/chat/completions"].some((end) => path.endsWith(end))) ||
      (status === 404 && path.endsWith("/requests/{id}"))
    );
  }

  async goto(path) {
    await this.page.goto(BASE + path);
    await this.settled();
  }

  /** The page has its data: it has a heading, and nothing is loading. */
  async settled() {
    await this.page.locator("h1").first().waitFor({ state: "attached" });
    await this.page.waitForFunction(() => !document.querySelector(".skeleton, [aria-busy=true]"));
  }

  async screenshot(name) {
    if (!PICTURES) return undefined;
    mkdirSync(PICTURES, { recursive: true });
    const path = join(PICTURES, `${name}.png`);
    await this.page.screenshot({ path });
    return path;
  }

  async visit({ path, name, open }) {
    await this.goto(path);
    if (open) {
      await this.page.getByRole("row").nth(1).getByRole("link").or(this.page.getByRole("row").nth(1).getByRole("button")).first().click();
      await this.settled();
    }
    await this.inspect(name);
  }

  /** What is on screen fits, and anybody can use it, at both widths and in both themes. */
  async inspect(name) {
    for (const look of LOOKS) {
      if (!PICTURES && !look.axe) continue;
      await this.page.setViewportSize(look.size);
      await this.page.evaluate((theme) => {
        document.documentElement.dataset.theme = theme;
      }, look.theme);
      const wide = await this.page.evaluate(async () => {
        const fits = () => document.documentElement.scrollWidth <= window.innerWidth;
        // What listens to the size needs a frame or two; a busy browser needs more.
        for (let frame = 0; frame < 2 || (frame < 60 && !fits()); frame++) await new Promise(requestAnimationFrame);
        // Colours that are still changing have a contrast that nobody reads.
        const ending = document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity);
        await Promise.allSettled(ending.map((one) => one.finished));
        if (fits()) return undefined;
        const all = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > window.innerWidth);
        return all.slice(0, 3).map((one) => `<${one.localName} class="${one.className}">`);
      });
      if (wide) this.fault(`${name}, ${look.name}: wider than the window: ${wide.join(" ")}`);
      await this.screenshot(`${name}-${look.name}`);
      if (look.axe) await this.axe(`${name}, ${look.name}`);
    }
    await this.page.setViewportSize(DESKTOP);
    await this.page.evaluate(() => {
      document.documentElement.dataset.theme = "light";
    });
  }

  /** Runs axe as the page's own code may not: the content security policy stays on. */
  async axe(name) {
    const found = await this.page.evaluate(`(async () => {
      if (!window.axe) { ${axeSource} }
      const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
      return violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.slice(0, 3).map((n) => n.target.join(" ")) }));
    })()`);
    for (const { id, impact, where } of found) {
      if (impact === "serious" || impact === "critical") this.fault(`${name}: axe ${id} (${impact}): ${where.join(" | ")}`);
    }
  }

  async signIn(wrongFirst) {
    const [email, password] = LOGINS[this.who];
    await this.goto("/");
    await this.page.waitForURL(/\/sign-in/);
    if (wrongFirst) {
      await this.inspect("sign-in");
      await this.page.getByLabel("Email").fill(email);
      await this.page.getByLabel("Password").fill("not the password");
      await this.page.getByRole("button", { name: "Sign in" }).click();
      await this.page.getByRole("alert").waitFor();
    }
    await this.page.getByLabel("Email").fill(email);
    await this.page.getByLabel("Password").fill(password);
    await this.page.keyboard.press("Enter");
    await this.page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
    await this.settled();
  }

  /** Gets about without a mouse: skip link, palette, a dialog that gives the focus back. */
  async keyboard() {
    const { keyboard } = this.page;
    const focused = () => this.page.evaluate(() => document.activeElement?.textContent?.trim().slice(0, 40) || document.activeElement?.id);
    await this.goto("/");
    await keyboard.press("Tab");
    if ((await focused()) !== "Skip to content") this.fault(`the first stop is "${await focused()}", not the skip link`);
    await keyboard.press("Enter");
    await keyboard.press("Tab");
    const inMain = await this.page.evaluate(() => document.querySelector("main").contains(document.activeElement));
    if (!inMain) this.fault("the skip link does not lead into the page");

    await keyboard.press("Control+k");
    await this.page.getByRole("combobox").waitFor();
    await keyboard.type("api keys");
    await keyboard.press("Enter");
    await this.page.waitForURL(/\/keys/);
    await this.settled();

    const create = this.page.getByRole("button", { name: "Create key" }).first();
    await create.focus();
    await keyboard.press("Enter");
    const dialog = this.page.getByRole("dialog");
    await dialog.waitFor();
    for (let stop = 0; stop < 20; stop++) {
      await keyboard.press("Tab");
      // At both ends of a dialog the focus is handed on a moment later.
      const held = await this.page
        .waitForFunction(() => document.activeElement.closest("[role=dialog]"), undefined, { timeout: 1000 })
        .catch(() => undefined);
      if (!held) {
        this.fault(`the focus leaves the open dialog to "${await focused()}"`);
        break;
      }
    }
    await keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    const back = () => create.evaluate((one) => one === document.activeElement);
    for (let tries = 0; tries < 20 && !(await back()); tries++) await this.page.waitForTimeout(50);
    if (!(await back())) {
      this.fault(`a closed dialog leaves the focus at "${await focused()}", not where it was opened`);
    }
  }

  async signOut() {
    await this.goto("/");
    await this.page.getByRole("button", { name: /Account menu$/ }).click();
    await this.page.getByRole("menuitem", { name: "Sign out" }).click();
    await this.page.waitForURL(/\/sign-in/);
  }

  /** Creates a key and leaves the dialog with its secret open. */
  async createKey(name) {
    await this.goto("/keys");
    await this.page.getByRole("button", { name: "Create key" }).first().click();
    const dialog = this.page.getByRole("dialog");
    await dialog.getByLabel("Name").fill(name);
    await dialog.getByRole("button", { name: "Create key" }).click();
    const secret = await this.page.getByTestId("secret").textContent();
    await this.page.getByRole("heading", { name: `${name} is ready` }).waitFor();
    return { secret: secret.trim() };
  }

  /** Sends the dialog's test request and waits until its cost is there. */
  async testRequest() {
    const dialog = this.page.getByRole("dialog");
    await dialog.getByLabel("Message").fill("hello from the console");
    await dialog.getByRole("button", { name: "Send a test request" }).click();
    await dialog.getByText(/^Cost \$/).waitFor();
    await this.inspect("key-revealed");
    const text = await dialog.locator("[aria-live=polite]").last().textContent();
    const link = await dialog.getByRole("link", { name: "Show the request" }).getAttribute("href");
    return { text, requestId: new URL(link, BASE).searchParams.get("id") };
  }

  /** Closes the dialog; afterwards the secret must be nowhere. */
  async closeReveal() {
    const secret = (await this.page.getByTestId("secret").textContent()).trim();
    await this.page.getByRole("button", { name: "I have stored the key" }).click();
    await this.page.getByTestId("secret").waitFor({ state: "detached" });
    const kept = async () =>
      this.page.evaluate(
        (text) =>
          document.documentElement.outerHTML.includes(text) ||
          Object.values({ ...localStorage, ...sessionStorage }).some((value) => value.includes(text)),
        secret,
      );
    if (await kept()) this.fault("the secret is still in the page after the dialog was closed");
    await this.goto("/keys");
    if (await kept()) this.fault("the secret is in the page after it was loaded anew");
  }

  async revokeKey(name) {
    await this.goto("/keys");
    await this.page.getByRole("button", { name: `Actions for ${name}` }).click();
    await this.page.getByRole("menuitem", { name: "Revoke…" }).click();
    const dialog = this.page.getByRole("alertdialog");
    await dialog.getByRole("button", { name: "Revoke key" }).click();
    await dialog.waitFor({ state: "detached" });
    const revokedAt = Date.now();
    await this.page.getByRole("button", { name: `Actions for ${name}` }).waitFor({ state: "detached" });
    return { revokedAt };
  }

  /** Waits until a request is the first one of the list, and reads its row. */
  async waitForRequest(id) {
    await this.page.goto(`${BASE}/requests?id=${id}`);
    const drawer = this.page.getByRole("dialog");
    await drawer.getByText(id).waitFor();
    const charged = await drawer.getByRole("row", { name: /^Charged/ }).textContent();
    const shownAt = Date.now();
    await this.settled();
    await this.inspect("request");
    await this.page.keyboard.press("Escape");
    await drawer.waitFor({ state: "detached" });
    return { charged: charged.replace("Charged", ""), shownAt };
  }

  /** Buys credit. press names the button of the payment page. */
  async topUp(amount, press) {
    await this.goto("/credits");
    await this.page.getByRole("button", { name: "Add credits" }).click();
    const dialog = this.page.getByRole("dialog");
    await dialog.getByLabel("Amount").fill(amount);
    await dialog.getByRole("button", { name: "Continue to payment" }).click();
    await this.page.getByTestId(press).waitFor();
    const total = (await this.page.getByTestId("total").textContent()).trim();
    await this.inspect("checkout");
    await this.page.getByTestId(press).click();
    await this.page.waitForURL(/\/credits\/return/);
    const outcome = this.page.getByRole("heading", { level: 2, name: press === "pay" ? /added$/ : /cancelled|Not credited/ });
    await outcome.waitFor();
    await this.settled();
    await this.inspect(`return-${press}`);
    const shown = await this.page.getByRole("main").textContent();
    return { total, outcome: await outcome.textContent(), shown };
  }

  /** Invoices the running month so far. */
  async closeMonth() {
    await this.goto("/operator/periods");
    await this.page.getByRole("row").nth(1).getByRole("button").click();
    const dialog = this.page.getByRole("alertdialog");
    await dialog.getByRole("button", { name: "Make invoices" }).click();
    await dialog.waitFor({ state: "detached" });
  }

  /** From an invoice down to one request behind a line of it. */
  async followInvoice(number, model, lineClass, id) {
    await this.goto("/invoices");
    await this.inspect("invoices");
    await this.page.getByRole("link", { name: number }).click();
    await this.page.getByText("The figures agree to the nano-dollar.").waitFor();
    await this.settled();
    await this.inspect("invoice");
    const line = this.page.getByRole("row", { name: new RegExp(`${model}.*${lineClass}`) }).first();
    const amount = await line.getByRole("cell").nth(3).textContent();
    await line.getByRole("link", { name: model }).click();
    await this.page.waitForURL(/invoice=/);
    await this.settled();
    const rows = this.page.getByRole("table").getByRole("row");
    const behind = (await rows.count()) - 1;
    const drawer = this.page.getByRole("dialog");
    for (let row = 1; row <= behind; row++) {
      await rows.nth(row).getByRole("button").first().click();
      await drawer.getByRole("row", { name: /^Charged/ }).waitFor();
      const found = await drawer.getByText(id, { exact: true }).count();
      await this.page.keyboard.press("Escape");
      await drawer.waitFor({ state: "detached" });
      if (found > 0) return { amount, behind, found: true };
    }
    return { amount, behind, found: false };
  }
}
