package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"starlane/internal/devstack/proc"
)

// The demo's first traffic: real requests of two clients with keys of their own, so that the console has something to show.
const (
	webApp        = "web app"
	nightlyBatch  = "nightly batch"
	trafficAtOnce = 8
	// trafficMayTake bounds each of its two parts: the answers, and their way into the ledger.
	trafficMayTake = 20 * time.Second
)

type demoRequest struct {
	client string // name of its key
	path   string
	body   map[string]any
	fails  bool // the model may fail; that is its use
}

func (r *demoRequest) model() string { return r.body["model"].(string) }

// demoTraffic lists the requests. The first of each client is sure to be answered; then the slow ones, so that the others need
// not wait for them.
func demoTraffic() []demoRequest {
	var plan []demoRequest
	chat := func(client, model, text string, tokens int, more map[string]any) {
		body := map[string]any{"model": model, "max_tokens": tokens, "messages": []any{map[string]string{"role": "user", "content": text}}}
		for name, v := range more {
			body[name] = v
		}
		plan = append(plan, demoRequest{client: client, path: "/v1/chat/completions", body: body, fails: model == "demo/flaky"})
	}
	stream := map[string]any{"stream": true}
	chat(webApp, demoModel, "Say hello to a new visitor.", 8, nil)
	chat(nightlyBatch, demoModel, "Good evening.", 8, nil)
	for _, q := range []string{"Why is the sky blue?", "Name three rivers.", "What is a ledger?"} {
		chat(webApp, "demo/slow", q, 3, stream)
	}
	for n := range 8 {
		chat(nightlyBatch, "demo/flaky", fmt.Sprintf("Classify ticket %d: the invoice does not open.", n+1), 6, nil)
	}
	for n := range 8 {
		chat(webApp, demoModel, strings.Repeat("Where is my order? ", 1+8*n), 5+n, stream)
	}
	for _, q := range []string{"Use the tool for Lisbon.", "Use the tool for Oslo.", "Which tool knows Quito?", "Ask the tool about Perth."} {
		chat(webApp, demoModel, q, 40, map[string]any{"tools": []any{map[string]any{"type": "function", "function": map[string]any{
			"name": "weather", "description": "The weather of a city",
			"parameters": map[string]any{"type": "object", "properties": map[string]any{"city": map[string]string{"type": "string"}}},
		}}}})
	}
	for n := range 4 {
		chat(webApp, demoAlias, strings.Repeat("Make this friendlier. ", 1+4*n), 6, nil)
	}
	for n := range 6 {
		chat(nightlyBatch, demoModel, strings.Repeat("Sum up what customers wrote today. ", 150*(n+1)), 12, nil)
	}
	for n := range 5 {
		texts := make([]string, 1+3*n)
		for i := range texts {
			texts[i] = fmt.Sprintf("Article %d.%d of the help centre: how to change a password.", n+1, i+1)
		}
		plan = append(plan, demoRequest{client: nightlyBatch, path: "/v1/embeddings", body: map[string]any{"model": "demo/embed", "input": texts}})
	}
	for n := range 3 {
		question := fmt.Sprintf("How do I change password %d?", n+1)
		plan = append(
			plan,
			demoRequest{client: webApp, path: "/v1/moderations", body: map[string]any{"model": "demo/moderation", "input": question}},
			demoRequest{client: webApp, path: "/v1/rerank", body: map[string]any{"model": "demo/rerank", "query": question, "top_n": 1, "documents": []string{
				"How to change a password", "How to read an invoice", "Where to see what was ordered",
			}}},
		)
	}
	for _, text := range []string{"Dear customer,", "Once upon a time"} {
		plan = append(plan, demoRequest{client: webApp, path: "/v1/completions", body: map[string]any{"model": "demo/completions", "prompt": text, "max_tokens": 8}})
	}
	return plan
}

