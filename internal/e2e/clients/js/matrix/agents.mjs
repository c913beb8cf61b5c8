// OpenAI's Agents SDK, which asks again by itself for as long as its model calls tools.
import { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";

setTracingDisabled(true);

export function open(flavor) {
  const runner = new Runner({
    modelProvider: new OpenAIProvider({ openAIClient: new OpenAI({ maxRetries: 0 }), useResponses: flavor === "responses" }),
    tracingDisabled: true,
  });
  const part = (file) => {
    const data = `data:${file.type};base64,${file.data}`;
    return file.type.startsWith("image/") ? { type: "input_image", image: data } : { type: "input_file", file: data, filename: file.name };
  };

  return {
    async converse(c, turns, newTurn) {
      const agent = new Agent({
        name: "matrix",
        model: c.model,
        instructions: c.system,
        modelSettings: { store: false, ...(c.effort && { reasoning: { effort: c.effort, summary: "auto" }, providerData: { include: ["reasoning.encrypted_content"] } }) },
        tools: (c.tools ?? []).map((t) => tool({ ...t, strict: false, execute: () => c.results[t.name] })),
        ...(c.schema && { outputType: { type: "json_schema", name: "answer", strict: true, schema: c.schema } }),
      });
      let history = [];
      for (const [n, text] of c.texts.entries()) {
        const content = [...(n === 0 ? (c.files ?? []).map(part) : []), { type: "input_text", text }];
        const input = [...history, { role: "user", content }];
        let result;
        if (c.stream) {
          const partial = newTurn([]);
          try {
            result = await runner.run(agent, input, { stream: true });
            for await (const event of result) if (event.data?.type === "output_text_delta") partial.text += event.data.delta;
            await result.completed;
          } catch (error) {
            turns.push(partial);
            throw error;
          }
        } else {
          result = await runner.run(agent, input);
        }
        for (const response of result.rawResponses) take(response, newTurn(turns));
        history = result.history;
      }
    },
  };
}

function take({ output, usage }, turn) {
  const texts = (items, kind) => items.flatMap((item) => item.content ?? []).map((part) => (part.type === kind ? part.text : "")).join("");
  turn.text = texts(output.filter((item) => item.type === "message"), "output_text");
  turn.thinking = texts(output.filter((item) => item.type === "reasoning"), "input_text");
  turn.signed = output.some((item) => item.providerData?.encrypted_content);
  turn.calls = output
    .filter((item) => item.type === "function_call")
    .map((item) => ({ id: item.callId, name: item.name, arguments: JSON.parse(item.arguments) }));
  const sum = (details, name) => details.reduce((n, one) => n + (one[name] ?? 0), 0);
  turn.usage = {
    input: usage.inputTokens,
    output: usage.outputTokens,
    cached: sum(usage.inputTokensDetails ?? [], "cached_tokens"),
    reasoning: sum(usage.outputTokensDetails ?? [], "reasoning_tokens"),
  };
}
