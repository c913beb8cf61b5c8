// Turns stored responses on as an owner would, goes on from them with the official SDK, and turns them off again. Prints one JSON
// object with what it saw.
import OpenAI from "openai";

const api = process.env.STARLANE_API_URL;
const client = new OpenAI({ maxRetries: 0 });
const report = { models: {} };

async function call(method, path, body, token) {
  const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const res = await fetch(api + path, { method, headers, body: body && JSON.stringify(body) });
  if (!res.ok) throw new Error(`${method} ${path}: ${res.status} ${await res.text()}`);
  return res.json();
}

async function refusal(act) {
  try {
    await act();
  } catch (error) {
    return { type: error.constructor.name, status: error.status, code: error.code, message: error.message };
  }
}

/** Milliseconds until a relay acts as it was told. */
async function until(stored) {
  const begin = Date.now();
  for (;;) {
    const r = await client.responses.create({ model: "demo/echo", input: "are you there" });
    if (r.store === stored) return Date.now() - begin;
  }
}

const owner = { email: process.env.STARLANE_OWNER_EMAIL, password: process.env.STARLANE_OWNER_PASSWORD };
const { access_token: token } = await call("POST", "/auth/token", owner);
const { tenant } = await call("GET", "/me", undefined, token);
const set = (response_store) => call("PATCH", `/tenants/${tenant.id}`, { response_store }, token);

report.before = await refusal(() => client.responses.create({ model: "demo/echo", input: "x", previous_response_id: "resp_none" }));
await set({ enabled: true, ttl_hours: 1 });
report.onAfter = await until(true);

const tools = [{ type: "function", name: "weather", strict: false, parameters: { type: "object", properties: { city: { type: "string" } } } }];
let kept;
for (const model of ["demo/echo", "demo/claude"]) {
  const seen = (report.models[model] = {});
  const first = await client.responses.create({ model, tools, input: "use the weather tool" });
  const use = first.output.find((item) => item.type === "function_call");
  seen.tool = use?.name;

  const input = [{ type: "function_call_output", call_id: use.call_id, output: "sunny" }];
  const second = await client.responses.stream({ model, tools, input, previous_response_id: first.id }).finalResponse();
  seen.after = second.output_text;
  seen.chained = second.previous_response_id === first.id && second.store;

  const third = await client.responses.create({ model: "demo/gemini", input: "and tomorrow", previous_response_id: second.id });
  kept = await client.responses.retrieve(third.id);
  seen.same = kept.id === third.id && kept.output_text === third.output_text;
  seen.items = [];
  for await (const item of client.responses.inputItems.list(third.id, { order: "asc", limit: 2 })) seen.items.push(item.type);
  await client.responses.delete(second.id);
  seen.deleted = await refusal(() => client.responses.retrieve(second.id));
}

await set({ enabled: false });
report.offAfter = await until(false);
report.after = await refusal(() => client.responses.retrieve(kept.id));
console.log(JSON.stringify(report));
