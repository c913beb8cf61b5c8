package openaichat

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/relay/sse"
	"starlane/internal/usage"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with testdata/<name>.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "%s differs; -update writes it anew", path)
}

// fixed counts words and knows one price.
type fixed struct{}

func (fixed) Priced(usage.Class) bool { return true }

func (fixed) Count(text []byte) usage.Tokens { return words(text) }
func (fixed) Cost(usage.Counts) string       { return "0.00125" }

func words(text []byte) usage.Tokens { return usage.Tokens(len(bytes.Fields(text))) }

// TestGolden runs each case of testdata: client_request.json becomes upstream_request.json, upstream_stream.txt becomes
// client_stream.txt, and seen.txt says what the relay understood.
func TestGolden(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*/client_request.json")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	d := New()
	for _, path := range cases {
		name := filepath.Base(filepath.Dir(path))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(path)
			require.NoError(t, err)
			r, err := d.DecodeRequest(body.Copy(src))
			require.NoError(t, err)
			m, err := d.EncodeRequest(r, dialect.Target{Model: "vendor-model-1"})
			require.NoError(t, err)
			upstream, err := io.ReadAll(m.Reader())
			require.NoError(t, err)
			require.True(t, json.Valid(upstream), "%s", upstream)
			golden(t, name+"/upstream_request.json", string(upstream))
			var seen strings.Builder
			fmt.Fprintf(&seen, "model %s\nstream %v\nusage wanted %v\ncost wanted %v\nmax output %d\nchoices %d\nprompt estimate %d\n",
				r.Model, r.Stream, r.WantsUsage, r.WantsCost, r.MaxOutput, r.Choices, d.EstimatePrompt(r, words))
			if stream, err := os.ReadFile(filepath.Join("testdata", name, "upstream_stream.txt")); err == nil {
				golden(t, name+"/client_stream.txt", passThrough(t, d, r, stream, &seen))
			}
			golden(t, name+"/seen.txt", seen.String())
		})
	}
}

// passThrough does with a stream what the pipeline does.
func passThrough(t *testing.T, d *Chat, r *llm.Request, stream []byte, seen io.Writer) string {
	t.Helper()
	var pool sse.Pool
	reader := pool.Get(bytes.NewReader(stream))
	tap := d.NewTap(r, fixed{})
	defer tap.Close()
	var out strings.Builder
	for err := error(nil); err == nil; {
		err = reader.Fill()
		for e, ok := reader.Next(); ok; e, ok = reader.Next() {
			if e.Data == nil {
				out.Write(e.Raw)
				continue
			}
			s := tap.Event(e.Data)
			fmt.Fprintf(seen, "step %d content %v\n", s.Step, s.Content)
			switch {
			case s.Step == dialect.Hide:
			case s.Out != nil:
				out.Write(s.Out)
			case e.At < 0:
				out.Write(e.Raw)
			default:
				out.Write(e.Raw[:e.At+s.Cut.From])
				out.Write(e.Raw[e.At+s.Cut.To:])
			}
		}
	}
	a := tap.Answer()
	fmt.Fprintf(seen, "reported %v\nfinished %v\noutput estimate %d\n", a.Reported, a.Finished, tap.EstimateOutput(words))
	for c := range usage.NumClasses {
		if a.Counts.Units[c] > 0 {
			fmt.Fprintf(seen, "%s %d %s\n", c, a.Counts.Units[c], a.Counts.From[c])
		}
	}
	return out.String()
}

func TestRefusedRequestsNameTheField(t *testing.T) {
	t.Parallel()
	d := New()
	for src, param := range map[string]string{
		`{"messages":[]}`:                                               "model",
		`{"model":"","messages":[]}`:                                    "model",
		`{"model":5,"messages":[]}`:                                     "model",
		`{"model":"m"}`:                                                 "messages",
		`{"model":"m","messages":[],"stream":1}`:                        "stream",
		`{"model":"m","messages":[],"n":0}`:                             "n",
		`{"model":"m","messages":[],"n":1.5}`:                           "n",
		`{"model":"m","messages":[],"max_tokens":-1}`:                   "max_tokens",
		`{"model":"m","messages":[],"max_completion_tokens":"9"}`:       "max_completion_tokens",
		`{"model":"m","messages":[],"stream":true,"stream_options":[]}`: "stream_options",

		`{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":"x"}}`: "stream_options.include_usage",

		`{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true,"Include_Usage":false}}`: "include_usage",

		`{"model":"m","messages":[],"model":"n"}`: "model",

		`{"model":"m","messages":[],"service_tier":"flex"}`:         "service_tier",
		`{"model":"m","messages":[],"service_tier":1}`:              "service_tier",
		`{"model":"m","messages":[],"modalities":"audio"}`:          "modalities",
		`{"model":"m","messages":[],"data_sources":[{}]}`:           "data_sources",
		`{"model":"m","messages":[],"modalities":["text","image"]}`: "modalities",
	} {
		_, err := d.DecodeRequest(body.Copy([]byte(src)))
		e := apperr.From(err)
		require.Equal(t, apperr.InvalidRequest, e.Code, src)
		require.Equal(t, param, e.Param, src)
	}
}

