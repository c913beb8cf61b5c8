package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"starlane/internal/sim/provider"
)

// format is a wire format that clients speak.
type format string

const (
	chat      format = "chat"
	responses format = "responses"
	messages  format = "messages"
	contents  format = "contents"
)

// end is what only the last event of a stream has.
func (f format) end() string {
	return map[format]string{
		chat: "[DONE]", responses: `"type":"response.completed"`, messages: `"type":"message_stop"`, contents: `"finishReason"`,
	}[f]
}

// request is a complete HTTP/1.1 request.
func request(f format, host, key, model, prompt string, stream bool) []byte {
	path, body := "/v1/"+string(f), ""
	switch f {
	case chat:
		usage := ""
		if stream {
			usage = `,"stream":true,"stream_options":{"include_usage":true}`
		}
		path, body = "/v1/chat/completions", fmt.Sprintf(`{"model":%q%s,"messages":[{"role":"user","content":%q}]}`, model, usage, prompt)
	case responses:
		body = fmt.Sprintf(`{"model":%q,"stream":%v,"store":false,"input":%q}`, model, stream, prompt)
	case messages:
		body = fmt.Sprintf(`{"model":%q,"stream":%v,"max_tokens":1000,"messages":[{"role":"user","content":%q}]}`, model, stream, prompt)
	case contents:
		path = "/v1beta/models/" + model + ":generateContent"
		if stream {
			path = "/v1beta/models/" + model + ":streamGenerateContent?alt=sse"
		}
		body = fmt.Sprintf(`{"contents":[{"role":"user","parts":[{"text":%q}]}]}`, prompt)
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, host, key, len(body), body)
}

// family is an upstream of the pairs. pass is the client's format whose bytes pass through to it, or, for want of one, the
// pass that its translations are compared with.
type family struct {
	name, model string
	pass        func(client format) (yardstick [2]string)
}

// pairBudget is how much a translated stream may cost, in passes.
const pairBudget = 2.5

// pairStream is the load of the pairs: as stream100.
func pairStream() scenario { return scenario{prompt: 64, stream: true, conns: 64} }

// pairs are the clients' formats and the upstreams, each with each.
func clientFormats() []format { return []format{chat, responses, messages, contents} }

func families() []family {
	always := func(client format, family string) func(format) [2]string {
		return func(format) [2]string { return [2]string{string(client), family} }
	}
	return []family{
		// Responses go to OpenAI as they are, so their pass is one of its own.
		{"openai", "bench/stream", func(client format) [2]string {
			if client == responses {
				return [2]string{string(responses), "openai"}
			}
			return [2]string{string(chat), "openai"}
		}},
		{"anthropic", "bench/messages", always(messages, "anthropic")},
		{"gemini", "bench/contents", always(contents, "gemini")},
		{"bedrock", "bench/converse", always(messages, "anthropic")}, // nobody speaks its format
	}
}

// pairRow is one pair of formats: medians over the rounds.
type pairRow struct {
	Client    string  `json:"client"`
	Upstream  string  `json:"upstream"`
	PerSecond float64 `json:"per_second"`
	CPU       float64 `json:"cpu_seconds_per_1000"`
	OfPass    float64 `json:"of_pass"` // CPU, by that of the pass it is compared with
	PeakMiB   int64   `json:"peak_rss_mib"`
	Failed    int     `json:"failed"`
	sent      int
	answered  int
}

// measurePairs streams through the relay in each pair of formats, interleaved by rounds.
func (b *bench) measurePairs(ctx context.Context, rounds int, phase time.Duration) ([]pairRow, error) {
	samples := map[[2]string][]row{}
	prompt := words(pairStream().prompt)
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "pairs: round %d of %d\n", round+1, rounds)
		for _, client := range clientFormats() {
			for _, f := range families() {
				raw := request(client, b.relayAddr(), b.secret, f.model, prompt, true)
				r, err := once(ctx, pairStream(), target{"relay", b.relayAddr(), raw, client.end(), b.pids["relay"]}, phase)
				if err != nil {
					return nil, err
				}
				pair := [2]string{string(client), f.name}
				samples[pair] = append(samples[pair], r)
			}
		}
	}
	var out []pairRow
	for _, client := range clientFormats() {
		for _, f := range families() {
			r, pass := median(samples[[2]string{string(client), f.name}]), median(samples[f.pass(client)])
			out = append(out, pairRow{
				Client: string(client), Upstream: f.name, PerSecond: r.PerSecond, CPU: r.CPU, OfPass: r.CPU / max(pass.CPU, 1e-9),
				PeakMiB: r.PeakMiB, Failed: r.Failed, sent: r.sent, answered: r.answered,
			})
		}
	}
	return out, nil
}

// printPairs shows the pairs and tells whether their budget is met.
func printPairs(w io.Writer, rows []pairRow) bool {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "client\tupstream\treq/s\tCPU s/1k\t× pass\tRSS MiB\tfailed\t")
	worst, failed := 0.0, 0
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%.3f\t%.2f\t%d\t%d\t\n", r.Client, r.Upstream, r.PerSecond, r.CPU, r.OfPass, r.PeakMiB, r.Failed)
		worst, failed = max(worst, r.OfPass), failed+r.Failed
	}
	_ = t.Flush()
	word := map[bool]string{true: "met   ", false: "MISSED"}
	met := worst <= pairBudget
	fmt.Fprintf(w, "\n%s  pairs      CPU at most %.2f × a pass, budget %.1f ×\n", word[met], worst, pairBudget)
	fmt.Fprintf(w, "%s  pairs      %d requests failed\n\n", word[failed == 0], failed)
	return met && failed == 0
}

// addBedrock adds a provider of Bedrock's Converse API, which the demo does not have.
func (b *bench) addBedrock(ctx context.Context, operator string) error {
	var made struct {
		ID string `json:"id"`
	}
	in := object{"slug": bedrockSlug, "name": "Simulated Bedrock", "dialect": "bedrock", "simulated": true}
	if err := b.call(ctx, "POST", "/providers", operator, in, &made); err != nil {
		return err
	}
	in = object{"provider_id": made.ID, "name": "benchmark", "base_url": "http://" + b.simAddr(), "region": "us-east-1"}
	if err := b.call(ctx, "POST", "/accounts", operator, in, &made); err != nil {
		return err
	}
	in = object{"account_id": made.ID, "name": "simulator", "secret": provider.AWSAccessKeyID + ":" + provider.AWSSecretAccessKey}
	return b.call(ctx, "POST", "/upstream-keys", operator, in, nil)
}

const bedrockSlug = "bench-bedrock"
