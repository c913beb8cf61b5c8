package gemini

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

func countWords(text []byte) usage.Tokens { return usage.Tokens(len(bytes.Fields(text))) }

func decode(t testing.TB, src string) *llm.Request {
	t.Helper()
	r, err := (&Contents{Model: "m"}).DecodeRequest(body.Copy([]byte(src)))
	require.NoError(t, err, src)
	return r
}

func TestRefusedRequestsNameTheField(t *testing.T) {
	t.Parallel()
	const contents = `"contents":[]`
	for src, param := range map[string]string{
		`{}`:                                  "contents",
		`{"contents":{}}`:                     "contents",
		`{` + contents + `,` + contents + `}`: "contents",
		`{` + contents + `,"Contents":1}`:     "contents",
		`{` + contents + `,"model":"models/other"}`:                                         "model",
		`{` + contents + `,"cachedContent":"c"}`:                                            "cachedContent",
		`{` + contents + `,"cached_content":"c"}`:                                           "cachedContent",
		`{` + contents + `,"serviceTier":"PRIORITY"}`:                                       "serviceTier",
		`{` + contents + `,"generationConfig":[]}`:                                          "generationConfig",
		`{` + contents + `,"generationConfig":{},"generation_config":{}}`:                   "generationConfig",
		`{` + contents + `,"generationConfig":{"maxOutputTokens":1,"max_output_tokens":9}}`: "maxOutputTokens",
		`{` + contents + `,"generationConfig":{"maxOutputTokens":-1}}`:                      "generationConfig.maxOutputTokens",
		`{` + contents + `,"generation_config":{"candidate_count":0}}`:                      "generationConfig.candidateCount",
		`{` + contents + `,"generationConfig":{"responseModalities":["TEXT","IMAGE"]}}`:     "generationConfig.responseModalities",
	} {
		_, err := (&Contents{Model: "m"}).DecodeRequest(body.Copy([]byte(src)))
		require.Error(t, err, src)
		e := apperr.From(err)
		require.Equal(t, apperr.InvalidRequest, e.Code, src)
		require.Equal(t, param, e.Param, src)
	}
	for src, param := range map[string]string{
		`{` + contents + `,"tools":[{"google_search_retrieval":{"dynamic_retrieval_config":{}}}]}`: "tools.googleSearchRetrieval",
		`{` + contents + `,"tools":[{"file_search":{}}]}`:                                          "tools.fileSearch",
	} {
		require.Equal(t, param, apperr.From(decode(t, src).Original.Refused).Param, src)
	}
	require.NoError(t, decode(t, `{`+contents+`,"tools":[{"googleSearch":null,"urlContext":{}}]}`).Original.Refused)
	require.Zero(t, decode(t, `{`+contents+`,"tools":[{"googleSearch":null}]}`).Search)
	require.Positive(t, decode(t, `{`+contents+`,"tools":[{"functionDeclarations":[]},{"google_search":{}}]}`).Search.Most)
	_, err := (&Contents{}).DecodeRequest(body.Copy([]byte(`{"contents":[]}`)))
	require.Equal(t, "model", apperr.From(err).Param)
}

func TestDecodeRequest(t *testing.T) {
	t.Parallel()
	r := decode(t, `{"contents":[],"service_tier":"STANDARD","generation_config":{"max_output_tokens":50,"candidateCount":3,"response_modalities":["audio"]},"tools":[{"google_search":null,"urlContext":{}}]}`)
	require.Equal(t, int64(50), r.MaxOutput)
	require.Equal(t, int64(3), r.Choices)
	require.True(t, r.AudioOut)
	require.True(t, r.WantsUsage)
	require.Equal(t, llm.BareEvents, r.Framing)
	r, err := (&Contents{Model: "m", Stream: true, Array: true}).DecodeRequest(body.Copy([]byte(`{"contents":[]}`)))
	require.NoError(t, err)
	require.True(t, r.Stream)
	require.Equal(t, llm.Array, r.Framing)
	counted, err := (&Contents{Model: "m"}).DecodeCount(body.Copy([]byte(`{"generate_content_request":{"model":"models/m","contents":[{"parts":[{"text":"a b"}]}]}}`)))
	require.NoError(t, err)
	require.Equal(t, int64(8), (&Contents{}).EstimatePrompt(counted, countWords))
}

