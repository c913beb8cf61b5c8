package relayapi_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/id"
	"starlane/internal/relay/responsestore"
	"starlane/internal/sim/provider"
	"starlane/internal/testkit/redistest"
)

// TestStoredResponsesAreOffByDefault: what needs them says how to turn them on, and nothing else is refused or kept.
func TestStoredResponsesAreOffByDefault(t *testing.T) {
	t.Parallel()
	r := redistest.New(t)
	w := newWorld(t, storing(t, r))
	const how = "turn on stored responses in the settings of the console"
	for _, more := range []string{`,"store":true`, `,"previous_response_id":"resp_1"`} {
		a := w.respond(t, "claude/echo", `"a"`, more)
		require.Equal(t, http.StatusBadRequest, a.status)
		require.Contains(t, a.body, how)
	}
	for method, path := range map[string]string{http.MethodGet: "", http.MethodDelete: "", "GET ": "/input_items", http.MethodPost: "/cancel"} {
		a := w.ask(t, strings.TrimSpace(method), "/v1/responses/resp_1"+path)
		require.Equal(t, http.StatusNotFound, a.status)
		require.Equal(t, "not_found", errorCode(t, a.body))
		require.Contains(t, a.body, how)
	}
	for _, model := range []string{"demo/echo", "claude/echo"} {
		for _, stream := range []bool{false, true} {
			o, _ := last(t, w.respond(t, model, `"a"`, streaming(stream)), stream)
			require.False(t, o.Store)
		}
	}
	for _, sent := range w.sim.Report().Recent {
		require.NotContains(t, sent.Body, `"store":true`)
	}
	n, err := r.Client.DBSize(t.Context()).Result()
	require.NoError(t, err)
	require.Zero(t, n)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/v1/responses/resp_1", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, do(t, req).status)
}

// TestStoredResponsesEnd with the epoch: once the tenant has turned them off, not even turning them on again brings them back.
func TestStoredResponsesEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storing(t, redistest.New(t))).stores()
	o, _ := last(t, w.respond(t, "demo/echo", `"a"`, ""), false)
	require.Equal(t, http.StatusOK, w.ask(t, http.MethodGet, "/v1/responses/"+o.ID).status)
	epoch := func(v id.ID) {
		w.mu.Lock()
		defer w.mu.Unlock()
		again := *w.record
		again.ResponseEpoch = v
		w.keys[again.PublicID], w.record = &again, &again
	}
	for _, v := range []id.ID{id.Nil, id.New()} {
		epoch(v)
		require.Equal(t, http.StatusNotFound, w.ask(t, http.MethodGet, "/v1/responses/"+o.ID).status)
		require.Equal(t, http.StatusBadRequest, w.respond(t, "demo/echo", `"b"`, `,"previous_response_id":"`+o.ID+`"`).status)
	}
}

// TestStoredResponsesNotWanted: a client may go on from a response and have its own not stored.
func TestStoredResponsesNotWanted(t *testing.T) {
	t.Parallel()
	eachStored(t, func(t *testing.T, _ *redistest.Redis, w *world, model string, stream bool) {
		one, _ := last(t, w.respond(t, model, `"first words"`, streaming(stream)), stream)
		two, _ := last(t, w.respond(t, model, `"more"`, `,"store":false,"previous_response_id":"`+one.ID+`"`+streaming(stream)), stream)
		require.False(t, two.Store)
		require.Equal(t, one.ID, two.Previous)
		sent := w.sim.Report().Recent
		require.Contains(t, sent[len(sent)-1].Body, "first words")
		require.Equal(t, http.StatusNotFound, w.ask(t, http.MethodGet, "/v1/responses/"+two.ID).status)
		plain, _ := last(t, w.respond(t, model, `"x"`, `,"store":false`+streaming(stream)), stream)
		require.False(t, plain.Store)
		require.Equal(t, http.StatusNotFound, w.ask(t, http.MethodGet, "/v1/responses/"+plain.ID).status)
	})
}

// TestStoredResponsesBound: what is reserved and counted is the whole conversation, and its size has the bound of a body.
func TestStoredResponsesBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storing(t, redistest.New(t)), func(s *settings) { s.maxBody = 64 << 10 }).stores()
	one, _ := last(t, w.respond(t, "demo/echo", `"`+strings.Repeat("word ", 5000)+`"`, ""), false)
	two := w.respond(t, "demo/echo", `"b"`, `,"previous_response_id":"`+one.ID+`"`)
	require.Equal(t, http.StatusOK, two.status, two.body)
	require.Greater(t, w.opens[1].InputEstimate, w.opens[0].InputEstimate)
	require.GreaterOrEqual(t, w.opens[1].Reserved, w.opens[0].Reserved)
	three, _ := last(t, two, false)
	a := w.respond(t, "demo/echo", `"`+strings.Repeat("more ", 4000)+`"`, `,"previous_response_id":"`+three.ID+`"`)
	require.Equal(t, http.StatusRequestEntityTooLarge, a.status, a.body)
	w.refuse = noCredit()
	require.Equal(t, http.StatusPaymentRequired, w.ask(t, http.MethodGet, "/v1/responses/"+one.ID).status, "the key's limits apply")
}

