// LangChain's models of OpenAI and Anthropic.
import { ChatAnthropic } from "@langchain/anthropic";
import { HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";

const env = process.env;

const flavors = {
  openai: {
    model: (c) =>
      new ChatOpenAI({ model: c.model, apiKey: env.OPENAI_API_KEY, configuration: { baseURL: env.OPENAI_BASE_URL }, maxRetries: 0, streamUsage: true, ...(c.effort && { reasoning: { effort: c.effort } }) }),
    tool: (t) => ({ type: "function", function: t }),
    file: (file) =>
      file.type.startsWith("image/")
        ? { type: "image_url", image_url: { url: `data:${file.type};base64,${file.data}` } }
        : { type: "file", file: { filename: file.name, file_data: `data:${file.type};base64,${file.data}` } },
    schema: { strict: true },
    finish: (meta) => meta.finish_reason,
  },
  anthropic: {
    model: (c) =>
      new ChatAnthropic({ model: c.model, apiKey: env.ANTHROPIC_API_KEY, anthropicApiUrl: env.ANTHROPIC_BASE_URL, maxRetries: 0, maxTokens: 8000, ...(c.effort && { thinking: { type: "enabled", budget_tokens: 2048 } }) }),
    tool: ({ parameters, ...t }) => ({ ...t, input_schema: parameters }),
    file: (file) => ({ type: file.type.startsWith("image/") ? "image" : "document", source: { type: "base64", media_type: file.type, data: file.data } }),
    mark: { cache_control: { type: "ephemeral" } },
    finish: (meta) => meta.stop_reason,
  },
};

export function open(flavor) {
  const vendor = flavors[flavor];

  return {
    user: (text, files) => [new HumanMessage({ content: [...files.map(vendor.file), { type: "text", text }] })],
    results: (calls) => calls.map((call) => new ToolMessage({ tool_call_id: call.id, name: call.name, content: call.output })),

    async ask(c, history, turn) {
      let model = vendor.model(c);
      if (c.tools) model = model.bindTools(c.tools.map(vendor.tool));
      if (c.schema) model = model.withStructuredOutput(c.schema, { name: "answer", method: "jsonSchema", includeRaw: true, ...vendor.schema });
      const messages = c.system ? [new SystemMessage({ content: [{ type: "text", text: c.system, ...vendor.mark }] }), ...history] : history;
      let answer;
      if (c.stream) {
        for await (const chunk of await model.stream(messages)) {
          answer = answer ? answer.concat(chunk) : chunk;
          turn.text = answer.text;
        }
      } else {
        answer = await model.invoke(messages);
        if (c.schema) answer = answer.raw;
        turn.text = answer.text;
      }
      const blocks = Array.isArray(answer.content) ? answer.content : [];
      turn.thinking = blocks.map((b) => b.thinking ?? "").join("");
      turn.signed = blocks.some((b) => b.signature);
      turn.calls = answer.tool_calls.map((call) => ({ id: call.id, name: call.name, arguments: call.args }));
      turn.finish = vendor.finish({ ...answer.additional_kwargs, ...answer.response_metadata });
      const usage = answer.usage_metadata;
      turn.usage = { input: usage.input_tokens, output: usage.output_tokens, cached: usage.input_token_details?.cache_read ?? 0 };
      return [answer];
    },
  };
}
