// Drives the relay with Google's official Node SDK, for a model of each vendor. Prints one JSON object with what it saw.
import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY, httpOptions: { baseUrl: process.env.GOOGLE_GEMINI_BASE_URL } });
const tools = [{ functionDeclarations: [{ name: "weather", parameters: { type: "OBJECT", properties: { city: { type: "STRING" } } } }] }];
const contents = "hello from the gemini client";
const report = { models: {} };

for (const model of ["demo/echo", "demo/claude", "demo/gemini"]) {
  const seen = (report.models[model] = {});
  const json = await client.models.generateContent({ model, contents });
  seen.answer = json.text;
  seen.usage = json.usageMetadata.totalTokenCount;

  seen.streamed = "";
  for await (const chunk of await client.models.generateContentStream({ model, contents })) {
    seen.streamed += chunk.text ?? "";
    seen.streamedUsage = chunk.usageMetadata?.totalTokenCount;
    seen.finish = chunk.candidates[0].finishReason;
  }

  // Two turns: the call, and what comes of its result. The SDK keeps the chunks of a stream as its history.
  const chat = client.chats.create({ model, config: { tools, thinkingConfig: { includeThoughts: true, thinkingLevel: "HIGH" } } });
  let call;
  for await (const chunk of await chat.sendMessageStream({ message: "use the weather tool" })) call = chunk.functionCalls?.[0] ?? call;
  seen.tool = call.name;
  const result = { functionResponse: { id: call.id, name: call.name, response: { output: "sunny" } } };
  seen.after = (await chat.sendMessage({ message: [result] })).text;
}

report.counted = (await client.models.countTokens({ model: "demo/gemini", contents })).totalTokens;
report.listed = [];
for await (const m of await client.models.list()) report.listed.push(m.name);
try {
  await client.models.generateContent({ model: "no/such-model", contents });
} catch (error) {
  report.error = { type: error.name, status: error.status };
}
console.log(JSON.stringify(report));