// seedClients makes the two keys. Their secrets are kept until their requests are sent.
func (u *up) seedClients(ctx context.Context, owner admin) error {
	demo := &u.secrets.Demo
	for _, c := range []struct {
		secret *string
		create map[string]any
	}{
		{&demo.WebAppKey, map[string]any{"name": webApp}},
		// The budget covers all its requests at once: credit is set aside for the largest size of each prompt.
		{&demo.BatchKey, map[string]any{
			"name": nightlyBatch, "rpm": 600, "concurrency": 50, "allowed_models": []string{demoModel, "demo/flaky", "demo/embed"},
			"budget": map[string]string{"amount": "0.20", "window": "month"},
		}},
	} {
		if *c.secret != "" {
			continue
		}
		var err error
		if *c.secret, err = createKey(ctx, owner, c.create); err != nil {
			return err
		}
		if err := u.dir.writeJSON("secrets.json", u.secrets); err != nil {
			return err
		}
	}
	return nil
}

// traffic sends what the ledger does not have yet of the demo's requests, and returns how many that were. It is over when the
// ledger has all, for good: the next start finds no secrets of the two clients. A start that was interrupted is gone on with.
func (u *up) traffic(ctx context.Context) (int, error) {
	demo := &u.secrets.Demo
	if demo.WebAppKey == "" || demo.BatchKey == "" {
		return 0, nil
	}
	owner, err := u.owner(ctx)
	if err != nil {
		return 0, err
	}
	billed, err := billedOf(ctx, owner)
	if err != nil {
		return 0, err
	}
	plan := remaining(demoTraffic(), billed)
	if err := u.sendAll(ctx, plan); err != nil {
		return 0, err
	}
	wait, cancel := context.WithTimeout(ctx, trafficMayTake)
	defer cancel()
	var last error
	err = proc.WaitFor(wait, 50*time.Millisecond, func() bool {
		billed, err := billedOf(wait, owner)
		if err == nil || wait.Err() == nil {
			last = err
		}
		return last != nil || len(remaining(demoTraffic(), billed)) == 0
	})
	if last != nil {
		return 0, last
	}
	if err != nil {
		return 0, fmt.Errorf("not all requests of the demo are billed after %s: %w", trafficMayTake, err)
	}
	demo.WebAppKey, demo.BatchKey = "", ""
	return len(plan), u.dir.writeJSON("secrets.json", u.secrets)
}

// billedOf counts requests in the ledger by the name of their key.
func billedOf(ctx context.Context, owner admin) (map[string]int, error) {
	var report struct {
		Items []struct {
			KeyName  string `json:"key_name"`
			Requests int    `json:"requests"`
		} `json:"items"`
	}
	if err := owner.call(ctx, http.MethodGet, "/usage?group_by=key", nil, &report); err != nil {
		return nil, err
	}
	billed := map[string]int{}
	for _, row := range report.Items {
		billed[row.KeyName] += row.Requests
	}
	return billed, nil
}

// remaining leaves out as many requests of each client as are billed.
func remaining(plan []demoRequest, billed map[string]int) []demoRequest {
	var out []demoRequest
	seen := map[string]int{}
	for _, r := range plan {
		if seen[r.client]++; seen[r.client] > billed[r.client] {
			out = append(out, r)
		}
	}
	return out
}

// sendAll sends the first request of each client, whose success tells that there is credit for it, and then the others side
// by side.
func (u *up) sendAll(ctx context.Context, plan []demoRequest) error {
	ctx, cancel := context.WithTimeout(ctx, trafficMayTake)
	defer cancel()
	known := map[string]bool{}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(trafficAtOnce)
	for i := range plan {
		r := &plan[i]
		if !known[r.client] {
			known[r.client] = true
			if err := u.send(gctx, r); err != nil {
				return err
			}
			continue
		}
		g.Go(func() error { return u.send(gctx, r) })
	}
	return g.Wait()
}

func (u *up) send(ctx context.Context, r *demoRequest) error {
	body, err := json.Marshal(r.body)
	if err != nil {
		return fmt.Errorf("demo request: %w", err)
	}
	key := u.secrets.Demo.WebAppKey
	if r.client == nightlyBatch {
		key = u.secrets.Demo.BatchKey
	}
	err = untilAccepted(ctx, func(ctx context.Context) error {
		_, _, err := u.ask(ctx, key, r.path, body)
		if r.fails && ctx.Err() == nil && !unheardOf(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("demo request to %s: %w", r.model(), err)
	}
	return nil
}

// unheardOf tells a relay that does not know the key, the model or its price yet from a model that fails.
func unheardOf(err error) bool {
	return isStatus(err, http.StatusUnauthorized) || isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusUnprocessableEntity)
}
