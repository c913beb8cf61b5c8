package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"starlane/internal/devstack/toolcache"
)

// Summary is what a person needs once the stack is ready. It holds the demo's secrets, so it goes to the caller's terminal and
// into files of mode 0600 only.
type Summary struct {
	Event    string `json:"event"` // "ready"
	Console  string `json:"console_url"`
	NoWeb    bool   `json:"console_left_out,omitempty"`
	Docs     string `json:"api_docs_url"`
	Relay    string `json:"relay_url"` // with /v1
	Email    string `json:"owner_email,omitempty"`
	Password string `json:"owner_password,omitempty"`
	Key      string `json:"api_key,omitempty"`
	Curl     string `json:"curl,omitempty"`
	Proof    *Proof `json:"proof,omitempty"`
	Data     string `json:"data_dir"`
	EnvFile  string `json:"env_file,omitempty"`
	// Operator is shown where there is no demo login.
	Operator string `json:"operator_email,omitempty"`
}

// Text is the summary for people.
func (s *Summary) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("")
	if s.Proof != nil {
		line("  Proof     one chat completion: %d tokens in, %d out, charged $%s, in the ledger after %s; balance $%s",
			s.Proof.InputTokens, s.Proof.OutputTokens, s.Proof.Charge, s.Proof.BilledAfter, s.Proof.Balance)
	}
	login := s.Email + " / " + s.Password
	if s.Email == "" {
		login = s.Operator + " (password: starlane credentials)"
	}
	if s.NoWeb {
		login += "  (the console is not built, only the API answers)"
	}
	line("  Console   %-30s %s", s.Console, login)
	line("  API docs  %-30s Relay  %s", s.Docs, s.Relay)
	if s.Curl != "" {
		line("  Try it (no provider key needed):")
		line("    %s", s.Curl)
		line("  Any OpenAI, Anthropic or Gemini client:  set -a; . %s; set +a   (docs/clients.md)", shortPath(s.EnvFile))
	}
	line("  Data  %s   Logs  %s   Stop  Ctrl-C, or make down   Start over  make reset", shortPath(s.Data), shortPath(filepath.Join(s.Data, "logs")))
	return b.String()
}

func (u *up) summary() *Summary {
	s := &Summary{
		Event: "ready", Console: u.consoleURL(), Docs: u.consoleURL() + "/docs", Relay: u.relayURL() + "/v1", Data: u.dir.Root, NoWeb: !u.consoleBuilt,
	}
	if !u.Seed {
		s.Operator = u.secrets.OperatorEmail
		return s
	}
	d := u.secrets.Demo
	s.Email, s.Password, s.Key = d.OwnerEmail, d.OwnerPassword, d.VirtualKey
	s.EnvFile = u.dir.Path("demo.env")
	s.Curl = fmt.Sprintf("curl %s/v1/chat/completions -H \"Authorization: Bearer %s\" \\\n      -H \"Content-Type: application/json\" -d '%s'",
		u.relayURL(), d.VirtualKey, proofBody)
	return s
}

func shortPath(path string) string {
	cwd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(cwd, path); err == nil && filepath.IsLocal(rel) {
		return "./" + rel
	}
	return path
}

// writeDemoEnv writes the file that makes the vendors' SDKs work.
func (u *up) writeDemoEnv() error {
	d := u.secrets.Demo
	lines := []string{
		"OPENAI_BASE_URL=" + u.relayURL() + "/v1",
		"OPENAI_API_KEY=" + d.VirtualKey,
		"ANTHROPIC_BASE_URL=" + u.relayURL(),
		"ANTHROPIC_AUTH_TOKEN=" + d.VirtualKey,
		"ANTHROPIC_API_KEY=" + d.VirtualKey,
		"GOOGLE_GEMINI_BASE_URL=" + u.relayURL(),
		"GEMINI_API_KEY=" + d.VirtualKey,
		"STARLANE_MODEL=" + demoModel,
		"STARLANE_CONSOLE_URL=" + u.consoleURL(),
		"STARLANE_API_URL=" + u.consoleURL() + "/api/v1",
		"STARLANE_OWNER_EMAIL=" + d.OwnerEmail,
		"STARLANE_OWNER_PASSWORD=" + d.OwnerPassword,
		"STARLANE_OPERATOR_EMAIL=" + u.secrets.OperatorEmail,
		"STARLANE_OPERATOR_PASSWORD=" + u.secrets.OperatorPassword,
		"STARLANE_OPERATOR_TOKEN=" + u.secrets.OperatorToken,
		"STARLANE_SIM_PROVIDER_URL=" + u.providerURL(),
		"STARLANE_SIM_STRIPE_URL=" + u.stripeURL(),
		"DATABASE_URL=" + u.databaseURL,
		"REDIS_URL=" + u.redisURL,
	}
	return u.dir.writeFile("demo.env", []byte(strings.Join(lines, "\n")+"\n"))
}

