package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// bench is a running stack with the models of the benchmark and the yardstick beside it.
type bench struct {
	dir       string
	env       map[string]string // demo.env
	pids      map[string]int
	proxyAddr string
	proxy     *exec.Cmd
	keyID     string // of the virtual key that all load uses
	secret    string
	probes    int // requests that waitServing got answers to
}

// benchModel is the simulated upstream's model behind a public name, and the provider that it is called through.
type benchModel struct{ upstream, provider string }

// benchModels are the public names that the scenarios call.
var benchModels = map[string]benchModel{
	"bench/json":     {"demo-bench-16x0x0", "simulated"},
	"bench/open":     {"demo-bench-16x0x5", "simulated"},
	"bench/stream":   {"demo-bench-100x0x0", "simulated"},
	"bench/users":    {"demo-bench-100x20x50", "simulated"},
	"bench/messages": {"demo-bench-100x0x0", "simulated-anthropic"},
	"bench/contents": {"demo-bench-100x0x0", "simulated-gemini"},
	"bench/converse": {"demo-bench-100x0x0", bedrockSlug},
}

// startBench brings a stack of its own up in dir and prepares it. progress gets a line per step.
func startBench(ctx context.Context, dir string, port int, progress io.Writer) (*bench, error) {
	b := &bench{dir: dir}
	fmt.Fprintln(progress, "starting a stack of its own in", dir)
	if err := b.starlane(ctx, progress, "up", "--detach", "--no-web", "--quiet", fmt.Sprintf("--port=%d", port)); err != nil {
		return nil, err
	}
	if err := b.readState(); err != nil {
		return b, err
	}
	if err := b.addModels(ctx); err != nil {
		return b, err
	}
	if err := b.startProxy(ctx); err != nil {
		return b, err
	}
	return b, b.waitServing(ctx)
}

func (b *bench) starlane(ctx context.Context, progress io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", "./cmd/starlane"}, append(args, "--data-dir="+b.dir)...)...)
	cmd.Stdout, cmd.Stderr = progress, progress
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("starlane %s: %w", args[0], err)
	}
	return nil
}

func (b *bench) readState() error {
	f, err := os.ReadFile(filepath.Join(b.dir, "demo.env"))
	if err != nil {
		return fmt.Errorf("read demo.env: %w", err)
	}
	b.env = map[string]string{}
	for line := range strings.Lines(string(f)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			b.env[name] = strings.Trim(value, `'"`)
		}
	}
	f, err = os.ReadFile(filepath.Join(b.dir, "run.json"))
	if err != nil {
		return fmt.Errorf("read run.json: %w", err)
	}
	var run struct {
		Services map[string]int `json:"services"`
	}
	if err := json.Unmarshal(f, &run); err != nil {
		return fmt.Errorf("read run.json: %w", err)
	}
	b.pids = run.Services
	return nil
}