// TestStoredResponsesWithoutRedis: requests go on, and say that they are not stored; what has to be read is asked for in vain,
// but not for long.
func TestStoredResponsesWithoutRedis(t *testing.T) {
	t.Parallel()
	r := redistest.New(t)
	w := newWorld(t, storing(t, r)).stores()
	one, _ := last(t, w.respond(t, "claude/echo", `"canary"`, ""), false)
	r.Stop(t)
	begin := time.Now()
	for _, model := range []string{"demo/echo", "claude/echo"} {
		for _, stream := range []bool{false, true} {
			a := w.respond(t, model, `"canary"`, streaming(stream))
			o, _ := last(t, a, stream)
			require.False(t, o.Store)
			require.Equal(t, "completed", o.Status)
			if !stream {
				require.Equal(t, "drop:store", a.header.Get("X-Starlane-Warnings"))
			}
		}
	}
	a := w.respond(t, "claude/echo", `"b"`, `,"previous_response_id":"`+one.ID+`"`)
	require.Equal(t, http.StatusServiceUnavailable, a.status, a.body)
	require.Contains(t, a.body, "send the whole conversation in input")
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Equal(t, http.StatusServiceUnavailable, w.ask(t, http.MethodGet, "/v1/responses/"+one.ID).status)
	require.Less(t, time.Since(begin), 8*time.Second, "six waits of a second at most")
	require.NotContains(t, w.logs.String(), "canary")
	r.Start(t)
	require.Equal(t, http.StatusOK, w.ask(t, http.MethodGet, "/v1/responses/"+one.ID).status, "Redis keeps them on its disk")
}

// TestStoredResponsesTooLarge: the answer comes, and is not stored.
func TestStoredResponsesTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storing(t, redistest.New(t)), func(s *settings) { s.maxBody = 16 << 20 }).stores()
	for _, model := range []string{"demo/echo", "claude/echo"} {
		a := w.respond(t, model, `"`+strings.Repeat("a", responsestore.MaxBytes)+`"`, "")
		o, _ := last(t, a, false)
		require.False(t, o.Store)
		require.Contains(t, a.header.Get("X-Starlane-Warnings"), "drop:store")
		require.Equal(t, http.StatusNotFound, w.ask(t, http.MethodGet, "/v1/responses/"+o.ID).status)
	}
}

// TestStoredResponsesOfAnswersThatEndEarly: a response that is incomplete is stored as such, one that failed is not.
func TestStoredResponsesOfAnswersThatEndEarly(t *testing.T) {
	t.Parallel()
	eachStored(t, func(t *testing.T, _ *redistest.Redis, w *world, model string, stream bool) {
		o, whole := last(t, w.respond(t, model, `"a b c d e f g h i j k l m n o p q r s t u v w"`, `,"max_output_tokens":16`+streaming(stream)), stream)
		require.Equal(t, "incomplete", o.Status)
		require.True(t, o.Store)
		require.Equal(t, whole, w.ask(t, http.MethodGet, "/v1/responses/"+o.ID).body)
		if !stream {
			return
		}
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.Cut, AfterChunks: 2}}))
		broken, _ := last(t, w.respond(t, model, `"one two three four five"`, `,"metadata":{"x-sim-chunk-ms":"5"}`+streaming(true)), true)
		require.Equal(t, "failed", broken.Status)
		require.False(t, broken.Store)
		require.Equal(t, http.StatusNotFound, w.ask(t, http.MethodGet, "/v1/responses/"+broken.ID).status)
	})
}