func TestReadFault(t *testing.T) {
	t.Parallel()
	d := New()
	shaped := func(code string) string {
		return `{"error":{"message":"m","type":"t","param":null,"code":"` + code + `"}}`
	}
	cases := []struct {
		status int
		body   string
		kind   llm.Kind
		kept   bool
	}{
		{401, shaped("invalid_api_key"), llm.Auth, false},
		{403, "", llm.Auth, false},
		{402, "", llm.Exhausted, false},
		{429, shaped("rate_limit_exceeded"), llm.Limited, false},
		{429, shaped("insufficient_quota"), llm.Exhausted, false},
		{429, "nonsense", llm.Limited, false},
		{404, shaped("model_not_found"), llm.Missing, false},
		{408, "", llm.Transient, false},
		{500, shaped(""), llm.Transient, false},
		{529, "", llm.Transient, false},
		{302, "", llm.Transient, false},
		{400, shaped("context_length_exceeded"), llm.Caller, true},
		{422, shaped(""), llm.Caller, true},
		{400, "<html>", llm.Caller, false},
		{400, `{"error":"text"}`, llm.Caller, false},
		{400, shaped("x") + "tail", llm.Caller, false},
	}
	for _, c := range cases {
		f := d.ReadFault(c.status, http.Header{"Retry-After": {"3"}}, body.Copy([]byte(c.body)))
		require.Equal(t, c.kind, f.Kind, "%d %s", c.status, c.body)
		require.Equal(t, c.kept, f.Answer.Len() > 0, "%d %s", c.status, c.body)
		require.Equal(t, 3*time.Second, f.RetryAfter)
		require.NotContains(t, f.Error(), "message")
	}
	f := d.ReadFault(429, http.Header{"Retry-After-Ms": {"1500"}, "Retry-After": {"2"}}, body.Content{})
	require.Equal(t, 1500*time.Millisecond, f.RetryAfter)
	f = d.ReadFault(429, http.Header{"Retry-After": {"999999999"}}, body.Content{})
	require.Equal(t, time.Hour, f.RetryAfter)
}

func TestBrokenUsageIsNoReport(t *testing.T) {
	t.Parallel()
	d := New()
	for _, u := range []string{
		`{}`, `{"prompt_tokens":-1,"completion_tokens":2}`, `{"prompt_tokens":1.5}`, `{"prompt_tokens":99999999999999999999,"completion_tokens":1}`,
		`{"prompt_tokens":"5","completion_tokens":1}`, `{"prompt_tokens":2000000000,"completion_tokens":1}`, `{"completion_tokens":1}`, `null`, `[]`,
	} {
		a, err := d.ReadAnswer(nil, body.Copy([]byte(`{"choices":[],"usage":`+u+`}`)), fixed{})
		require.NoError(t, err, u)
		require.False(t, a.Reported, u)
		require.Zero(t, a.UsageAt, u)
	}
	a, err := d.ReadAnswer(nil, body.Copy([]byte(`{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":9},"completion_tokens_details":{"reasoning_tokens":null}}}`)), fixed{})
	require.NoError(t, err)
	require.True(t, a.Reported)
	require.Equal(t, int64(5), a.Counts.Units[usage.InCached], "the part is never more than the whole")
	require.Equal(t, int64(2), a.Counts.Units[usage.OutText])
	a, err = d.ReadAnswer(nil, body.Copy([]byte(`{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":8,"prompt_tokens_details":{"cached_tokens":2,"audio_tokens":4},"completion_tokens_details":{"audio_tokens":7,"reasoning_tokens":3}}}`)), fixed{})
	require.NoError(t, err)
	for class, n := range map[usage.Class]int64{usage.InText: 3, usage.InCached: 2, usage.InAudio: 4, usage.OutText: 0, usage.OutReasoning: 3, usage.OutAudio: 5} {
		require.Equal(t, n, a.Counts.Units[class], "%s: no token is counted twice", class)
	}
	for _, broken := range []string{`{"choices":[]`, `[]`, `{"usage":{}}`, "", `{"choices":[]}{}`} {
		_, err := d.ReadAnswer(nil, body.Copy([]byte(broken)), fixed{})
		require.Error(t, err, broken)
	}
}

