package relayapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/usage"
)

func TestJSONAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.chat(t, "")
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "demo/echo", a.header.Get("X-Starlane-Served-Model"))
	require.Equal(t, "primary", a.header.Get("X-Starlane-Route"))
	var got struct {
		Usage struct {
			Prompt     int64 `json:"prompt_tokens"`
			Completion int64 `json:"completion_tokens"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &got))
	e := w.event(t, 0)
	require.Equal(t, a.header.Get("X-Request-Id"), e.ID.String())
	require.Equal(t, usage.OK, e.Outcome)
	require.Equal(t, got.Usage.Prompt, e.Counts.Input())
	require.Equal(t, got.Usage.Completion, e.Counts.Output())
	require.Equal(t, usage.Reported, e.Counts.From[usage.OutText])
	require.Equal(t, e.Estimate.String(), a.header.Get("X-Starlane-Cost-Usd"))
	require.Equal(t, int64(e.Estimate), got.Usage.Prompt*1000+got.Usage.Completion*2000)
	require.Len(t, e.Attempts, 1)
	require.GreaterOrEqual(t, int64(w.opens[0].Reserved), int64(e.Estimate))
	require.NotEmpty(t, w.settled)
}

func TestStreamHidesTheUsageThatTheClientDidNotAskFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.chat(t, `,"stream":true`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "text/event-stream; charset=utf-8", a.header.Get("Content-Type"))
	evs := events(t, a.body)
	require.Equal(t, "[DONE]", evs[len(evs)-1])
	require.NotContains(t, a.body, `"usage":{`)
	e := w.event(t, 0)
	require.Equal(t, usage.OK, e.Outcome)
	require.Equal(t, usage.Reported, e.Counts.From[usage.OutText])
	require.Positive(t, e.Counts.Output())
	require.True(t, e.Streamed)
	require.GreaterOrEqual(t, e.TTFTMillis, int64(0))

	b := w.chat(t, `,"stream":true,"stream_options":{"include_usage":true}`)
	require.Contains(t, b.body, `"usage":{`)
	require.Equal(t, e.Counts, w.event(t, 1).Counts)
}

func TestCostInsideTheUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.chat(t, `,"usage":{"include":true}`)
	require.Contains(t, a.body, `"usage":{"cost":`+w.event(t, 0).Estimate.String()+`,`)
	require.True(t, json.Valid([]byte(a.body)))
	b := w.chat(t, `,"usage":{"include":true},"stream":true`)
	require.Contains(t, b.body, `"usage":{"cost":`+w.event(t, 1).Estimate.String()+`,`)
	for _, e := range events(t, b.body) {
		require.True(t, e == "[DONE]" || json.Valid([]byte(e)), e)
	}
	for _, r := range w.sim.Report().Recent {
		require.NotContains(t, string(r.Body), `"include":true`, "the upstream got the member that it does not know")
	}
}

// TestBytesPassUnchanged uses an upstream that repeats what it was sent, and events in every odd form.
func TestBytesPassUnchanged(t *testing.T) {
	t.Parallel()
	stream := ": hello\r\n\r\n" +
		"event: x\ndata: {\"id\":1,\"choices\":[{\"delta\":{\"role\":\"assistant\"}}], \"odd\" : 1.50e0,\"usage\":null}\n\n" +
		"data:{\"choices\":[{\"delta\":{\"content\":\"\\u00e9\\n\"}}]}\r\n\r\n" +
		"data: {\"choices\":[],\ndata: \"x_unknown\":{\"a\":[1]}}\n\n" +
		"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
	hidden := "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":4},\"completion_tokens_details\":{\"reasoning_tokens\":1}}}\n\n"
	got := make(chan string, 4)
	w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
		got <- readAll(t, r.Body)
		rw.Header().Set("Content-Type", "text/event-stream")
		rw.Header().Set("Set-Cookie", "a=b")
		rw.Header().Set("Openai-Processing-Ms", "12")
		rw.Header().Set("X-Request-Id", "req_up")
		rw.Header().Set("X-Ratelimit-Remaining-Requests", "3")
		for _, b := range []byte(stream + hidden + "data: [DONE]\n\n") { // every split there is
			_, _ = rw.Write([]byte{b})
			rw.(http.Flusher).Flush()
		}
	}))
	in := "{ \"x_new\" : {\"b\":1,\"b\":2}, \"model\"\t:\"demo\\/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"\\u0041 é\"}],\n\"stream\":true , \"temperature\":1.0e0}"
	a := w.post(t, "/v1/chat/completions", in)
	require.Equal(t, strings.Replace(stream, `,"usage":null`, "", 1)+"data: [DONE]\n\n", a.body, "all but the trace of the usage that the relay asked for")
	want := `{"stream_options":{"include_usage":true},` + strings.Replace(in[1:], `"demo\/echo"`, `"demo-echo"`, 1)
	require.Equal(t, want, <-got)
	require.Empty(t, a.header.Get("Set-Cookie"))
	require.Equal(t, "12", a.header.Get("Openai-Processing-Ms"))
	require.Empty(t, a.header.Get("X-Ratelimit-Remaining-Requests"))
	e := w.event(t, 0)
	require.Equal(t, "in_text:3 in_cached:4 out_text:2 out_reasoning:1", counts(e))
	require.Equal(t, "req_up", e.UpstreamRequestID)
	require.NotEqual(t, "req_up", a.header.Get("X-Request-Id"))
	require.Equal(t, usage.Derived, e.Counts.From[usage.InText])
	require.Equal(t, usage.Reported, e.Counts.From[usage.InCached])
}

// TestContentWithUsageIsNotHeldBack has an upstream that reports the usage so far in each event, and says no more before the
// client has what it said first.
func TestContentWithUsageIsNotHeldBack(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	event := func(text string, tokens int) string {
		return fmt.Sprintf("data: {\"choices\":[{\"delta\":{\"content\":%q},\"finish_reason\":null}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":%d}}\n\n", text, tokens)
	}
	w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(rw, event("one", 1))
		rw.(http.Flusher).Flush()
		select {
		case <-arrived:
		case <-r.Context().Done():
			return
		}
		_, _ = io.WriteString(rw, event(" two", 2)+"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/v1/chat/completions", strings.NewReader(`{"model":"demo/echo","messages":[],"stream":true}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+w.key)
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	first := make([]byte, len(event("one", 1)))
	_, err = io.ReadFull(res.Body, first)
	require.NoError(t, err)
	require.Equal(t, event("one", 1), string(first))
	close(arrived)
	require.Contains(t, readAll(t, res.Body), "[DONE]")
	require.Equal(t, "in_text:7 out_text:2", counts(w.event(t, 0)))
}

func counts(e usage.Event) string {
	var parts []string
	for c := range usage.NumClasses {
		if n := e.Counts.Units[c]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s:%d", c, n))
		}
	}
	return strings.Join(parts, " ")
}

func TestEmbeddings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.post(t, "/v1/embeddings", `{"model":"demo/embed","input":["hello world","again"],"dimensions":8}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, `"embedding"`)
	e := w.event(t, 0)
	require.Equal(t, "embeddings", e.Capability)
	require.Positive(t, e.Counts.Units[usage.InText])
	require.Zero(t, e.Counts.Output())
}

func TestUnknownMembersReachTheUpstream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.chat(t, `,"x_future":{"k":[1,2,3]},"temperature":0.30`)
	require.Equal(t, http.StatusOK, a.status)
	r := w.sim.Report().Recent[0]
	require.Contains(t, string(r.Body), `"x_future":{"k":[1,2,3]},"temperature":0.30`)
	require.Equal(t, "demo-echo", r.Model)
	require.NotContains(t, fmt.Sprint(r.Header), w.key, "the client's key reached the upstream")
}

func TestAliasFallsBackInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.post(t, "/v1/chat/completions", `{"model":"demo/auto","messages":[{"role":"user","content":"hi"}]}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "demo/echo", a.header.Get("X-Starlane-Served-Model"))
	e := w.event(t, 0)
	require.Equal(t, "demo/auto", e.RequestedModel)
	require.Equal(t, "demo/echo", e.ServedModel)
}
