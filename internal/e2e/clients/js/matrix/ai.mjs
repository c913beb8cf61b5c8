// Vercel's AI SDK with the provider of each vendor.
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, Output, streamText, tool } from "ai";

globalThis.AI_SDK_LOG_WARNINGS = false; // it writes them to stdout
const env = process.env;
const openai = () => createOpenAI({ baseURL: env.OPENAI_BASE_URL, apiKey: env.OPENAI_API_KEY });

// How each provider makes a model, and says what the SDK has no words of its own for.
const flavors = {
  chat: {
    model: (name) => openai().chat(name),
    thinking: (effort) => ({ openai: { reasoningEffort: effort, forceReasoning: true } }),
  },
  responses: {
    model: (name) => openai().responses(name),
    options: { openai: { store: false } },
    thinking: (effort) => ({
      openai: { store: false, reasoningEffort: effort, reasoningSummary: "auto", forceReasoning: true, include: ["reasoning.encrypted_content"] },
    }),
  },
  anthropic: {
    model: (name) => createAnthropic({ baseURL: `${env.ANTHROPIC_BASE_URL}/v1`, apiKey: env.ANTHROPIC_API_KEY })(name),
    thinking: () => ({ anthropic: { thinking: { type: "enabled", budgetTokens: 2048 } } }),
    mark: { anthropic: { cacheControl: { type: "ephemeral" } } },
  },
  google: {
    model: (name) => createGoogleGenerativeAI({ baseURL: `${env.GOOGLE_GEMINI_BASE_URL}/v1beta`, apiKey: env.GEMINI_API_KEY })(name),
    thinking: (effort) => ({ google: { thinkingConfig: { includeThoughts: true, thinkingLevel: effort } } }),
  },
  // It speaks to the vendor's own API alone, so to the simulator of it.
  bedrock: {
    model: (name) =>
      createAmazonBedrock({
        region: "us-east-1",
        baseURL: env.STARLANE_SIM_PROVIDER_URL,
        accessKeyId: env.MATRIX_AWS_ACCESS_KEY_ID,
        secretAccessKey: env.MATRIX_AWS_SECRET_ACCESS_KEY,
      })(name),
    thinking: () => ({ bedrock: { reasoningConfig: { type: "enabled", budgetTokens: 2048 } } }),
    mark: { bedrock: { cachePoint: { type: "default" } } },
  },
};

export function open(flavor) {
  const { model, options, thinking, mark } = flavors[flavor];

  return {
    user: (text, files) => [
      {
        role: "user",
        content: [...files.map((file) => ({ type: "file", data: file.data, mediaType: file.type, filename: file.name })), { type: "text", text }],
      },
    ],
    results: (calls) => [
      {
        role: "tool",
        content: calls.map((call) => ({ type: "tool-result", toolCallId: call.id, toolName: call.name, output: { type: "text", value: call.output } })),
      },
    ],

    async ask(c, history, turn) {
      const params = {
        model: model(c.model),
        maxRetries: 0,
        messages: history,
        providerOptions: c.effort ? thinking(c.effort) : options,
        ...(c.system && { system: { role: "system", content: c.system, providerOptions: mark } }),
        ...(c.tools && {
          tools: Object.fromEntries(c.tools.map((t) => [t.name, tool({ description: t.description, inputSchema: jsonSchema(t.parameters) })])),
        }),
        ...(c.schema && { output: Output.object({ schema: jsonSchema(c.schema) }) }),
      };
      let result;
      if (c.stream) {
        result = streamText({ ...params, onError: () => {} });
        for await (const part of result.fullStream) {
          if (part.type === "text-delta") turn.text += part.text;
          if (part.type === "reasoning-delta") turn.thinking += part.text;
          if (part.type === "error") throw part.error;
        }
      } else {
        result = await generateText(params);
        turn.text = result.text;
        turn.thinking = result.reasoningText ?? "";
      }
      if (c.schema) await result.output; // throws unless it fits
      const usage = await result.usage;
      const { messages } = await result.response;
      turn.calls = (await result.toolCalls).map((call) => ({ id: call.toolCallId, name: call.toolName, arguments: call.input }));
      turn.signed = /"(signature|thoughtSignature|reasoningEncryptedContent)":"[^"]/.test(JSON.stringify(messages));
      turn.finish = await result.finishReason;
      turn.usage = {
        input: usage.inputTokens,
        output: usage.outputTokens,
        cached: usage.inputTokenDetails?.cacheReadTokens ?? 0,
        ...(usage.outputTokenDetails?.reasoningTokens && { reasoning: usage.outputTokenDetails.reasoningTokens }),
      };
      return messages;
    },
  };
}
