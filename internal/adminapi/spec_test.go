package adminapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// TestRefusalsShowTheRuleAndNotTheValue sends bodies that break one rule each. Both validators of the library are met:
// top-ups have words of JSON Schema 2020 in their schema, sign-ins have not.
func TestRefusalsShowTheRuleAndNotTheValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, path, body, pointer, detail string }{
		{"pattern", "/topups", `{"amount":"-4711"}`, "/amount", `string doesn't match the regular expression "^\d{1,5}(\.\d{1,2})?$"`},
		{"type", "/topups", `{"amount":4711}`, "/amount", "value must be of type string"},
		{"null", "/topups", `{"amount":null}`, "/amount", "value must be of type string"},
		{"missing", "/topups", `{}`, "/", `property "amount" is missing`},
		{"unknown", "/topups", `{"amount":"5","sum":"4711"}`, "/", `property "sum" is unsupported`},
		{"older schema", "/auth/login", `{"email":"4711","password":"x"}`, "/email", `string doesn't match the regular expression "^[^@\s]+@[^@\s]+$"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, doc, text := refusal(t, c.path, c.body)
			if status != http.StatusBadRequest || len(doc.Errors) != 1 {
				t.Fatalf("got status %d and %s, want 400 and one error", status, text)
			}
			if got := doc.Errors[0]; got.Pointer != c.pointer || got.Detail != c.detail {
				t.Errorf("got %+v, want pointer %q and detail %q", got, c.pointer, c.detail)
			}
			if strings.Contains(text, "4711") {
				t.Errorf("the answer repeats the value: %s", text)
			}
		})
	}
}

type refused struct {
	Errors []struct{ Pointer, Detail string }
}

func refusal(t *testing.T, path, body string) (status int, doc refused, text string) {
	t.Helper()
	contract, err := loadSpec()
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	s := &Server{spec: contract}
	e := gin.New()
	e.POST(Base+path, s.validate)
	answer := httptest.NewRecorder()
	ask := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Base+path, strings.NewReader(body))
	ask.Header.Set("Content-Type", "application/json")
	e.ServeHTTP(answer, ask)
	text = answer.Body.String()
	if err := json.Unmarshal(answer.Body.Bytes(), &doc); err != nil {
		t.Fatalf("the answer %q is not JSON: %v", text, err)
	}
	return answer.Code, doc, text
}
