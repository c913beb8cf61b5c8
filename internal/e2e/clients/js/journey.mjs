// A person at the console, and their program: drives a real browser and the official SDK as it is told, one JSON object a
// line on stdin, and answers each with one line on stdout. What the browser complained about is in the answer to "finish".
//
//   node journey.mjs          CHROMIUM_PATH and the variables of demo.env say where; STARLANE_SCREENSHOTS keeps pictures.
import { createInterface } from "node:readline";
import OpenAI from "openai";
import { Console } from "./console.mjs";

const people = {};
let browser;

/** Each person has a browser profile of their own. */
async function person(who) {
  browser ??= await Console.launch(process.env.CHROMIUM_PATH);
  people[who] ??= await Console.open(browser, who);
  return people[who];
}

const acts = {
  /** Signs in on the form, after trying a wrong password if asked. */
  signIn: async ({ who, wrongFirst }) => (await person(who)).signIn(wrongFirst),

  /** Everybody looks at pages, each at their own list, all at once. */
  visit: async ({ pages }) => {
    await Promise.all(
      Object.entries(pages).map(async ([who, list]) => {
        const visitor = await person(who);
        for (const page of list) await visitor.visit(page);
      }),
    );
  },

  createKey: async ({ who, name }) => (await person(who)).createKey(name),
  testRequest: async ({ who }) => (await person(who)).testRequest(),
  closeReveal: async ({ who }) => (await person(who)).closeReveal(),
  revokeKey: async ({ who, name }) => (await person(who)).revokeKey(name),
  waitForRequest: async ({ who, id }) => (await person(who)).waitForRequest(id),
  topUp: async ({ who, amount, press }) => (await person(who)).topUp(amount, press),
  closeMonth: async ({ who }) => (await person(who)).closeMonth(),
  followInvoice: async ({ who, number, model, lineClass, id }) =>
    (await person(who)).followInvoice(number, model, lineClass, id),
  keyboard: async ({ who }) => (await person(who)).keyboard(),
  signOut: async ({ who }) => (await person(who)).signOut(),

  /** Streams one answer with the official SDK, as the README shows it. */
  stream: async ({ key, model, prompt }) => {
    const client = new OpenAI({ apiKey: key, maxRetries: 0 });
    const { data, response } = await client.chat.completions
      .create({
        model,
        stream: true,
        stream_options: { include_usage: true },
        messages: [{ role: "user", content: prompt }],
      })
      .withResponse();
    const result = { requestId: response.headers.get("x-request-id"), text: "", chunks: 0, usage: null };
    for await (const chunk of data) {
      result.chunks++;
      if (chunk.usage) result.usage = chunk.usage;
      result.text += chunk.choices[0]?.delta?.content ?? "";
    }
    return { ...result, endedAt: Date.now() };
  },

  finish: async () => {
    await browser?.close();
    return { faults: Object.values(people).flatMap((one) => one.faults) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { act, ...args } = JSON.parse(line);
  let answer;
  try {
    answer = { result: (await acts[act](args)) ?? null };
  } catch (error) {
    const picture = await people[args.who]?.screenshot(`failed-${act}`).catch(() => undefined);
    answer = { error: `${error.stack ?? error}`, at: people[args.who]?.page.url(), picture };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
  if (act === "finish") break;
}
await browser?.close(); // also when whoever gave the orders is gone