// call sends one admin API request as operator or owner and decodes the answer into out, if any.
func (b *bench) call(ctx context.Context, method, path, token string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, b.env["STARLANE_API_URL"]+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 10 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: status %d: %s (%w)", method, path, res.StatusCode, text, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

type object = map[string]any

// addModels puts the benchmark's models into the catalogue and makes a virtual key without limits for a tenant with credit.
func (b *bench) addModels(ctx context.Context) error {
	operator := b.env["STARLANE_OPERATOR_TOKEN"]
	if err := b.addBedrock(ctx, operator); err != nil && !strings.Contains(err.Error(), "status 409") {
		return err
	}
	accounts, err := b.accounts(ctx, operator)
	if err != nil {
		return err
	}
	for name, m := range benchModels {
		steps := []struct {
			path string
			in   object
		}{
			{"/models", object{"name": name, "display_name": name, "capabilities": []string{"chat"}, "context_length": 1_000_000, "max_output": 1000}},
			{"/deployments", object{"model": name, "account_id": accounts[m.provider], "upstream_model": m.upstream}},
			{"/price-books/1/versions", object{"model": name, "rates": object{"in_text": "0.01", "out_text": "0.02"}}},
		}
		for _, s := range steps {
			if err := b.call(ctx, "POST", s.path, operator, s.in, nil); err != nil && !strings.Contains(err.Error(), "status 409") {
				return err
			}
		}
	}
	return b.addKey(ctx)
}

// accounts finds the account of each provider, by its slug.
func (b *bench) accounts(ctx context.Context, operator string) (map[string]string, error) {
	type list[T any] struct {
		Items []T `json:"items"`
	}
	var providers list[struct {
		ID   string `json:"id"`
		Slug string `json:"slug"`
	}]
	var accounts list[struct {
		ID       string `json:"id"`
		Provider string `json:"provider_id"`
	}]
	if err := b.call(ctx, "GET", "/providers", operator, nil, &providers); err != nil {
		return nil, err
	}
	if err := b.call(ctx, "GET", "/accounts", operator, nil, &accounts); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, p := range providers.Items {
		for _, a := range accounts.Items {
			if a.Provider == p.ID {
				out[p.Slug] = a.ID
			}
		}
	}
	return out, nil
}

func (b *bench) addKey(ctx context.Context) error {
	var access struct {
		Token string `json:"access_token"`
	}
	login := object{"email": b.env["STARLANE_OWNER_EMAIL"], "password": b.env["STARLANE_OWNER_PASSWORD"]}
	if err := b.call(ctx, "POST", "/auth/token", "", login, &access); err != nil {
		return err
	}
	var me struct {
		Tenant struct {
			ID string `json:"id"`
		} `json:"tenant"`
	}
	if err := b.call(ctx, "GET", "/me", access.Token, nil, &me); err != nil {
		return err
	}
	var projects struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if err := b.call(ctx, "GET", "/projects", access.Token, nil, &projects); err != nil {
		return err
	}
	var key struct {
		Secret string `json:"secret"`
		ID     string `json:"id"`
	}
	in := object{"name": "benchmark", "project_id": projects.Items[0].ID}
	if err := b.call(ctx, "POST", "/keys", access.Token, in, &key); err != nil {
		return err
	}
	b.keyID, b.secret = key.ID, key.Secret
	grant := object{"kind": "promo", "amount": "1000.00", "reason": "benchmark"}
	return b.call(ctx, "POST", "/tenants/"+me.Tenant.ID+"/credits", b.env["STARLANE_OPERATOR_TOKEN"], grant, nil)
}

func (b *bench) startProxy(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start proxy: %w", err)
	}
	sim, err := url.Parse(b.env["STARLANE_SIM_PROVIDER_URL"])
	if err != nil {
		return fmt.Errorf("start proxy: %w", err)
	}
	b.proxy = exec.CommandContext(ctx, self, "proxy", sim.Scheme+"://"+sim.Host)
	b.proxy.Stderr = os.Stderr
	out, err := b.proxy.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start proxy: %w", err)
	}
	if err := b.proxy.Start(); err != nil {
		return fmt.Errorf("start proxy: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("start proxy: %w", err)
	}
	b.proxyAddr = strings.TrimSpace(line)
	return nil
}

// waitServing waits until the relay has heard of the new key and models.
func (b *bench) waitServing(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var err error
	for limit.Err() == nil {
		pending := false
		for model := range benchModels {
			c := conn{addr: b.relayAddr()}
			if _, err = c.do(limit, request(chat, b.relayAddr(), b.secret, model, "hi", false), ""); err != nil {
				pending = true
			} else {
				b.probes++
			}
			c.close()
		}
		if !pending {
			return nil
		}
		pause(limit, 200*time.Millisecond)
	}
	return fmt.Errorf("the relay does not serve the benchmark's models: %w", err)
}

func (b *bench) relayAddr() string { return hostOf(b.env["OPENAI_BASE_URL"]) }
func (b *bench) simAddr() string   { return hostOf(b.env["STARLANE_SIM_PROVIDER_URL"]) }

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	return u.Host
}

// recorded counts the usage records of the benchmark's key, by outcome.
func (b *bench) recorded(ctx context.Context) (map[string]int, error) {
	db, err := pgx.Connect(ctx, b.env["DATABASE_URL"])
	if err != nil {
		return nil, fmt.Errorf("count usage records: %w", err)
	}
	defer func() { _ = db.Close(ctx) }()
	rows, err := db.Query(ctx, "select outcome, count(*) from starlane.usage_event where key_id = $1 group by outcome", b.keyID)
	if err != nil {
		return nil, fmt.Errorf("count usage records: %w", err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var outcome string
		var n int
		if err := rows.Scan(&outcome, &n); err != nil {
			return nil, fmt.Errorf("count usage records: %w", err)
		}
		out[outcome] = n
	}
	return out, rows.Err()
}

func (b *bench) stop(progress io.Writer) {
	if b.proxy != nil && b.proxy.Process != nil {
		_ = b.proxy.Process.Kill()
		_ = b.proxy.Wait()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.starlane(ctx, progress, "down"); err != nil {
		fmt.Fprintln(progress, err)
	}
}