// Credentials are the logins of a data folder.
type Credentials struct {
	OwnerEmail       string `json:"owner_email,omitempty"`
	OwnerPassword    string `json:"owner_password,omitempty"`
	APIKey           string `json:"api_key,omitempty"`
	OperatorEmail    string `json:"operator_email"`
	OperatorPassword string `json:"operator_password"`
	OperatorToken    string `json:"operator_token,omitempty"`
}

// Text is the list for people.
func (c Credentials) Text() string {
	var b strings.Builder
	if c.APIKey != "" {
		fmt.Fprintf(&b, "Owner of the demo tenant  %s / %s\nVirtual key               %s\n", c.OwnerEmail, c.OwnerPassword, c.APIKey)
	}
	fmt.Fprintf(&b, "Operator                  %s / %s", c.OperatorEmail, c.OperatorPassword)
	if c.OperatorToken != "" {
		fmt.Fprintf(&b, "\nOperator's API token      %s", c.OperatorToken)
	}
	return b.String()
}

// Credentials reads them from the folder.
func (d DataDir) Credentials() (Credentials, error) {
	var s Secrets
	if err := d.readJSON("secrets.json", &s); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Credentials{}, fmt.Errorf("no stack has been started in %s yet; `starlane up` does", d.Root)
		}
		return Credentials{}, err
	}
	c := Credentials{OperatorEmail: s.OperatorEmail, OperatorPassword: s.OperatorPassword, OperatorToken: s.OperatorToken}
	if s.Demo.VirtualKey != "" {
		c.OwnerEmail, c.OwnerPassword, c.APIKey = s.Demo.OwnerEmail, s.Demo.OwnerPassword, s.Demo.VirtualKey
	}
	return c, nil
}

// Running returns what the stack in the folder says of itself; ok is false when none runs.
func (d DataDir) Running() (run Run, ok bool) {
	if !d.marked() {
		return Run{}, false
	}
	release, free, err := toolcache.TryLock(d.Path("up.lock"))
	if err != nil {
		return Run{}, false
	}
	if free {
		release()
		return Run{}, false
	}
	run, err = d.ReadRun()
	if err != nil {
		return Run{State: Starting}, true // it has only just begun
	}
	return run, true
}

// ServiceState is how one process of a running stack is.
type ServiceState struct {
	Name  string `json:"name"`
	PID   int    `json:"pid"`
	OK    bool   `json:"ok"`
	State string `json:"state"`
}

// Health asks every process of a running stack.
func (r Run) Health(ctx context.Context) []ServiceState {
	p := Ports{r.PortBase}
	probes := map[string]string{
		"relay":        "http://" + local(p.RelayPrivate()) + "/readyz",
		"api":          "http://" + local(p.APIPrivate()) + "/readyz",
		"worker":       "http://" + local(p.WorkerPrivate()) + "/readyz",
		"sim-provider": "http://" + local(p.SimProvider()) + "/_sim/requests",
		"sim-stripe":   "http://" + local(p.SimStripe()) + "/_sim/requests",
	}
	var out []ServiceState
	for name, pid := range r.Services {
		s := ServiceState{Name: name, PID: pid, OK: true, State: "running"}
		if url, ok := probes[name]; ok {
			s.State = "ready"
			if err := answersOK(ctx, url); err != nil {
				s.OK, s.State = false, err.Error()
			}
		} else if syscall.Kill(pid, 0) != nil {
			s.OK, s.State = false, "gone"
		}
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Logs lists the log files by service.
func (d DataDir) Logs() (map[string]string, error) {
	files, err := filepath.Glob(d.Path("logs", "*.log"))
	if err != nil {
		return nil, fmt.Errorf("list logs: %w", err)
	}
	logs := map[string]string{}
	for _, f := range append(files, d.Path("postgres", "postgres.log"), d.Path("redis", "redis.log")) {
		if st, err := os.Stat(f); err == nil && st.Mode().IsRegular() {
			logs[strings.TrimSuffix(filepath.Base(f), ".log")] = f
		}
	}
	if len(logs) == 0 {
		return nil, fmt.Errorf("no logs in %s; `starlane up` starts a stack", d.Root)
	}
	return logs, nil
}
