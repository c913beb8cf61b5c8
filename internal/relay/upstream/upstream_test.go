package upstream

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"starlane/internal/catalog"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/relay"
	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
)

func newBox(t testing.TB) *secret.Box {
	t.Helper()
	box, err := secret.NewBox(secret.New(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, secret.KeySize))))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func dispatch(t testing.TB, box *secret.Box, base, text string) relay.Dispatch {
	t.Helper()
	key := &catalog.UpstreamKey{ID: id.New()}
	var err error
	if key.Sealed, err = box.Seal(secret.New("sk-up"), catalog.SealContext(key.ID)); err != nil {
		t.Fatal(err)
	}
	return relay.Dispatch{
		Candidate: &catalog.Candidate{Account: catalog.Account{BaseURL: base}}, Key: key, Path: "/chat/completions",
		Body: body.Copy([]byte(text)).Edited(), Header: http.Header{"Openai-Beta": {"x"}},
	}
}

func TestSend(t *testing.T) {
	defer goleak.VerifyNone(t)
	var conns atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", strings.Join([]string{r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Openai-Beta"), r.Header.Get("Accept-Encoding")}, "|"))
		_, _ = w.Write(got)
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	box := newBox(t)
	c := New(box, true)
	defer c.Close()
	for _, size := range []int{2, 5000, 200_000, 3 << 20} {
		text := strings.Repeat("x", size)
		res, err := c.Send(context.Background(), dispatch(t, box, srv.URL+"/v1/", text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err != nil || string(got) != text {
			t.Fatalf("%d bytes: the upstream got %d, %v", size, len(got), err)
		}
		_ = res.Body.Close()
		if got, want := res.Header.Get("X-Seen"), "/v1/chat/completions|Bearer sk-up|x|"; got != want {
			t.Errorf("the upstream saw %q, want %q", got, want)
		}
	}
	if conns.Load() != 1 {
		t.Errorf("%d connections, want 1 that is kept", conns.Load())
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	box := newBox(t)
	c := New(box, true)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	hangs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}))
	defer hangs.Close()
	broken := dispatch(t, box, gone.URL, "{}")
	broken.Key = &catalog.UpstreamKey{ID: id.New(), Sealed: broken.Key.Sealed} // sealed for another row
	cases := map[string]struct {
		d     relay.Dispatch
		phase llm.Phase
		kind  llm.Kind
	}{
		"nobody listens":  {dispatch(t, box, gone.URL, "{}"), llm.Dial, llm.Transient},
		"no such name":    {dispatch(t, box, "http://nothing.invalid", "{}"), llm.Dial, llm.Transient},
		"no address":      {dispatch(t, box, "ftp://x", "{}"), llm.Dial, llm.Transient},
		"credentials":     {dispatch(t, box, "http://user:pw@x", "{}"), llm.Dial, llm.Transient},
		"hangs up":        {dispatch(t, box, hangs.URL, "{}"), llm.Send, llm.Transient},
		"key for another": {broken, llm.Dial, llm.Auth},
	}
	for name, tc := range cases {
		_, err := c.Send(context.Background(), tc.d)
		var f *llm.Fault
		if !errors.As(err, &f) || f.Phase != tc.phase || f.Kind != tc.kind {
			t.Errorf("%s: %v, want phase %s kind %s", name, err, tc.phase, tc.kind)
		}
		if err != nil && strings.Contains(err.Error(), "sk-up") {
			t.Errorf("%s: the key is in the error", name)
		}
	}
}