// TestStoredItems lists the conversation in pages.
func TestStoredItems(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storing(t, redistest.New(t))).stores()
	input := `[{"role":"user","content":"one"},{"role":"assistant","content":"two"},{"id":"msg_3","type":"message","role":"user","content":[{"type":"input_text","text":"three"}]}]`
	o, _ := last(t, w.respond(t, "claude/echo", input, ""), false)
	list := func(query string) itemList {
		a := w.ask(t, http.MethodGet, "/v1/responses/"+o.ID+"/input_items"+query)
		require.Equal(t, http.StatusOK, a.status, a.body)
		return parse[itemList](t, a.body)
	}
	texts := func(l itemList) (out string) {
		for _, it := range l.Data {
			require.NotEmpty(t, it.ID)
			require.Equal(t, "message", it.Type)
			out += it.Content[0].Type + ":" + it.Content[0].Text + " "
		}
		return out
	}
	require.Equal(t, "input_text:three output_text:two input_text:one ", texts(list("")))
	first := list("?order=asc&limit=2")
	require.Equal(t, "input_text:one output_text:two ", texts(first))
	require.True(t, first.More)
	require.Equal(t, []string{first.Data[0].ID, first.Data[1].ID}, []string{first.First, first.Last})
	rest := list("?order=asc&limit=2&after=" + first.Last)
	require.Equal(t, "input_text:three ", texts(rest))
	require.False(t, rest.More)
	require.Equal(t, "msg_3", rest.First)
	require.Empty(t, list("?order=asc&after=msg_3").Data)
	for query, param := range map[string]string{"?limit=0": "limit", "?limit=101": "limit", "?order=up": "order", "?after=nobody": "after"} {
		a := w.ask(t, http.MethodGet, "/v1/responses/"+o.ID+"/input_items"+query)
		require.Equal(t, http.StatusBadRequest, a.status)
		require.Contains(t, a.body, fmt.Sprintf(`"param":%q`, param))
	}
	require.Equal(t, http.StatusBadRequest, w.ask(t, http.MethodPost, "/v1/responses/"+o.ID+"/cancel").status)
	require.Equal(t, http.StatusNotFound, w.ask(t, http.MethodPost, "/v1/responses/resp_none/cancel").status)
	require.Equal(t, http.StatusBadRequest, w.ask(t, http.MethodGet, "/v1/responses/"+o.ID+"?stream=true").status)
}

// TestStoredResponsesRefuse what is wrong, and what there is not, in the format's words.
func TestStoredResponsesRefuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storing(t, redistest.New(t))).stores()
	for more, param := range map[string]string{
		`,"previous_response_id":5`: "previous_response_id", `,"background":true`: "background", `,"conversation":"conv_1"`: "conversation",
		`,"store":"yes"`: "store", `,"store":true,"Store":false`: "store",
	} {
		a := w.respond(t, "demo/echo", `"a"`, more)
		require.Equal(t, http.StatusBadRequest, a.status, a.body)
		require.Contains(t, a.body, `"param":"`+param+`"`)
	}
	require.Zero(t, w.sim.Report().Total.Received)
}

// TestStoredResponsesOfBriefVendors: some do not repeat the items at the end of a stream.
func TestStoredResponsesOfBriefVendors(t *testing.T) {
	t.Parallel()
	const item = `{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"said before","annotations":[]}]}`
	stream := `data: {"type":"response.created","sequence_number":0,"response":{"object":"response","id":"resp_brief","status":"in_progress","output":[]}}` + "\n\n" +
		`data: {"type":"response.output_item.done","sequence_number":1,"output_index":0,"item":` + item + `}` + "\n\n" +
		`data: {"type":"response.completed","sequence_number":2,"response":{"object":"response","id":"resp_brief","status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}}` + "\n\n"
	var sent []string
	serve := func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		sent = append(sent, string(b))
		rw.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(rw, stream)
	}
	w := newWorld(t, storing(t, redistest.New(t)), upstreams(t, serve)).stores()
	a := w.respond(t, "demo/echo", `[]`, streaming(true))
	o, _ := last(t, a, true)
	require.True(t, o.Store)
	require.Contains(t, a.body, "event: response.completed\ndata: ")
	a = w.respond(t, "demo/echo", `[{"role":"user","content":"go on"}]`, streaming(true)+`,"previous_response_id":"resp_brief"`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, sent[1], `"input":[`+item+`,{"role":"user","content":"go on"}]`)
}

// TestNoVendorStoresChats: what a vendor keeps, it keeps for all clients of an account together.
func TestNoVendorStoresChats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.chat(t, `,"store":true`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "drop:store", a.header.Get("X-Starlane-Warnings"))
	require.Contains(t, w.sim.Report().Recent[0].Body, `"store":false`)
	strict := w.chat(t, `,"store":true`, "X-Starlane-Strict", "1")
	require.Equal(t, http.StatusBadRequest, strict.status)
	require.Contains(t, strict.body, `"param":"store"`)
	require.Empty(t, w.chat(t, `,"store":false`).header.Get("X-Starlane-Warnings"))
}
