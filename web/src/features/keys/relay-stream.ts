/** A first call to the relay from the browser, with the key that was just made. */
export interface StreamRequest {
  /** Base URL with `/v1`. */
  baseUrl: string;
  key: string;
  model: string;
  prompt: string;
  signal: AbortSignal;
  onText: (text: string) => void;
}

export interface StreamResult {
  requestId: string | undefined;
  servedModel: string | undefined;
  firstTokenMs: number | undefined;
  totalMs: number;
  inputTokens: number | undefined;
  outputTokens: number | undefined;
}

interface Chunk {
  choices?: { delta?: { content?: string | null } }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
  error?: { message?: string };
}

const newKeyMs = 3000;
const retryMs = 250;

async function ask(request: StreamRequest): Promise<{ started: number; response: Response }> {
  const started = performance.now();
  const response = await fetch(`${request.baseUrl}/chat/completions`, {
    method: "POST",
    signal: request.signal,
    credentials: "omit",
    headers: { authorization: `Bearer ${request.key}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: request.model,
      messages: [{ role: "user", content: request.prompt }],
      stream: true,
      stream_options: { include_usage: true },
    }),
  });
  return { started, response };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** Streams one chat completion. Throws with the relay's own message when it refuses. */
export async function streamChat(request: StreamRequest): Promise<StreamResult> {
  let { started, response } = await ask(request);
  // A new key reaches every relay within two seconds; until then it is unknown there.
  for (const deadline = started + newKeyMs; response.status === 401 && started < deadline; ) {
    await response.body?.cancel();
    await pause(retryMs, request.signal);
    ({ started, response } = await ask(request));
  }
  if (!response.ok || !response.body) throw new Error(await refusal(response));

  const result: StreamResult = {
    requestId: response.headers.get("x-request-id") ?? undefined,
    servedModel: response.headers.get("x-starlane-served-model") ?? undefined,
    firstTokenMs: undefined,
    totalMs: 0,
    inputTokens: undefined,
    outputTokens: undefined,
  };
  for await (const data of eventData(response.body)) {
    if (data === "[DONE]") break;
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error) throw new Error(chunk.error.message ?? "The stream ended with an error.");
    const text = chunk.choices?.[0]?.delta?.content;
    if (text) {
      result.firstTokenMs ??= performance.now() - started;
      request.onText(text);
    }
    if (chunk.usage) {
      result.inputTokens = chunk.usage.prompt_tokens;
      result.outputTokens = chunk.usage.completion_tokens;
    }
  }
  result.totalMs = performance.now() - started;
  return result;
}

/** The `data` of each server-sent event, however the bytes were cut up on the way. */
export async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .getReader();
  let rest = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      const lines = (rest + (value ?? "")).split(/\r\n|\n|\r(?!$)/);
      rest = done ? "" : (lines.pop() ?? "");
      for (const line of lines) {
        if (line === "") {
          if (data.length > 0) yield data.join("\n");
          data = [];
        } else if (line.startsWith("data:")) {
          data.push(line.slice(5).replace(/^ /, ""));
        }
      }
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function refusal(response: Response): Promise<string> {
  const fallback = `The relay answered with status ${response.status}.`;
  try {
    const body = (await response.json()) as { error?: { message?: string } };
    return body.error?.message ?? fallback;
  } catch {
    return fallback;
  }
}
