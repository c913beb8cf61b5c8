// Google's official library.
import { GoogleGenAI } from "@google/genai";

export function open() {
  const client = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY, httpOptions: { baseUrl: process.env.GOOGLE_GEMINI_BASE_URL } });

  return {
    user: (text, files) => [
      { role: "user", parts: [...files.map((file) => ({ inlineData: { mimeType: file.type, data: file.data } })), { text }] },
    ],
    results: (calls) => [
      {
        role: "user",
        parts: calls.map((call) => ({ functionResponse: { id: call.id, name: call.name, response: { output: call.output } } })),
      },
    ],

    async ask(c, history, turn) {
      const params = {
        model: c.model,
        contents: history,
        config: {
          ...(c.system && { systemInstruction: c.system }),
          ...(c.tools && {
            tools: [{ functionDeclarations: c.tools.map(({ parameters, ...tool }) => ({ ...tool, parametersJsonSchema: parameters })) }],
          }),
          ...(c.schema && { responseMimeType: "application/json", responseJsonSchema: c.schema }),
          ...(c.effort && { thinkingConfig: { includeThoughts: true, thinkingLevel: c.effort.toUpperCase() } }),
        },
      };
      const parts = [];
      const take = (answer) => {
        const candidate = answer.candidates?.[0];
        parts.push(...(candidate?.content?.parts ?? []));
        turn.finish = candidate?.finishReason ?? turn.finish;
        turn.usage = contentUsage(answer.usageMetadata) ?? turn.usage;
        turn.text = parts.map((part) => (part.thought ? "" : (part.text ?? ""))).join("");
        turn.thinking = parts.map((part) => (part.thought ? part.text : "")).join("");
      };
      if (c.stream) for await (const chunk of await client.models.generateContentStream(params)) take(chunk);
      else take(await client.models.generateContent(params));
      turn.signed = parts.some((part) => part.thoughtSignature);
      turn.calls = parts
        .filter((part) => part.functionCall)
        .map(({ functionCall }) => ({ id: functionCall.id, name: functionCall.name, arguments: functionCall.args }));
      return [{ role: "model", parts }];
    },
  };
}

/** Thoughts are counted beside what is seen. */
const contentUsage = (usage) =>
  usage && {
    input: usage.promptTokenCount,
    output: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
    cached: usage.cachedContentTokenCount ?? 0,
    reasoning: usage.thoughtsTokenCount ?? 0,
  };
