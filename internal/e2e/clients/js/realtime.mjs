// Drives a realtime session with the official Node SDK. The SDK speaks TLS only, so its base URL is a proxy's in front of the
// relay. Prints one JSON object with what it saw.
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const client = new OpenAI();
const report = { text: "", audio: 0, call: null, errors: [], usage: [] };

// once resolves with the next event of a type.
const once = (rt, type) => new Promise((resolve) => rt.once(type, resolve));

const rt = new OpenAIRealtimeWS({ model: "demo/realtime" }, client);
rt.on("error", (e) => report.errors.push(e.error?.code ?? e.message));
rt.on("response.output_text.delta", (e) => (report.text += e.delta));
rt.on("response.output_audio.delta", (e) => (report.audio += Buffer.from(e.delta, "base64").length));
rt.on("response.done", (e) => report.usage.push(e.response.usage));

report.model = (await once(rt, "session.created")).session.model;
const tools = [{ type: "function", name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } }];
rt.send({ type: "session.update", session: { type: "realtime", instructions: "Be brief.", tools } });
await once(rt, "session.updated");

async function ask(text, response) {
  rt.send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text }] } });
  rt.send({ type: "response.create", response });
  return (await once(rt, "response.done")).response;
}
await ask("hello from a session", { output_modalities: ["text"] });
await ask("say this aloud", { output_modalities: ["audio"] });
const called = await ask("use the weather tool", { output_modalities: ["text"] });
report.call = called.output[0].name;
rt.send({ type: "conversation.item.create", item: { type: "function_call_output", call_id: called.output[0].call_id, output: "sunny" } });
rt.send({ type: "response.create", response: { output_modalities: ["text"] } });
await once(rt, "response.done");

const failed = once(rt, "error");
rt.send({ type: "response.cancel", event_id: "too-late" });
await failed;

const closed = new Promise((resolve) => rt.socket.once("close", resolve));
rt.close();
report.close = await closed;

const refused = new OpenAIRealtimeWS({ model: "no/such-model" }, client);
report.refused = await new Promise((resolve) => refused.on("error", (e) => resolve(e.message)));
console.log(JSON.stringify(report));
