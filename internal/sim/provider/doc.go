// Package provider is a simulated LLM provider: a small HTTP server that answers as the APIs of OpenAI, Anthropic and Google do.
//
// It lets a first run, the tests and the benchmarks talk to a real upstream over real HTTP without a vendor's key.
// Models: demo-echo, demo-slow, demo-flaky, demo-embed and demo-bench-<chunks>x<gap ms>[x<ttft ms>]. Keys are any
// string that starts with "sk-sim-". What a request costs in tokens, what it answers and which faults it meets
// follow from Config.Seed and the request alone, so a run can be repeated.
//
// A request steers its own answer by headers (x-sim-tokens, x-sim-ttft-ms, x-sim-chunk-ms, x-sim-fault) or by
// members of the same names in its "metadata" object. From the server's side, POST /_sim/faults sets a plan of
// faults, GET /_sim/requests tells what was asked (counts and sizes, never content) and POST /_sim/reset forgets.
package provider
