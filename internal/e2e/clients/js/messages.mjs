// Drives the relay with Anthropic's official Node SDK, for a model of each vendor. Prints one JSON object with what it saw.
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: process.env.ANTHROPIC_BASE_URL, apiKey: process.env.ANTHROPIC_API_KEY });
const user = (content) => ({ role: "user", content });
const tools = [{ name: "weather", input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } }];
const prompt = "hello from the messages client";
const report = { models: {} };

for (const model of ["demo/echo", "demo/claude"]) {
  const seen = (report.models[model] = {});
  const json = await client.messages.create({ model, max_tokens: 500, messages: [user(prompt)] });
  seen.answer = json.content.map((b) => b.text).join("");
  seen.usage = json.usage.input_tokens + json.usage.output_tokens;

  const streamed = await client.messages.stream({ model, max_tokens: 500, messages: [user(prompt)] }).finalMessage();
  seen.streamed = streamed.content.map((b) => b.text).join("");
  seen.streamedUsage = streamed.usage.input_tokens + streamed.usage.output_tokens;

  // Two turns: the call, and what comes of its result.
  const asked = [user("use the weather tool")];
  const call = await client.messages.stream({ model, max_tokens: 500, tools, messages: asked }).finalMessage();
  const use = call.content.find((b) => b.type === "tool_use");
  seen.stop = call.stop_reason;
  seen.tool = use?.name;
  const result = { role: "user", content: [{ type: "tool_result", tool_use_id: use.id, content: "sunny" }] };
  const done = await client.messages.create({ model, max_tokens: 500, tools, messages: [...asked, { role: "assistant", content: call.content }, result] });
  seen.after = done.type;
}

report.counted = (await client.messages.countTokens({ model: "demo/claude", messages: [user(prompt)] })).input_tokens;
report.listed = (await client.models.list()).data.map((m) => m.id);
try {
  await client.messages.create({ model: "no/such-model", max_tokens: 5, messages: [user("x")] });
} catch (error) {
  report.error = { type: error.constructor.name, status: error.status, requestId: Boolean(error.requestID ?? error.error?.request_id) };
}
console.log(JSON.stringify(report));
