package media

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/id"
	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
)

const (
	most = 64 << 10
	room = 1 << 20
)

var png = append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{7}, 40_000)...)

// pages serves what a test asks for, and keeps the last request for anything.
func pages(t *testing.T) (*httptest.Server, func() *http.Request) {
	t.Helper()
	seen := make(chan *http.Request, 100)
	mux := http.NewServeMux()
	page := func(path string, b []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			seen <- r
			w.Header().Set("Content-Type", "text/html") // what a server says counts for nothing
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
			_, _ = w.Write(b)
		})
	}
	page("/png", png)
	page("/pdf", []byte("%PDF-1.7\n1 0 obj"))
	page("/html", []byte("<html><script>"))
	page("/svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`))
	page("/empty", nil)
	page("/large", append(bytes.Clone(png), make([]byte, most)...))
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(png); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(png[:20])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/gone", http.NotFound)
	mux.HandleFunc("/zip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(png)
	})
	mux.HandleFunc("/hop/", func(w http.ResponseWriter, r *http.Request) {
		left := strings.TrimPrefix(r.URL.Path, "/hop/")
		if left == "" {
			http.Redirect(w, r, "/png", http.StatusFound)
			return
		}
		http.Redirect(w, r, "/hop/"+left[1:], http.StatusFound)
	})
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s, func() *http.Request { return <-seen }
}

func TestFetch(t *testing.T) {
	t.Parallel()
	s, _ := pages(t)
	pool := body.NewPool(room, room)
	f := New(pool, true)
	for name, c := range map[string]struct {
		path string
		kind llm.BlockKind
		want string
		err  error
	}{
		"a picture":                   {"/png?x=1#y", llm.Image, "image/png", nil},
		"a document":                  {"/pdf", llm.Document, "application/pdf", nil},
		"a picture for a document":    {"/png", llm.Document, "", errType},
		"a document for a picture":    {"/pdf", llm.Image, "", errType},
		"a page":                      {"/html", llm.Image, "", errType},
		"a picture that is a program": {"/svg", llm.Image, "", errType},
		"nothing":                     {"/empty", llm.Image, "", errType},
		"too large":                   {"/large", llm.Image, "", errLarge},
		"without an end":              {"/endless", llm.Image, "", errLarge},
		"not there":                   {"/gone", llm.Image, "", errStatus},
		"compressed":                  {"/zip", llm.Image, "", errStatus},
		"three hops":                  {"/hop/ab", llm.Image, "image/png", nil},
		"four hops":                   {"/hop/abc", llm.Image, "", errRedirects},
		"a hop to a file":             {"/file", llm.Image, "", errAddress},
	} {
		got, err := f.Fetch(t.Context(), id.New(), c.kind, s.URL+c.path, most)
		require.Equal(t, c.err, err, name)
		require.Equal(t, c.want, got.Type, name)
		if c.want == "image/png" {
			require.Equal(t, base64.StdEncoding.EncodeToString(png), string(got.Base64.Open()))
			require.EqualValues(t, len(png), got.Size)
			require.Positive(t, pool.Used(), "what is held counts")
		}
		got.Base64.Release()
		require.Zero(t, pool.Used(), name)
	}
	for _, address := range []string{"", "ftp://x/y", "file:///etc/passwd", "http://", "http://user:pw@x/y", "gs://b/o", "http://x/" + strings.Repeat("a", maxAddress), "::"} {
		_, err := f.Fetch(t.Context(), id.New(), llm.Image, address, most)
		require.Equal(t, errAddress, err, address)
	}
	_, err := f.Fetch(t.Context(), id.New(), llm.Image, "http://nothing.invalid/x", most)
	require.Equal(t, errReach, err)
}

// TestFetchTellsNothing: whoever is asked learns neither who asks nor what else was asked for.
func TestFetchTellsNothing(t *testing.T) {
	t.Parallel()
	s, seen := pages(t)
	f := New(nil, true)
	for range 2 { // a cookie of the first answer
		got, err := f.Fetch(t.Context(), id.Nil, llm.Image, s.URL+"/hop/?secret=1", most)
		require.NoError(t, err)
		got.Base64.Release()
		r := seen()
		require.Equal(t, http.Header{"Accept": {"image/*, application/pdf, audio/*"}, "User-Agent": {"starlane/1"}, "Connection": {"close"}}, r.Header)
		require.Equal(t, http.MethodGet, r.Method)
	}
}

func TestFetchStaysOutside(t *testing.T) {
	t.Parallel()
	s, _ := pages(t)
	f := New(nil, false)
	for _, address := range []string{s.URL, "http://169.254.169.254/latest/meta-data", "http://[::1]:1/", "http://localhost:1/"} {
		_, err := f.Fetch(t.Context(), id.Nil, llm.Image, address, most)
		require.Equal(t, errPrivate, err, address)
	}
}

func TestFetchKnowsItsBounds(t *testing.T) {
	t.Parallel()
	s, _ := pages(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := New(nil, true).Fetch(ctx, id.Nil, llm.Image, s.URL+"/slow", most)
	require.Equal(t, errSlow, err)
	small := body.NewPool(16<<10, 16<<10)
	_, err = New(small, true).Fetch(t.Context(), id.New(), llm.Image, s.URL+"/png", most)
	require.Equal(t, errRoom, err)
	require.Zero(t, small.Used())
}
