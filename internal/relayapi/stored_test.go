package relayapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/testkit/redistest"
)

// storing lets a world, which stands for a relay, store responses in a Redis that others may use too.
func storing(t testing.TB, r *redistest.Redis) option {
	t.Helper()
	store, err := redisstore.Open(secret.New(r.URL), redisstore.Options{Timeout: 2 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return func(s *settings) { s.stored = store }
}

// stores turns the store of the world's tenant on.
func (w *world) stores() *world {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.record.ResponseEpoch, w.record.ResponseHours = id.New(), 720
	return w
}

// tenantOf lets a world serve the tenant of another one: two relays have the same records.
func (w *world) tenantOf(other *world) *world {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[other.record.PublicID] = other.record
	w.record, w.key = other.record, other.key
	return w
}

func (w *world) ask(t testing.TB, method, path string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, w.url+path, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+w.key)
	return do(t, req)
}

// storedObject is what tests read of a response besides.
type storedObject struct {
	ID       string
	Store    bool
	Previous string `json:"previous_response_id"`
	Status   string
}

type itemList struct {
	Object string
	Data   []struct {
		ID, Type, Role, Output string
		CallID                 string `json:"call_id"`
		Content                []struct{ Type, Text string }
	}
	First string `json:"first_id"`
	Last  string `json:"last_id"`
	More  bool   `json:"has_more"`
}

// eachStored runs a test with a model of each vendor, in one piece and as a stream.
func eachStored(t *testing.T, run func(t *testing.T, r *redistest.Redis, w *world, model string, stream bool)) {
	t.Helper()
	for _, model := range []string{"demo/echo", "claude/echo", "gemini/echo"} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprint(model, " ", stream), func(t *testing.T) {
				t.Parallel()
				r := redistest.New(t)
				run(t, r, newWorld(t, storing(t, r)).stores(), model, stream)
			})
		}
	}
}

// last is the response as the end of an answer has it, and as it stands there.
func last(t testing.TB, a answer, stream bool) (storedObject, string) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	raw := a.body
	if stream {
		evs := events(t, a.body)
		raw = string(parse[struct{ Response json.RawMessage }](t, evs[len(evs)-1]).Response)
		first := parse[struct{ Response storedObject }](t, evs[0]).Response
		o := parse[storedObject](t, raw)
		require.Equal(t, o.ID, first.ID)
		require.Equal(t, o.Previous, first.Previous)
	}
	return parse[storedObject](t, raw), raw
}

// textOf is the text of a response.
func textOf(t testing.TB, r responseObject) (text string) {
	t.Helper()
	for _, it := range r.items(t) {
		for _, part := range it.Content {
			text += part.Text
		}
	}
	return text
}