func TestErrorsAreShapedAsTheSDKsExpect(t *testing.T) {
	t.Parallel()
	e := apperr.New(apperr.InvalidRequest, "say \"what\"\n").WithParam("model")
	require.JSONEq(t, `{"error":{"message":"say \"what\"\n","type":"invalid_request_error","param":"model","code":"invalid_request","request_id":"r"}}`,
		string(New().AppendError(nil, e, "r")))
	stream := string(New().AppendStreamError(nil, apperr.New(apperr.Timeout, "late"), "r"))
	require.True(t, strings.HasPrefix(stream, "data: {") && strings.HasSuffix(stream, "}\n\n"))
}

// TestEventsCostNoMemory is a ratchet on the path of every chunk.
func TestEventsCostNoMemory(t *testing.T) {
	d := New()
	event := []byte(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}],"usage":null}`)
	r := &llm.Request{}
	if n := testing.AllocsPerRun(100, func() {
		tap := d.NewTap(r, fixed{})
		for range 50 {
			if !tap.Event(event).Content {
				t.Error("no content seen")
			}
		}
		tap.Close()
	}); n > 1 { // the race detector makes pools forget now and then
		t.Errorf("50 events allocate %v times, want none", n)
	}
}

func BenchmarkEvent(b *testing.B) {
	d := New()
	event := []byte(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","service_tier":"default","system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":null}`)
	tap := d.NewTap(&llm.Request{}, fixed{})
	b.ReportAllocs()
	for b.Loop() {
		tap.Event(event)
	}
}

// FuzzTap holds the tap to encoding/json: it never calls valid JSON garbage nor the other way round, and never panics.
func FuzzTap(f *testing.F) {
	f.Add([]byte(`{"choices":[{"delta":{"content":"x","tool_calls":[{"function":{"name":"n","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}`))
	f.Add([]byte(`{"error":{"message":"x"}}`))
	f.Add([]byte(`{"usage":null}`))
	f.Add([]byte(`{"usage":n`))
	f.Add([]byte(`{ "usage" : null , "choices":[]}`))
	f.Add([]byte(`{"choices":[] , "usage" : null }`))
	f.Add([]byte(`{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1}}}`))
	d := New()
	f.Fuzz(func(t *testing.T, data []byte) {
		tap := d.NewTap(&llm.Request{WantsCost: true}, fixed{})
		defer tap.Close()
		read := tap.Event(data)
		step := read.Step
		var object map[string]json.RawMessage
		valid := json.Unmarshal(data, &object) == nil && object != nil
		if string(data) == "[DONE]" {
			return
		}
		if valid && step == dialect.Garbage && guard.Valid(data) == nil {
			t.Fatalf("valid JSON is garbage: %q", data)
		}
		if !valid && step != dialect.Garbage {
			t.Fatalf("step %d for what is no JSON object: %q", step, data)
		}
		tap.EstimateOutput(words)
		plain := d.NewTap(&llm.Request{}, fixed{})
		defer plain.Close()
		if cut := plain.Event(data).Cut; cut.From < cut.To {
			var less map[string]json.RawMessage
			if err := json.Unmarshal(slices.Concat(data[:cut.From], data[cut.To:]), &less); err != nil || len(less) > len(object) {
				t.Fatalf("cut %v leaves no JSON of %q", cut, data)
			}
		}
		if out := read.Out; out != nil {
			text := bytes.TrimSuffix(bytes.TrimPrefix(out, []byte("data: ")), []byte("\n\n"))
			if !json.Valid(text) {
				t.Fatalf("with the cost it is no JSON: %q", text)
			}
		}
	})
}

// TestTheRelaysOwnBound is written by the name that the model's vendor keeps to.
func TestTheRelaysOwnBound(t *testing.T) {
	t.Parallel()
	d := New()
	for src, want := range map[string][2]string{
		`{"model":"m","messages":[]}`:                              {`{"max_completion_tokens":7,"model":"gpt-5","messages":[]}`, `{"max_tokens":7,"model":"mistral-large","messages":[]}`},
		`{"model":"m","messages":[],"max_completion_tokens":null}`: {`{"model":"gpt-5","messages":[],"max_completion_tokens":7}`, `{"max_tokens":7,"model":"mistral-large","messages":[],"max_completion_tokens":null}`},
		`{"model":"m","messages":[],"max_tokens":null}`:            {`{"max_completion_tokens":7,"model":"gpt-5","messages":[],"max_tokens":null}`, `{"model":"mistral-large","messages":[],"max_tokens":7}`},
	} {
		for i, model := range []string{"gpt-5", "mistral-large"} {
			r, err := d.DecodeRequest(body.Copy([]byte(src)))
			require.NoError(t, err)
			r.Bound = 7
			m, err := d.EncodeRequest(r, dialect.Target{Model: model})
			require.NoError(t, err)
			got, err := io.ReadAll(m.Reader())
			require.NoError(t, err)
			require.Equal(t, want[i], string(got))
		}
	}
}
