// Drives the relay with the official Node SDK, as a customer would: base URL and key from the environment.
// Prints one JSON object with what it saw.
import OpenAI from "openai";

const client = new OpenAI();
const model = process.env.STARLANE_MODEL;
const messages = [{ role: "user", content: process.env.PROMPT ?? "hello from the node client" }];
const report = {};

const json = await client.chat.completions.create({ model, messages });
report.jsonAnswer = json.choices[0].message.content;
report.jsonTokens = json.usage.total_tokens;

// Without include_usage a client must not see the usage chunk that the relay asks the upstream for.
report.plainStream = { chunks: 0, usageChunks: 0, text: "" };
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
  report.plainStream.chunks++;
  if (chunk.usage) report.plainStream.usageChunks++;
  report.plainStream.text += chunk.choices[0]?.delta?.content ?? "";
}

report.usageStream = { usage: null, text: "" };
const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } });
for await (const chunk of stream) {
  if (chunk.usage) report.usageStream.usage = chunk.usage;
  report.usageStream.text += chunk.choices[0]?.delta?.content ?? "";
}

const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }];
const called = await client.chat.completions.create({ model, messages, tools, tool_choice: "required" });
report.toolCall = called.choices[0].message.tool_calls?.[0]?.function ?? null;

const vectors = await client.embeddings.create({ model: "demo/embed", input: ["hello", "world"] });
report.embeddings = vectors.data.map((v) => v.embedding.length);

report.models = (await client.models.list()).data.map((m) => m.id);

report.errors = {};
for (const [name, call] of Object.entries({
  unknownModel: () => client.chat.completions.create({ model: "no/such-model", messages }),
  wrongKey: () => new OpenAI({ apiKey: "sk-sl-nonsense", maxRetries: 0 }).chat.completions.create({ model, messages }),
  badRequest: () => client.chat.completions.create({ model, messages: "not a list" }),
})) {
  try {
    await call();
    report.errors[name] = null;
  } catch (e) {
    report.errors[name] = { type: e.constructor.name, status: e.status, code: e.code, requestId: Boolean(e.requestID) };
  }
}

console.log(JSON.stringify(report));