// TestStoredResponses goes three turns with tools, of which the client sends only what is new.
func TestStoredResponses(t *testing.T) {
	t.Parallel()
	eachStored(t, func(t *testing.T, r *redistest.Redis, w *world, model string, stream bool) {
		more := responseTools + `,"reasoning":{"effort":"high","summary":"auto"}` + streaming(stream)
		a := w.respond(t, model, `"get_weather canary-question"`, more)
		first := answered(t, a, stream)
		one, _ := last(t, a, stream)
		require.True(t, one.Store)
		require.Empty(t, one.Previous)
		items := first.items(t)
		call := items[slices.IndexFunc(items, func(it responseItem) bool { return it.Type == "function_call" })]

		results := fmt.Sprintf(`[{"type":"function_call_output","call_id":%q,"output":"canary-sunny"}]`, call.CallID)
		a = w.respond(t, model, results, more+`,"store":true,"previous_response_id":"`+one.ID+`"`)
		require.Equal(t, "The tool answered: canary-sunny", textOf(t, answered(t, a, stream)))
		require.NotContains(t, a.header.Get("X-Starlane-Warnings"), "reasoning", "the thought did not come back as it was")
		two, whole := last(t, a, stream)
		require.True(t, two.Store)
		require.Equal(t, one.ID, two.Previous)
		sent := w.sim.Report().Recent
		require.NotContains(t, sent[len(sent)-1].Body, "previous_response_id\":\"resp", "an upstream keeps nothing")
		require.NotContains(t, sent[len(sent)-1].Body, `"store":true`)
		require.Contains(t, sent[len(sent)-1].Body, "canary-question")

		// The third turn at another relay, which shares nothing but Redis.
		far := newWorld(t, storing(t, r)).tenantOf(w)
		a = far.respond(t, model, `"and tomorrow"`, more+`,"previous_response_id":"`+two.ID+`"`)
		third := answered(t, a, stream)
		three, _ := last(t, a, stream)
		require.Equal(t, two.ID, three.Previous)
		require.NotEmpty(t, third.items(t))
		require.Contains(t, far.sim.Report().Recent[0].Body, "canary-question")
		require.Contains(t, far.sim.Report().Recent[0].Body, "canary-sunny")

		// As it was answered, for as long as was decided, and for nobody else.
		got := far.ask(t, http.MethodGet, "/v1/responses/"+two.ID)
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.Equal(t, whole, got.body)
		list := parse[itemList](t, far.ask(t, http.MethodGet, "/v1/responses/"+two.ID+"/input_items?order=asc").body)
		require.Equal(t, "list", list.Object)
		require.Equal(t, "canary-question", strings.TrimPrefix(list.Data[0].Content[0].Text, "get_weather "))
		require.Equal(t, "canary-sunny", list.Data[len(list.Data)-1].Output)
		checkAtRest(t, r, "canary-question", "canary-sunny", "get_weather", "tool answered", two.ID)

		stranger := newWorld(t, storing(t, r)).stores()
		for _, path := range []string{"", "/input_items"} {
			a = stranger.ask(t, http.MethodGet, "/v1/responses/"+two.ID+path)
			require.Equal(t, http.StatusNotFound, a.status, a.body)
			require.Equal(t, "not_found", errorCode(t, a.body))
		}
		require.Equal(t, http.StatusNotFound, stranger.ask(t, http.MethodDelete, "/v1/responses/"+two.ID).status)
		a = stranger.respond(t, model, `"x"`, `,"previous_response_id":"`+two.ID+`"`)
		require.Equal(t, http.StatusBadRequest, a.status)
		require.Equal(t, "previous_response_not_found", errorCode(t, a.body))

		gone := w.ask(t, http.MethodDelete, "/v1/responses/"+two.ID)
		require.JSONEq(t, `{"id":"`+two.ID+`","object":"response","deleted":true}`, gone.body)
		require.Equal(t, http.StatusNotFound, w.ask(t, http.MethodGet, "/v1/responses/"+two.ID).status)
		require.Equal(t, http.StatusOK, w.ask(t, http.MethodGet, "/v1/responses/"+one.ID).status)
		require.Equal(t, http.StatusOK, w.ask(t, http.MethodGet, "/v1/responses/"+three.ID).status, "what came after it has all it needs")

		// The prompt that is billed is the whole one.
		short, long := w.event(t, 0), far.event(t, 0)
		require.Greater(t, long.Counts.Input(), short.Counts.Input())
		require.NotContains(t, w.logs.String()+far.logs.String(), "canary")
	})
}

// checkAtRest looks through everything that Redis holds.
func checkAtRest(t testing.TB, r *redistest.Redis, secrets ...string) {
	t.Helper()
	ctx := t.Context()
	keys, err := r.Client.Keys(ctx, "*").Result()
	require.NoError(t, err)
	entries := 0
	for _, key := range keys {
		dump, err := r.Client.Dump(ctx, key).Result()
		require.NoError(t, err)
		if strings.Contains(key, ":e:") {
			entries++
			if dump, err = r.Client.Get(ctx, key).Result(); err != nil {
				t.Fatal(err)
			}
			left, err := r.Client.TTL(ctx, key).Result()
			require.NoError(t, err)
			require.InDelta(t, (720 * time.Hour).Seconds(), left.Seconds(), 60)
		}
		for _, s := range secrets {
			require.NotContains(t, key+dump, s)
		}
	}
	require.GreaterOrEqual(t, entries, 2, "nothing was looked at")
}