func TestReadFault(t *testing.T) {
	t.Parallel()
	shaped := func(status, details string) string {
		return `{"error":{"code":1,"message":"said so","status":"` + status + `","details":[` + details + `]}}`
	}
	const retry = `{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"31.5s"}`
	for _, c := range []struct {
		name   string
		status int
		body   string
		kind   llm.Kind
		after  time.Duration
	}{
		{"mistake", 400, shaped("INVALID_ARGUMENT", ""), llm.Caller, 0},
		{"bad key", 400, shaped("INVALID_ARGUMENT", `{"reason":"API_KEY_INVALID"}`), llm.Auth, 0},
		{"no billing, or the wrong place", 400, shaped("FAILED_PRECONDITION", ""), llm.Exhausted, 0},
		{"forbidden", 403, shaped("PERMISSION_DENIED", ""), llm.Auth, 0},
		{"no model", 404, shaped("NOT_FOUND", ""), llm.Missing, 0},
		{"rate", 429, shaped("RESOURCE_EXHAUSTED", `{"violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel"}]},`+retry), llm.Limited, 31500 * time.Millisecond},
		{"day", 429, shaped("RESOURCE_EXHAUSTED", `{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel"}]},`+retry), llm.Exhausted, 31500 * time.Millisecond},
		{"in an array", 429, "[" + shaped("RESOURCE_EXHAUSTED", retry) + "]", llm.Limited, 31500 * time.Millisecond},
		{"too long a wait", 429, shaped("RESOURCE_EXHAUSTED", `{"retryDelay":"90000s"}`), llm.Limited, time.Hour},
		{"overloaded", 503, shaped("UNAVAILABLE", ""), llm.Transient, 0},
		{"broken", 500, "<html>", llm.Transient, 0},
		{"not of the API", 400, "<html>", llm.Caller, 0},
	} {
		f, message := (&Contents{}).ReadFault(c.status, nil, body.Copy([]byte(c.body)))
		require.Equal(t, c.kind, f.Kind, c.name)
		require.Equal(t, c.after, f.RetryAfter, c.name)
		require.Equal(t, strings.Contains(c.body, "said so"), message == "said so", c.name)
		require.NotContains(t, f.Error(), "said so", "what the vendor says may hold content")
	}
	f, _ := (&Contents{}).ReadFault(http.StatusGatewayTimeout, nil, body.Copy([]byte(shaped("DEADLINE_EXCEEDED", ""))))
	require.True(t, f.Timeout)
}

func TestErrorsAreGooglesStatus(t *testing.T) {
	t.Parallel()
	e := apperr.New(apperr.RateLimitExceeded, "slow \"down\"\n").WithParam("requests").WithRetryAfter(1500 * time.Millisecond)
	require.JSONEq(t, `{"error":{"code":429,"message":"slow \"down\"\n","status":"RESOURCE_EXHAUSTED","details":[
		{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","domain":"starlane"},
		{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"requests","description":"slow \"down\"\n"}]},
		{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"},
		{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"r"}]}}`, string((&Contents{}).AppendError(nil, e, "r")))
	late := apperr.New(apperr.Timeout, "late")
	events := string((&Contents{Stream: true}).AppendStreamError(nil, late, "r"))
	require.True(t, json.Valid([]byte(events)) && strings.Count(events, "\n") == 1, "one line that is JSON: %q", events)
	array := string((&Contents{Stream: true, Array: true}).AppendStreamError([]byte(`[{}`), late, "r"))
	require.True(t, json.Valid([]byte(array)), array)
}

func TestBrokenUsageIsNoReport(t *testing.T) {
	t.Parallel()
	for _, u := range []string{
		`{}`, `null`, `[]`, `{"promptTokenCount":-1,"candidatesTokenCount":2}`, `{"promptTokenCount":1.5}`, `{"promptTokenCount":"5"}`,
		`{"promptTokenCount":2000000000,"candidatesTokenCount":1}`, `{"promptTokenCount":0}`,
	} {
		var c llm.Completion
		require.True(t, (&Contents{}).ReadWhole([]byte(`{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":`+u+`}`), &c), u)
		require.False(t, c.Reported, u)
	}
	for _, broken := range []string{`{}`, `[]`, `[{"error":{}}]`, `{"error":{"code":500}}`, `{"candidates":[]}`, `{"candidates":[{"finishReason":"STOP"}]`, "", `{"usageMetadata":{"promptTokenCount":1}}`} {
		require.False(t, (&Contents{}).ReadWhole([]byte(broken), &llm.Completion{}), broken)
	}
	var c llm.Completion
	require.True(t, (&Contents{}).ReadWhole([]byte(`{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}`), &c), "a reason of no name is left out")
	require.Equal(t, llm.OtherReason, c.Reason)
}

