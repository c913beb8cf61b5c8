// OpenAI's official library: chat completions and Responses.
import OpenAI from "openai";

export const open = (flavor) => (flavor === "responses" ? responses() : chat());

const dataURI = (file) => `data:${file.type};base64,${file.data}`;
const isImage = (file) => file.type.startsWith("image/");

function chat() {
  const client = new OpenAI({ maxRetries: 0 });
  const part = (file) =>
    isImage(file)
      ? { type: "image_url", image_url: { url: dataURI(file) } }
      : { type: "file", file: { filename: file.name, file_data: dataURI(file) } };

  return {
    user: (text, files) => [{ role: "user", content: files.length ? [...files.map(part), { type: "text", text }] : text }],
    results: (calls) => calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: call.output })),

    async ask(c, history, turn) {
      const params = {
        model: c.model,
        messages: c.system ? [{ role: "system", content: [{ type: "text", text: c.system, prompt_cache_breakpoint: { mode: "explicit" } }] }, ...history] : history,
        ...(c.tools && { tools: c.tools.map((tool) => ({ type: "function", function: tool })) }),
        ...(c.schema && { response_format: { type: "json_schema", json_schema: { name: "answer", strict: true, schema: c.schema } } }),
        ...(c.effort && { reasoning_effort: c.effort }),
      };
      let answer;
      if (c.stream) {
        const stream = client.chat.completions.stream({ ...params, stream_options: { include_usage: true } });
        stream.on("content", (delta) => (turn.text += delta));
        stream.on("chunk", (chunk) => (turn.thinking += chunk.choices[0]?.delta?.reasoning_content ?? ""));
        answer = await stream.finalChatCompletion();
      } else {
        answer = await client.chat.completions.create(params);
        turn.text = answer.choices[0].message.content ?? "";
        turn.thinking = answer.choices[0].message.reasoning_content ?? "";
      }
      const { message, finish_reason } = answer.choices[0];
      const sealed = (detail) => detail.signature || detail.data || detail.extra_content?.google?.thought_signature;
      turn.signed = [...(message.reasoning_details ?? []), ...(message.tool_calls ?? [])].some(sealed);
      turn.calls = (message.tool_calls ?? []).map((call) => ({ id: call.id, name: call.function.name, arguments: JSON.parse(call.function.arguments) }));
      turn.finish = finish_reason;
      turn.usage = chatUsage(answer.usage);
      return [message];
    },
  };
}

const chatUsage = (usage) => ({
  input: usage.prompt_tokens,
  output: usage.completion_tokens,
  cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
  reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
});

function responses() {
  const client = new OpenAI({ maxRetries: 0 });
  const part = (file) =>
    isImage(file)
      ? { type: "input_image", image_url: dataURI(file), detail: "auto" }
      : { type: "input_file", filename: file.name, file_data: dataURI(file) };

  return {
    user: (text, files) => [{ role: "user", content: [...files.map(part), { type: "input_text", text }] }],
    results: (calls) => calls.map((call) => ({ type: "function_call_output", call_id: call.id, output: call.output })),

    async ask(c, history, turn) {
      const params = {
        model: c.model,
        input: history,
        store: false,
        ...(c.system && { instructions: c.system }),
        ...(c.tools && { tools: c.tools.map((tool) => ({ type: "function", ...tool, strict: false })) }),
        ...(c.schema && { text: { format: { type: "json_schema", name: "answer", strict: true, schema: c.schema } } }),
        ...(c.effort && { reasoning: { effort: c.effort, summary: "auto" }, include: ["reasoning.encrypted_content"] }),
      };
      let answer;
      if (c.stream) {
        const stream = client.responses.stream(params);
        stream.on("response.output_text.delta", (event) => (turn.text += event.delta));
        stream.on("response.reasoning_summary_text.delta", (event) => (turn.thinking += event.delta));
        answer = await stream.finalResponse();
      } else {
        answer = await client.responses.create(params);
        turn.text = answer.output_text;
        turn.thinking = answer.output.flatMap((item) => item.summary ?? []).map((part) => part.text).join("");
      }
      turn.signed = answer.output.some((item) => item.encrypted_content);
      turn.calls = answer.output
        .filter((item) => item.type === "function_call")
        .map((item) => ({ id: item.call_id, name: item.name, arguments: JSON.parse(item.arguments) }));
      turn.finish = answer.status;
      turn.usage = {
        input: answer.usage.input_tokens,
        output: answer.usage.output_tokens,
        cached: answer.usage.input_tokens_details.cached_tokens,
        reasoning: answer.usage.output_tokens_details.reasoning_tokens,
      };
      return answer.output.map(({ parsed_arguments, ...item }) => item); // the helper's own members, which the API does not take
    },
  };
}
