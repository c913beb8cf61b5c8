import { describe, expect, it } from "vitest";
import { eventData } from "./relay-stream";

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
