// Package provider is a simulated LLM provider: a small HTTP server that answers as the vendors' own APIs do.
//
// It lets a first run, the tests and the benchmarks talk to a real upstream over real HTTP without a vendor's key.
// It speaks OpenAI's chat completions, completions, Responses, embeddings and moderations, the Realtime API (over websockets),
// rankings of documents as Jina and Cohere have them, Anthropic's Messages (by anthropic-version, the one of
// October 2026 included) and Google's Gemini. It also is the clouds that serve them: Azure OpenAI and Foundry, Amazon Bedrock
// (InvokeModel for Claude, Converse; it verifies signatures and speaks binary frames) and Claude and Gemini on Vertex AI, with the token
// endpoint of a service account whose key GET /_sim/service-account tells. Below
// /vendors/NAME/v1 it is a vendor who speaks OpenAI's chat format with differences, and strict about them. What the vendors check, it checks: which turn may follow which, what a
// schema may say, and whether signatures and encrypted reasoning come back as they were given out. So a client that
// passes here has lost nothing on the way.
//
// Models: demo-echo, demo-slow, demo-flaky, demo-instruct, demo-embed, demo-moderation, demo-rerank, demo-realtime and demo-bench-<chunks>x<gap ms>[x<ttft ms>]. Keys are any
// string that starts with "sk-sim-". What a request costs in tokens, what it answers and which faults it meets
// follow from Config.Seed and the request alone, so a run can be repeated. An answer echoes the last text of the user;
// a text that names a tool, or says "tool", is answered by calls, one with lines "step: NAME {arguments}" by these calls in turn.
//
// A request steers its own answer by headers, or by members of the same names in its "metadata" object (in Gemini's
// "labels"):
//
//   - x-sim-tokens, x-sim-ttft-ms and x-sim-chunk-ms set length and pace, x-sim-fault a fault;
//   - x-sim-finish is the reason to end for, in the vendor's term (refusal, content_filter, SAFETY, failed);
//   - x-sim-block is Gemini's reason to block the prompt;
//   - x-sim-thinking: redacted makes Anthropic's thinking a redacted block.
//
// From the server's side, POST /_sim/faults sets a plan of faults, GET /_sim/requests tells what was asked (counts and
// sizes, never content) and POST /_sim/reset forgets.
package provider
