package e2e

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRealtimeSDK: the official SDK holds a session through the relay, and each response in it is billed once, to the figure that
// the SDK was told.
func TestRealtimeSDK(t *testing.T) {
	t.Parallel()
	jsModules(t)
	s := startStack(t, "--no-web")
	relay, err := url.Parse(s.env["OPENAI_BASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	// In production a balancer ends TLS; the SDK insists on it.
	relay.Path = ""
	front := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(relay))
	defer front.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Model, Text, Call, Refused string
		Audio, Close               int
		Errors                     []string
		Usage                      []struct {
			Input  int64 `json:"input_tokens"`
			Output int64 `json:"output_tokens"`
		}
	}
	s.runClient(t, &got, []string{"OPENAI_BASE_URL=" + front.URL + "/v1", "NODE_EXTRA_CA_CERTS=" + ca}, "internal/e2e/clients/js", "node", "realtime.mjs")
	if got.Model != "demo/realtime" || !strings.HasPrefix(got.Text, "hello from a session") || got.Audio == 0 || got.Call != "weather" {
		t.Errorf("the SDK saw %+v", got)
	}
	if len(got.Errors) != 1 || got.Errors[0] != "response_cancel_not_active" || got.Close != 1000 || !strings.Contains(got.Refused, "404") {
		t.Errorf("errors %v, close code %d, refusal %q", got.Errors, got.Close, got.Refused)
	}
	if len(got.Usage) != 4 {
		t.Fatalf("%d responses, want 4", len(got.Usage))
	}
	var tokens int64
	for _, u := range got.Usage {
		tokens += u.Input + u.Output
	}
	eventually(t, 20*time.Second, "the session is billed", func() error {
		n := s.scalar(t, "select count(*) from starlane.usage_event where capability = 'realtime' and outcome = 'ok'")
		billed := s.scalar(t, "select coalesce(sum(value::bigint), 0)::bigint from starlane.usage_event, jsonb_each_text(units) where capability = 'realtime'")
		if n != 4 || billed != tokens {
			return fmt.Errorf("%d events of %d tokens, want 4 of %d", n, billed, tokens)
		}
		return nil
	})
}
