// Drives pictures, speech and transcripts with the official Node SDK, with nothing but the variables of demo.env.
// Prints one JSON object with what it saw.
import OpenAI, { toFile } from "openai";

const client = new OpenAI();
const report = {};
const b64 = (text) => Buffer.from(text, "base64");

const made = await client.images.generate({ model: "demo/image", prompt: "two red cats", n: 2, quality: "low" });
report.generated = made.data.map((d) => b64(d.b64_json).subarray(1, 4).toString());
report.imageTokens = made.usage.output_tokens;

const picture = b64(made.data[0].b64_json);
const edited = await client.images.edit({ model: "demo/image", prompt: "bluer", quality: "low", image: await toFile(picture, "a cat.png", { type: "image/png" }) });
report.edited = edited.data.length;

const varied = await client.images.createVariation({ model: "demo/image", image: await toFile(picture, "cat.png") });
report.varied = varied.data.length;

report.imageEvents = [];
for await (const event of await client.images.generate({ model: "demo/image", prompt: "two red cats", quality: "low", stream: true, partial_images: 2 })) {
  report.imageEvents.push(event.type);
}

const input = "The quick brown fox jumps over the lazy dog. ".repeat(4);
const speech = await client.audio.speech.create({ model: "demo/speech", voice: "alloy", input, response_format: "wav" });
const sound = Buffer.from(await speech.arrayBuffer());
report.speech = { type: speech.headers.get("content-type"), head: sound.subarray(0, 4).toString(), bytes: sound.length };

const file = () => toFile(sound, "größe.wav", { type: "audio/wav" });
report.transcript = await client.audio.transcriptions.create({ model: "demo/transcribe", file: await file() });
report.transcriptEvents = {};
let streamed = "";
for await (const event of await client.audio.transcriptions.create({ model: "demo/transcribe", file: await file(), stream: true })) {
  report.transcriptEvents[event.type] = (report.transcriptEvents[event.type] ?? 0) + 1;
  streamed += event.delta ?? "";
}
report.streamed = streamed;
report.subtitles = await client.audio.transcriptions.create({ model: "demo/whisper", file: await file(), response_format: "srt" });
report.detail = await client.audio.transcriptions.create({ model: "demo/whisper", file: await file(), response_format: "verbose_json" });
report.translation = (await client.audio.translations.create({ model: "demo/whisper", file: await file() })).text;

try {
  await client.audio.speech.create({ model: "demo/speech", input });
} catch (e) {
  report.error = { type: e.constructor.name, status: e.status, param: e.param };
}
console.log(JSON.stringify(report));
