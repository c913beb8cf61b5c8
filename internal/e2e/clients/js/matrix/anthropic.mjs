// Anthropic's official library.
import Anthropic from "@anthropic-ai/sdk";

export function open() {
  const client = new Anthropic({ baseURL: process.env.ANTHROPIC_BASE_URL, apiKey: process.env.ANTHROPIC_API_KEY, maxRetries: 0 });
  const block = (file) => ({
    type: file.type.startsWith("image/") ? "image" : "document",
    source: { type: "base64", media_type: file.type, data: file.data },
  });

  return {
    user: (text, files) => [{ role: "user", content: [...files.map(block), { type: "text", text }] }],
    results: (calls) => [
      { role: "user", content: calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: call.output })) },
    ],

    async ask(c, history, turn) {
      const params = {
        model: c.model,
        max_tokens: 8000,
        messages: history,
        ...(c.system && { system: [{ type: "text", text: c.system, cache_control: { type: "ephemeral" } }] }),
        ...(c.tools && { tools: c.tools.map(({ parameters, ...tool }) => ({ ...tool, input_schema: parameters })) }),
        ...(c.schema && { output_config: { format: { type: "json_schema", schema: c.schema } } }),
        ...(c.effort && { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: c.effort } }),
      };
      let answer;
      if (c.stream) {
        const stream = client.messages.stream(params);
        stream.on("text", (delta) => (turn.text += delta));
        stream.on("thinking", (delta) => (turn.thinking += delta));
        answer = await stream.finalMessage();
      } else {
        answer = await client.messages.create(params);
        turn.text = answer.content.map((b) => b.text ?? "").join("");
        turn.thinking = answer.content.map((b) => b.thinking ?? "").join("");
      }
      turn.signed = answer.content.some((b) => b.signature);
      turn.calls = answer.content
        .filter((b) => b.type === "tool_use")
        .map((b) => ({ id: b.id, name: b.name, arguments: b.input }));
      turn.finish = answer.stop_reason;
      turn.usage = messageUsage(answer.usage);
      return [{ role: "assistant", content: answer.content }];
    },
  };
}

/** The vendor counts what it read from a cache and wrote to it beside the input. */
const messageUsage = (usage) => ({
  input: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
  output: usage.output_tokens,
  cached: usage.cache_read_input_tokens ?? 0,
});