// Calls without ids get distinct ones, also where the answer has none of its own.
func TestCallsGetIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 2 {
		var c llm.Completion
		require.True(t, (&Contents{}).ReadWhole([]byte(`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"a"}},{"functionCall":{"name":"a"}}]},"finishReason":"STOP"}]}`), &c))
		require.Equal(t, llm.ToolUse, c.Reason)
		for _, b := range c.Blocks {
			require.NotEmpty(t, b.ID)
			require.False(t, seen[string(b.ID)], "%s twice", b.ID)
			seen[string(b.ID)] = true
		}
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	c := &Contents{}
	require.Equal(t, "/models/gemini-3:generateContent", c.Path(false, "gemini-3"))
	require.Equal(t, "/models/a%2Fb%3F:streamGenerateContent?alt=sse", c.Path(true, "a/b?"))
}

func TestMeasureAndEstimate(t *testing.T) {
	t.Parallel()
	size := func(parts string) llm.Size {
		return (&Contents{}).MeasurePrompt(decode(t, `{"contents":[{"parts":[`+parts+`]}]}`))
	}
	base := size("").Most
	require.Equal(t, base+7, size(`{"text":"a b \"c"}`).Most, "a byte, as it stands, is a token at most")
	require.Equal(t, base+mostPerImage, size(`{"inlineData":{"mimeType":"image/png","data":"AAAA"}}`).Most)
	require.Empty(t, size(`{"inlineData":{"mimeType":"image/png","data":"AAAA"}}`).Also)
	for _, heard := range []string{
		`{"inline_data":{"mime_type":"audio/wav","data":"AAAA"}}`, `{"fileData":{"mimeType":"video/mp4","fileUri":"x"}}`, `{"fileData":{"fileUri":"https://youtu.be/x"}}`,
	} {
		require.Equal(t, []usage.Class{usage.InAudio}, size(heard).Also, heard)
	}
	require.GreaterOrEqual(t, size(`{"fileData":{"mimeType":"application/pdf","fileUri":"x"}}`).Most, int64(mostPerFile))
	r := decode(t, `{"system_instruction":{"parts":[{"text":"be kind"}]},"contents":[{"parts":[{"text":"one two"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},{"parts":[{"functionResponse":{"name":"f","response":{"a":1}}}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}],"generationConfig":{"responseSchema":{"type":"OBJECT"},"temperature":1}}`)
	require.Equal(t, int64(2+2+1+2+1+1+5*perContent), (&Contents{}).EstimatePrompt(r, countWords))
}

// Traits of the models by their names, the more special entries first.
func TestTraits(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]string{
		"gemini-3-pro-preview": "level", "gemini-3-flash": "level", "gemini-2.5-flash-lite-001": "budget", "gemini-2.5-flash-image": "none",
		"gemini-2.0-flash": "none", "gemini-flash-latest": "level",
	} {
		require.Equal(t, want, traitsOf(model).Thinking, model)
	}
	require.Equal(t, int64(512), func() int64 { c := traitsOf("gemini-2.5-flash-lite"); return c.MinBudget }())
	pro := traitsOf("gemini-3-pro")
	name, same := pro.level(llm.EffortMedium)
	require.Equal(t, "high", name)
	require.False(t, same)
}

// What another vendor sealed comes back whole, also from SDKs that write bytes in the other alphabet.
func TestSealsGoThroughBytes(t *testing.T) {
	t.Parallel()
	w := (&Contents{}).NewWriter(&llm.Request{Framing: llm.BareEvents})
	seal := llm.Sealed{Origin: "anthropic", Data: llm.Text("ab??>>~~"), Alone: true}
	out := string(w.Append(nil, &llm.Event{Kind: llm.Seal, What: llm.Thinking, Sealed: seal}))
	_, rest, ok := strings.Cut(out, `"thoughtSignature":"`)
	require.True(t, ok, out)
	require.True(t, strings.HasPrefix(`"`+rest, Foreign), rest)
	text, _, _ := strings.Cut(rest, `"`)
	for _, spelling := range []string{text, strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "="), strings.ReplaceAll(text, "=", `\u003d`)} {
		require.Equal(t, seal, unseal(llm.Text(spelling)), spelling)
	}
	escaped := llm.Sealed{Origin: "anthropic", Data: llm.Text(`a\u003d`)}
	out = string(w.Append(nil, &llm.Event{Kind: llm.Seal, What: llm.Thinking, Sealed: escaped}))
	_, rest, _ = strings.Cut(out, `"thoughtSignature":"`)
	text, _, _ = strings.Cut(rest, `"`)
	require.Equal(t, llm.Text("a="), unseal(llm.Text(text)).Data)
	spoilt := base64.StdEncoding.EncodeToString([]byte(`sl1.anthropic.s.a","b":"`))
	require.Equal(t, llm.Text(`a\",\"b\":\"`), unseal(llm.Text(spoilt)).Data, "what a client puts into it stays a text")
	own := llm.Text("Q0FGRQ==")
	require.Equal(t, llm.Sealed{Origin: Dialect, Data: own}, unseal(own))
}
