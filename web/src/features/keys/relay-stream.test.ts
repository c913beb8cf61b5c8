import { afterEach, describe, expect, it, vi } from "vitest";
import { eventData, streamChat } from "./relay-stream";

afterEach(() => vi.unstubAllGlobals());

function cut(text: string, size: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) {
        controller.enqueue(bytes.slice(at, at + size));
      }
      controller.close();
    },
  });
}

const WIRE =
  'data: {"a":"naïve 日本"}\n\n: keep-alive\n\ndata: one\ndata: two\r\n\r\ndata: [DONE]\n\n';
const EVENTS = ['{"a":"naïve 日本"}', "one\ntwo", "[DONE]"];

describe("eventData", () => {
  it.each([1, 2, 3, 7, 64, 1000])("gives the same events for pieces of %i bytes", async (size) => {
    const got: string[] = [];
    for await (const data of eventData(cut(WIRE, size))) got.push(data);
    expect(got).toEqual(EVENTS);
  });
});

describe("streamChat", () => {
  const request = (signal: AbortSignal) => ({
    baseUrl: "http://relay/v1",
    key: "k",
    model: "m",
    prompt: "p",
    signal,
    onText: () => undefined,
  });

  it("waits for the relay to hear of a new key", async () => {
    const answers = [401, 401, 200];
    const fetch = vi.fn(async () => {
      const status = answers.shift() ?? 500;
      return new Response(
        status === 200
          ? 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n'
          : "{}",
        { status },
      );
    });
    vi.stubGlobal("fetch", fetch);
    const result = await streamChat(request(new AbortController().signal));
    expect(fetch).toHaveBeenCalledTimes(3);
    expect(result.firstTokenMs).toBeDefined();
  });

  it("says at once what will not change", async () => {
    const fetch = vi.fn(
      async () => new Response('{"error":{"message":"No credit."}}', { status: 402 }),
    );
    vi.stubGlobal("fetch", fetch);
    await expect(streamChat(request(new AbortController().signal))).rejects.toThrow("No credit.");
    expect(fetch).toHaveBeenCalledTimes(1);
  });
});
