package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// nodeReport is what clients/js/sdk.mjs prints.
type nodeReport struct {
	JSONAnswer  string `json:"jsonAnswer"`
	JSONTokens  int64  `json:"jsonTokens"`
	PlainStream struct {
		Chunks      int    `json:"chunks"`
		UsageChunks int    `json:"usageChunks"`
		Text        string `json:"text"`
	} `json:"plainStream"`
	UsageStream struct {
		Usage struct {
			PromptTokens     int64 `json:"prompt_tokens"`
			CompletionTokens int64 `json:"completion_tokens"`
		} `json:"usage"`
		Text string `json:"text"`
	} `json:"usageStream"`
	ToolCall *struct {
		Name string `json:"name"`
	} `json:"toolCall"`
	Embeddings []int    `json:"embeddings"`
	Models     []string `json:"models"`
	Errors     map[string]*struct {
		Type      string `json:"type"`
		Status    int    `json:"status"`
		Code      string `json:"code"`
		RequestID bool   `json:"requestId"`
	} `json:"errors"`
}

type goReport struct {
	JSONAnswer      string `json:"json_answer"`
	JSONTokens      int64  `json:"json_tokens"`
	StreamAnswer    string `json:"stream_answer"`
	StreamTokens    int64  `json:"stream_tokens"`
	Models          int    `json:"models"`
	EmbeddingLength int    `json:"embedding_length"`
	ErrorStatus     int    `json:"error_status"`
	ErrorCode       string `json:"error_code"`
}

// The official SDKs work with nothing but the variables of demo.env, and each of their requests is billed once.
func TestOfficialSDKs(t *testing.T) {
	t.Parallel()
	jsModules(t)
	s := startStack(t, "--no-web")
	before := s.scalar(t, "select count(*) from starlane.usage_event where outcome = 'ok'")

	var node nodeReport
	s.runClient(t, &node, nil, "internal/e2e/clients/js", "node", "sdk.mjs")
	checkNode(t, &node)

	var golang goReport
	s.runClient(t, &golang, nil, "internal/e2e/clients/go", "go", "run", ".")
	if !strings.Contains(golang.JSONAnswer, "hello from the go client") || golang.StreamAnswer != golang.JSONAnswer || golang.JSONTokens == 0 || golang.StreamTokens == 0 {
		t.Errorf("go SDK: %+v, want the echo with usage, streamed and not", golang)
	}
	if golang.ErrorStatus != 404 || golang.ErrorCode != "model_not_found" || golang.Models < 4 || golang.EmbeddingLength == 0 {
		t.Errorf("go SDK: %+v, want 404 model_not_found, the demo models and a vector", golang)
	}

	var messages messagesReport
	s.runClient(t, &messages, nil, "internal/e2e/clients/js", "node", "messages.mjs")
	checkMessages(t, &messages)

	var gemini geminiReport
	s.runClient(t, &gemini, nil, "internal/e2e/clients/js", "node", "gemini.mjs")
	checkGemini(t, &gemini)

	const good = 5 + 3 + 8 + 12 // answers that the clients got
	eventually(t, 5*time.Second, "every answer has one usage record", func() error {
		if got := s.scalar(t, "select count(*) from starlane.usage_event where outcome = 'ok'") - before; got != good {
			return fmt.Errorf("usage records = %d, want %d", got, good)
		}
		return nil
	})
	s.sayHello(t)
	s.checkBooks(t)
}

// messagesReport is what clients/js/messages.mjs prints.
type messagesReport struct {
	Models map[string]struct {
		Answer, Streamed     string
		Usage, StreamedUsage int64
		Stop, Tool, After    string
	}
	Counted int64
	Listed  []string
	Error   struct {
		Type      string
		Status    int
		RequestID bool
	}
}

func checkMessages(t *testing.T, r *messagesReport) {
	t.Helper()
	for _, model := range []string{"demo/echo", "demo/claude"} {
		m := r.Models[model]
		if !strings.Contains(m.Answer, "hello from the messages client") || m.Streamed != m.Answer || m.Usage == 0 || m.StreamedUsage != m.Usage {
			t.Errorf("%s: %+v, want the echo with the same usage, streamed and not", model, m)
		}
		if m.Stop != "tool_use" || m.Tool != "weather" || m.After != "message" {
			t.Errorf("%s: %+v, want the tool's call and an answer to its result", model, m)
		}
		if !slices.Contains(r.Listed, model) {
			t.Errorf("models = %v, want %s among them", r.Listed, model)
		}
	}
	if r.Counted == 0 || r.Error.Type != "NotFoundError" || r.Error.Status != 404 || !r.Error.RequestID {
		t.Errorf("counted %d, error %+v, want tokens and a NotFoundError with a request id", r.Counted, r.Error)
	}
}

