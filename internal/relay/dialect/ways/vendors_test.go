package ways

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/catalog"
	"starlane/internal/catalog/vendor"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
)

// TestSplicesKeepJSON: whatever members stand in whatever order, and however they are spaced, what a vendor gets is JSON with the same
// members but for those that its rules are about.
func TestSplicesKeepJSON(t *testing.T) {
	t.Parallel()
	formats := New()
	all := formats.Registry(nil)
	members := []string{
		`"usage":{"include":true}`, `"seed":7`, `"stream_options":{"include_usage":true}`, `"max_completion_tokens":null`, `"presence_penalty":0.5`,
		`"frequency_penalty":1`, `"reasoning_effort":"low"`, `"temperature":1`, `"stream":true`, `"x":{"seed":[1,{"y":"}"}]}`,
		`"max_tokens":null`, `"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}`,
	}
	messages := []string{
		`{"role":"developer","content":"d"}`, `{"role":"user","name":"n","content":"u"}`, `{"name":"n","role":"user","content":[{"type":"text","text":"u"}]}`,
		`{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}},{"type":"function","id":"call_2","function":{"name":"f","arguments":"{\"id\":1}"}}]}`,
		`{"tool_calls":[{"id":"é \" ,","type":"function","function":{"name":"f","arguments":""}}],"role":"assistant","reasoning_content":"r"}`,
		`{"role":"tool","tool_call_id":"call_1","content":"t"}`, `{}`, `{"role":"system","content":"s"}`, `7`, `{"name":"a" , "name":"b","role":"user"}`, `{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a"}},{"image_url":"https://example.com/b"},7]}`,
	}
	random := rand.New(rand.NewPCG(3, 4))
	space := func() string { return []string{"", " ", "\n\t"}[random.IntN(3)] }
	for range 400 {
		var parts, said []string
		for _, i := range random.Perm(len(members))[:random.IntN(len(members))] {
			parts = append(parts, members[i])
		}
		for range random.IntN(6) {
			said = append(said, space()+messages[random.IntN(len(messages))]+space())
		}
		parts = append(parts, `"model"`+space()+`:"m"`, `"messages":[`+strings.Join(said, ",")+`]`)
		random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		text := space() + "{" + space()
		for i, p := range parts {
			if i > 0 {
				text += space() + "," + space()
			}
			text += p
		}
		text += space() + "}"
		for _, v := range vendor.All() {
			way := all[dialect.Key{Client: "openai", Upstream: catalog.Way(v.Name), Capability: dialect.Chat}]
			r, err := formats.Chat.DecodeRequest(body.Copy([]byte(text)))
			require.NoError(t, err, text)
			if r.Fetcher = (shelfOfMedia{}); r.MaxOutput == 0 {
				r.Bound = 77
			}
			m, err := way.EncodeRequest(r, dialect.Target{Model: "vendor-model"})
			require.NoError(t, err, text)
			sent, err := io.ReadAll(m.Reader())
			require.NoError(t, err)
			require.Len(t, sent, int(m.Len()))
			var got, want map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(sent, &got), "%s: %s became %s", v.Name, text, sent)
			require.NoError(t, json.Unmarshal([]byte(text), &want))
			require.JSONEq(t, `"vendor-model"`, string(got["model"]))
			require.NotContains(t, got, "usage")
			if r.Bound > 0 {
				require.Equal(t, 1, strings.Count(string(got["max_tokens"])+string(got["max_completion_tokens"]), "77"), "%s", sent)
			}
			require.NotContains(t, string(got["messages"]), map[bool]string{true: "\x00", false: "https://example.com"}[v.Rules.ImageURLs.Or(true)])
			for _, name := range []string{"temperature", "stream", "x"} {
				require.Equal(t, want[name], got[name], "%s: %s", v.Name, name)
			}
		}
	}
}
