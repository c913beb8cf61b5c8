// Drives the endpoints beside the conversations with the official Node SDKs. Prints one JSON object with what it saw.
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

const openai = new OpenAI();
const google = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY, httpOptions: { baseUrl: process.env.GOOGLE_GEMINI_BASE_URL } });
const report = { completions: {} };

for (const model of ["demo/completions", "demo/claude"]) {
  const seen = (report.completions[model] = {});
  const whole = await openai.completions.create({ model, prompt: "once upon a time" });
  seen.text = whole.choices[0].text;
  seen.usage = whole.usage.total_tokens;
  seen.streamed = "";
  const stream = await openai.completions.create({ model, prompt: "once upon a time", stream: true, stream_options: { include_usage: true } });
  for await (const chunk of stream) {
    seen.streamed += chunk.choices[0]?.text ?? "";
    seen.streamedUsage = chunk.usage?.total_tokens ?? seen.streamedUsage;
  }
}
try {
  await openai.completions.create({ model: "demo/claude", prompt: "a", suffix: "b" });
} catch (error) {
  report.suffix = { type: error.constructor.name, param: error.param };
}

// The SDK asks for base64 unless it is told otherwise, and unpacks it.
const one = await openai.embeddings.create({ model: "demo/embed", input: "one two", dimensions: 8 });
const two = await google.models.embedContent({ model: "demo/embed", contents: ["one two", "three"], config: { outputDimensionality: 8 } });
report.vectors = two.embeddings.map((v) => v.values.length);
report.sameVector = one.data[0].embedding.every((v, i) => Math.abs(v - two.embeddings[0].values[i]) < 1e-6);

report.flagged = (await openai.moderations.create({ model: "demo/moderation", input: ["fine", "violence"] })).results.map((r) => r.flagged);

const ranking = await openai.post("/rerank", { body: { model: "demo/rerank", query: "a river", documents: ["a hill", "a river"], top_n: 1 } });
report.ranked = ranking.results.map((r) => r.index);

console.log(JSON.stringify(report));