// geminiReport is what clients/js/gemini.mjs prints.
type geminiReport struct {
	Models map[string]struct {
		Answer, Streamed     string
		Usage, StreamedUsage int64
		Finish, Tool, After  string
	}
	Counted int64
	Listed  []string
	Error   struct {
		Type   string
		Status int
	}
}

func checkGemini(t *testing.T, r *geminiReport) {
	t.Helper()
	for _, model := range []string{"demo/echo", "demo/claude", "demo/gemini"} {
		m := r.Models[model]
		if !strings.Contains(m.Answer, "hello from the gemini client") || m.Streamed != m.Answer || m.Usage == 0 || m.StreamedUsage != m.Usage {
			t.Errorf("%s: %+v, want the echo with the same usage, streamed and not", model, m)
		}
		if m.Finish != "STOP" || m.Tool != "weather" || !strings.Contains(m.After, "sunny") {
			t.Errorf("%s: %+v, want the tool's call and an answer to its result", model, m)
		}
		if !slices.Contains(r.Listed, "models/"+model) {
			t.Errorf("models = %v, want %s among them", r.Listed, model)
		}
	}
	if r.Counted == 0 || r.Error.Type != "ApiError" || r.Error.Status != 404 {
		t.Errorf("counted %d, error %+v, want tokens and an ApiError 404", r.Counted, r.Error)
	}
}

func checkNode(t *testing.T, r *nodeReport) {
	t.Helper()
	const prompt = "hello from the node client"
	if !strings.Contains(r.JSONAnswer, prompt) || r.JSONTokens == 0 {
		t.Errorf("JSON answer %q with %d tokens, want the echo with usage", r.JSONAnswer, r.JSONTokens)
	}
	if p := r.PlainStream; p.Text != r.JSONAnswer || p.UsageChunks != 0 || p.Chunks < 3 {
		t.Errorf("stream without include_usage: %+v, want the same text in several chunks and no usage chunk", p)
	}
	if u := r.UsageStream; u.Text != r.JSONAnswer || u.Usage.PromptTokens == 0 || u.Usage.CompletionTokens == 0 {
		t.Errorf("stream with include_usage: %+v, want the same text and usage", u)
	}
	if r.ToolCall == nil || r.ToolCall.Name != "weather" {
		t.Errorf("tool call = %+v, want weather", r.ToolCall)
	}
	if len(r.Embeddings) != 2 || r.Embeddings[0] == 0 {
		t.Errorf("embeddings = %v, want two vectors", r.Embeddings)
	}
	for _, m := range []string{"demo/echo", "demo/slow", "demo/flaky", "demo/embed"} {
		if !slices.Contains(r.Models, m) {
			t.Errorf("models = %v, want %s among them", r.Models, m)
		}
	}
	for name, want := range map[string]struct {
		typ, code string
		status    int
	}{
		"unknownModel": {"NotFoundError", "model_not_found", 404},
		"wrongKey":     {"AuthenticationError", "invalid_api_key", 401},
		"badRequest":   {"BadRequestError", "", 400},
	} {
		got := r.Errors[name]
		if got == nil || got.Type != want.typ || got.Status != want.status || (want.code != "" && got.Code != want.code) || !got.RequestID {
			t.Errorf("%s: %+v, want %s with status %d, code %q and a request id", name, got, want.typ, want.status, want.code)
		}
	}
}

// checkBooks runs the three queries of docs/ledger.md.
func (s *stack) checkBooks(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	for name, query := range map[string]string{
		"entries sum to zero": "select coalesce(sum(amount_nano), 0)::bigint from starlane.ledger_entry",
		"balances are the sums of their entries": `
			select count(*) from starlane.balance b
			left join (select account_id, sum(amount_nano) as total from starlane.ledger_entry group by account_id) e using (account_id)
			where b.posted_nano <> coalesce(e.total, 0)`,
		"charges of usage are revenue": `
			select (select coalesce(sum(charge_nano), 0) from starlane.usage_event)
			     + (select coalesce(sum(e.amount_nano), 0) from starlane.ledger_entry e join starlane.account a on a.id = e.account_id where a.kind = 'revenue:usage')`,
	} {
		var n int64
		if err := s.db.QueryRow(ctx, query).Scan(&n); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if n != 0 {
			t.Errorf("%s: off by %d, want 0", name, n)
		}
	}
}
