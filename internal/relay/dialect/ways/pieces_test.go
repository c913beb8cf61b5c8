package ways

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/gemini"
)

// TestPiecesCostInProportion sends conversations of many thousand small pieces of one turn, which translations join: twice as many
// must not cost much more than twice the memory, or a body that is allowed takes a relay down. It counts bytes, so it does not run
// beside other tests.
func TestPiecesCostInProportion(t *testing.T) { //nolint:paralleltest // see above
	formats := New()
	ways := formats.Registry(nil)
	for name, request := range piecewise() {
		client, _, _ := strings.Cut(name, "/")
		var in dialect.Ingress = formats.Chat
		if client == gemini.Dialect {
			in = &gemini.Contents{Model: "m"}
		}
		for _, upstream := range []string{"openai", "anthropic", "gemini"} {
			way, ok := ways[dialect.Key{Client: client, Upstream: upstream, Capability: dialect.Chat}].(*dialect.Bridge)
			if !ok {
				continue
			}
			cost := func(pieces int) float64 {
				r, err := in.DecodeRequest(body.Copy([]byte(request(pieces))))
				require.NoError(t, err)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err = way.EncodeRequest(r, dialect.Target{Model: "m", MaxOutput: 1000})
				require.NoError(t, err)
				runtime.ReadMemStats(&after)
				return float64(after.TotalAlloc - before.TotalAlloc)
			}
			require.Less(t, cost(8000)/cost(4000), 2.7, "%s to %s", name, upstream)
		}
	}
}

// piecewise are requests by the number of their pieces.
func piecewise() map[string]func(pieces int) string {
	long := strings.Repeat("x", 200)
	list := func(pieces int, f func(i int) string) string {
		parts := make([]string, pieces)
		for i := range parts {
			parts[i] = f(i)
		}
		return strings.Join(parts, ",")
	}
	same := func(s string) func(int) string { return func(int) string { return s } }
	const first = `{"parts":[{"text":"a"}]},`
	return map[string]func(int) string{
		"gemini/texts": func(n int) string {
			return `{"contents":[` + first + list(n, same(`{"role":"model","parts":[{"text":"`+long+`"}]}`)) + `]}`
		},
		"gemini/thoughts": func(n int) string {
			return `{"contents":[` + first + `{"role":"model","parts":[` + list(n, same(`{"text":"`+long+`","thought":true}`)) + `]}]}`
		},
		"gemini/calls": func(n int) string {
			return `{"contents":[` + first + `{"role":"model","parts":[` + list(n, same(`{"functionCall":{"name":"f"}}`)) + `]},{"parts":[` +
				list(n, same(`{"functionResponse":{"name":"f","response":{}}}`)) + `]}]}`
		},
		"openai/users": func(n int) string {
			return `{"model":"m","messages":[` + list(n, same(`{"role":"user","content":"`+long+`"}`)) + `]}`
		},
		"openai/ids": func(n int) string {
			return `{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[` +
				list(n, func(i int) string {
					return fmt.Sprintf(`{"id":"%s%d","function":{"name":"f","arguments":"{}"}}`, long, i)
				}) + `]}]}`
		},
	}
}
