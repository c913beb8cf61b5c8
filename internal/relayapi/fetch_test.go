package relayapi_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay"
	"starlane/internal/relay/body"
	"starlane/internal/relay/media"
	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

var picture = append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{1, 2, 3}, 5000)...)

// gallery serves a picture and counts how often.
func gallery(t *testing.T) (string, *atomic.Int64) {
	t.Helper()
	asked := &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/secret-name.png":
			_, _ = w.Write(picture)
		case "/secret-name.pdf":
			_, _ = w.Write([]byte("%PDF-1.7\n"))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/secret-name", asked
}

// fetching lets the relay fetch; private tells whether also from the machine that the test runs on.
func fetching(private bool) option {
	return func(s *settings) {
		s.media = func(bodies *body.Pool) relay.MediaFetcher { return media.New(bodies, private) }
	}
}

// both deploys clouds and compatible vendors.
func both(s *settings) {
	clouds(s)
	list := s.vendors
	compatibles(s)
	more := s.vendors
	s.vendors = func(simulator string, sim *provider.Server) []otherVendor {
		return append(list(simulator, sim), more(simulator, sim)...)
	}
}

func image(model, address string) string {
	return `{"model":"` + model + `","messages":[{"role":"user","content":[{"type":"text","text":"one two"},{"type":"image_url","image_url":{"url":"` + address + `"}}]}]}`
}

// TestFetchedMedia: upstreams that take bytes alone get bytes, translated or passing, and the client is told nothing of it.
func TestFetchedMedia(t *testing.T) {
	t.Parallel()
	address, _ := gallery(t)
	want := base64.StdEncoding.EncodeToString(picture)
	for _, model := range []string{"bedrock/converse", "bedrock/claude", "vertex/claude", "gemini/echo", "at/moonshot", "at/ollama"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, both, fetching(true))
			a := w.post(t, "/v1/chat/completions", image(model, address+".png"))
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.Empty(t, a.header.Get("X-Starlane-Warnings"))
			recent := w.sim.Report().Recent
			require.Contains(t, recent[len(recent)-1].Body, want)
			a = w.messages(t, model, `,"messages":[{"role":"user","content":[{"type":"text","text":"one two"},{"type":"image","source":{"type":"url","url":"`+address+`.png"}}]}]`)
			require.Equal(t, http.StatusOK, a.status, a.body)
			recent = w.sim.Report().Recent
			require.Contains(t, recent[len(recent)-1].Body, want)
			require.Equal(t, usage.OK, w.event(t, 1).Outcome)
			require.NotContains(t, w.logs.String(), "secret-name")
		})
	}
}

// TestMediaThatCannotBeFetched: the client is told which, in its own format, and nobody else is told where it was.
func TestMediaThatCannotBeFetched(t *testing.T) {
	t.Parallel()
	address, _ := gallery(t)
	t.Run("not there", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, both, fetching(true))
		a := w.post(t, "/v1/chat/completions", image("bedrock/converse", address+".gone"))
		require.Equal(t, http.StatusBadRequest, a.status, a.body)
		require.Contains(t, a.body, `messages[0].content[1] could not be fetched: its address does not answer with it.`)
		require.Contains(t, a.body, `"param":"messages[0].content[1]"`)
		m := w.messages(t, "bedrock/claude", `,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"url","url":"`+address+`.png"}}]}]`)
		require.Equal(t, http.StatusBadRequest, m.status, m.body)
		require.Contains(t, m.body, `{"type":"error","error":{"type":"invalid_request_error","message":"messages.0.content.0 could not be fetched: it is not of a kind that can be used here.`)
		for n := range 2 {
			e := w.event(t, n)
			require.Equal(t, usage.ClientError, e.Outcome)
			require.Zero(t, e.Counts.Output())
		}
		require.Zero(t, w.sim.Report().Total.Received)
		require.NotContains(t, a.body+m.body+w.logs.String(), "secret-name")
	})
	t.Run("inside", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, both, fetching(false))
		address, asked := gallery(t)
		a := w.post(t, "/v1/chat/completions", image("bedrock/converse", address+".png"))
		require.Equal(t, http.StatusBadRequest, a.status, a.body)
		require.Contains(t, a.body, "its address is not public")
		require.Zero(t, asked.Load())
	})
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, both)
		a := w.post(t, "/v1/chat/completions", image("bedrock/converse", address+".png"))
		require.Equal(t, http.StatusBadRequest, a.status, a.body)
		require.Equal(t, "unsupported_parameter", errorCode(t, a.body))
	})
	t.Run("too many", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, both, fetching(true))
		parts := `{"type":"text","text":"a"}`
		for n := range 21 {
			parts += `,{"type":"image_url","image_url":{"url":"` + address + `.png?` + string(rune('a'+n)) + `"}}`
		}
		a := w.post(t, "/v1/chat/completions", `{"model":"bedrock/converse","messages":[{"role":"user","content":[`+parts+`]}]}`)
		require.Equal(t, http.StatusBadRequest, a.status, a.body)
		require.Contains(t, a.body, "messages[0].content[21] could not be fetched: a request may name 20 media by their addresses.")
	})
}

// TestMediaBelongToWhoWasAdmitted: who is not let in makes the relay ask nobody.
func TestMediaBelongToWhoWasAdmitted(t *testing.T) {
	t.Parallel()
	address, asked := gallery(t)
	w := newWorld(t, both, fetching(true))
	w.key = "sk-sl-nobody"
	a := w.post(t, "/v1/chat/completions", image("bedrock/converse", address+".png"))
	require.Equal(t, http.StatusUnauthorized, a.status, a.body)
	require.Zero(t, asked.Load())
}
