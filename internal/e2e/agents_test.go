package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const agentClients = "internal/e2e/clients/cli"

// agentTimeout bounds one task, on a busy machine.
const agentTimeout = 3 * time.Minute

// agent is a command line that works with a model of its own vendor, here led to that of another.
type agent struct {
	name, model string
	program     string // below node_modules
	args        []string
	// writes and reads are its tools, with the arguments that they take, FILE and WORDS.
	writes, reads string
	env           []string // beside the key and the address
	files         map[string]string
}

// agents are set up as docs/clients.md says, and have all that would leave this machine switched off.
func agents(t *testing.T, s *stack) []agent {
	t.Helper()
	root := strings.TrimSuffix(s.env["OPENAI_BASE_URL"], "/v1")
	here := func(block string) string { return strings.ReplaceAll(block, "http://127.0.0.1:8080", root) }
	settings := documented(t, "json")
	if len(settings) != 2 {
		t.Fatalf("docs/clients.md has %d files of settings in JSON, want those of Gemini CLI and of opencode", len(settings))
	}
	return []agent{
		{
			name: "codex", program: "@openai/codex/bin/codex.js", model: "demo/claude", args: []string{"exec", "--skip-git-repo-check"},
			writes: `exec_command {"cmd":"printf %s 'WORDS' > FILE"}`, reads: `exec_command {"cmd":"cat FILE"}`,
			env: []string{"CODEX_HOME=HOME", "OPENAI_API_KEY=KEY"},
			files: map[string]string{"config.toml": `approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
` + here(documented(t, "toml")[0]) + `
[analytics]
enabled = false
[feedback]
enabled = false
[otel]
exporter = "none"
`},
		},
		{
			name: "claude", program: "@anthropic-ai/claude-code/cli-wrapper.cjs", model: "demo/gemini", args: []string{"-p", "--model", "demo/gemini", "--permission-mode", "bypassPermissions"},
			writes: `Write {"file_path":"FILE","content":"WORDS"}`, reads: `Read {"file_path":"FILE"}`,
			env: []string{
				"ANTHROPIC_BASE_URL=" + root, "ANTHROPIC_API_KEY=KEY", "CLAUDE_CONFIG_DIR=HOME", "IS_SANDBOX=1", "DISABLE_TELEMETRY=1",
				"DISABLE_AUTOUPDATER=1", "DISABLE_ERROR_REPORTING=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
			},
		},
		{
			name: "gemini", program: "@google/gemini-cli/bundle/gemini.js", model: "demo/claude", args: []string{"-m", "demo/claude", "--yolo", "--skip-trust"},
			writes: `write_file {"file_path":"FILE","content":"WORDS"}`, reads: `read_file {"file_path":"FILE"}`,
			env: []string{"GOOGLE_GEMINI_BASE_URL=" + root, "GEMINI_API_KEY=KEY"},
			files: map[string]string{".gemini/settings.json": configured(t, settings[0], `{"privacy":{"usageStatisticsEnabled":false},
				"telemetry":{"enabled":false},"general":{"enableAutoUpdate":false,"enableAutoUpdateNotification":false}}`)},
		},
		{
			name: "opencode", program: "opencode-linux-x64/bin/opencode", model: "demo/gemini", args: []string{"run"},
			writes: `write {"filePath":"FILE","content":"WORDS"}`, reads: `read {"filePath":"FILE"}`,
			env: []string{
				"OPENAI_API_KEY=KEY", "XDG_DATA_HOME=HOME/data", "XDG_CONFIG_HOME=HOME/config", "XDG_CACHE_HOME=HOME/cache", "XDG_STATE_HOME=HOME/state",
				"OPENCODE_DISABLE_AUTOUPDATE=1", "OPENCODE_DISABLE_MODELS_FETCH=1", "OPENCODE_DISABLE_LSP_DOWNLOAD=1", "OPENCODE_DISABLE_DEFAULT_PLUGINS=1",
			},
			files: map[string]string{"config/opencode/opencode.json": configured(t, here(settings[1]), `{"autoupdate":false,"share":"disabled",
				"small_model":"starlane/demo/gemini","enabled_providers":["starlane"],"permission":{"*":"allow"}}`)},
		},
	}
}

// Each agent writes a file and reads it again, with a model of another vendor than its own, and says what it read. The simulated
// model is told the steps in the task.
func TestAgents(t *testing.T) {
	t.Parallel()
	npmModules(t, agentClients, "--ignore-scripts")
	s := startStack(t, "--no-web")
	owner := s.token(t, s.env["STARLANE_OWNER_EMAIL"], s.env["STARLANE_OWNER_PASSWORD"])
	for _, a := range agents(t, s) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			var key struct {
				Secret string `json:"secret"`
			}
			s.api(t, http.MethodPost, "/keys", owner, map[string]any{"name": a.name}, &key)
			note, words := filepath.Join(t.TempDir(), "note.txt"), "made by "+a.name
			task := "Do as told.\n" + stepLine(a.writes, note, words) + stepLine(a.reads, note, words)
			answer := a.run(t, key.Secret, filepath.Dir(note), task)
			if !strings.Contains(answer, "The tool answered: ") || !strings.Contains(answer, words) {
				t.Errorf("it said %q, want what it read", answer)
			}
			if got, err := os.ReadFile(note); err != nil || string(got) != words {
				t.Errorf("the file holds %q (%v), want %q", got, err, words)
			}
			const turns = 3
			eventually(t, time.Minute, "its requests are billed", func() error {
				if n := s.scalar(t, agentRequests+` and e.outcome = 'ok' and e.served_model = $2`, a.name, a.model); n < turns {
					return fmt.Errorf("%d requests, want %d or more", n, turns)
				}
				return nil
			})
			if n := s.scalar(t, agentRequests+` and e.outcome <> 'ok'`, a.name); n > 0 {
				t.Errorf("%d of its requests failed", n)
			}
		})
	}
}

const agentRequests = `select count(*) from starlane.usage_event e join starlane.virtual_key k on k.tenant_id = e.tenant_id and k.id = e.key_id where k.name = $1`

func stepLine(call, file, words string) string {
	return "step: " + strings.NewReplacer("FILE", file, "WORDS", words).Replace(call) + "\n"
}

// run gives an agent a task in a home of its own. What it asks of anybody but this machine goes to a proxy that is not there.
func (a *agent) run(t *testing.T, key, dir, task string) string {
	t.Helper()
	home := t.TempDir()
	fill := strings.NewReplacer("HOME", home, "KEY", key)
	for name, text := range a.files {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), agentTimeout)
	defer cancel()
	command := append([]string{filepath.Join(checkout(t), agentClients, "node_modules", a.program)}, a.args...)
	if strings.HasSuffix(a.program, "js") {
		command = append([]string{"node"}, command...)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	const nowhere = "http://127.0.0.1:9"
	cmd.Env = []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(), "TERM=dumb",
		"HTTP_PROXY=" + nowhere, "HTTPS_PROXY=" + nowhere, "NO_PROXY=127.0.0.1",
	}
	for _, e := range a.env {
		name, v, _ := strings.Cut(e, "=")
		cmd.Env = append(cmd.Env, name+"="+fill.Replace(v))
	}
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(task), &stderr
	start := time.Now()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", a.name, err, out, &stderr)
	}
	t.Logf("%s took %s", a.name, time.Since(start).Round(time.Millisecond))
	return string(out)
}
