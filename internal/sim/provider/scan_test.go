package provider

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestLook(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       glance
		ok         bool
	}{
		{"plain", `{"model":"m","messages":[1,{"a":"]}\\\""}],"stream":true}`, glance{"m", true, false, 18}, true},
		{"blanks", " {\n\"model\" : \"m\" ,\t\"stream\": false }\n", glance{"m", false, false, 0}, true},
		{"usage", `{"stream_options":{"include_usage":true},"model":"m"}`, glance{"m", false, true, 0}, true},
		{"empty", `{}`, glance{}, false},
		{"escaped model", `{"model":"\u006d"}`, glance{}, false},
		{"model is no string", `{"model":5}`, glance{}, false},
		{"cut", `{"model":"m`, glance{}, false},
		{"cut in value", `{"model":"m","x":[1,{"y":2}`, glance{}, false},
		{"trailing text", `{"model":"m"} x`, glance{}, false},
		{"array", `[]`, glance{}, false},
		{"nothing", ``, glance{}, false},
		{"missing comma", `{"model":"m" "stream":true}`, glance{}, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, ok := look([]byte(tc.body))
			if ok != tc.ok || ok && got != tc.want {
				t.Errorf("look(%s) = %+v, %v; want %+v, %v", tc.body, got, ok, tc.want, tc.ok)
			}
		})
	}
}

// The quick look takes every valid body for the same model as the full parser does.
func FuzzLook(f *testing.F) {
	f.Add(`{"model":"m","messages":[{"role":"user","content":"a\\\"b"}],"stream":true}`)
	f.Add(`{"a":[[],{}],"model":"x"}`)
	f.Fuzz(func(t *testing.T, body string) {
		g, ok := look([]byte(body))
		var m map[string]json.RawMessage
		if !ok || json.Unmarshal([]byte(body), &m) != nil {
			return
		}
		if raw, has := m["model"]; has && strings.Count(body, `"model"`) == 1 {
			var want string
			if json.Unmarshal(raw, &want) != nil || want != strings.ToValidUTF8(g.model, "\ufffd") && want != g.model {
				t.Errorf("look found model %q, want %q", g.model, want)
			}
		}
	})
}

func FuzzQuote(f *testing.F) {
	f.Add("a\"\\\n\x01\xff\u2028 世界")
	f.Fuzz(func(t *testing.T, s string) {
		var got, want string
		if err := json.Unmarshal(appendQuoted(nil, s), &got); err != nil {
			t.Fatalf("quoted %q: %v", s, err)
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("quoted %q reads %q, want %q", s, got, want)
		}
	})
}

func TestPiecesKeepTheText(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", " ", "  a", "Hello world", "extraordinarily", "世界 héllo", "a\xffb"} {
		got, _ := pieces(s, 1000)
		if strings.Join(got, "") != s || len(got) != CountTokens(s) {
			t.Errorf("pieces(%q) = %q", s, got)
		}
	}
}

func BenchmarkLook1MiB(b *testing.B) {
	body := []byte(`{"model":"demo-bench-1x0x0","messages":[{"role":"user","content":"` + strings.Repeat(`some prose here\n`, 1<<16) + `"}]}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, ok := look(body); !ok {
			b.Fatal("not taken")
		}
	}
}

// BenchmarkStream measures the server's own work for a stream of 100 chunks without gaps.
func BenchmarkStream(b *testing.B) {
	s := New(Config{})
	body := `{"model":"demo-bench-100x0x0","stream":true,"messages":[{"role":"user","content":"hi"}]}`
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer sk-sim-bench")
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
}
