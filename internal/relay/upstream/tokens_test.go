package upstream

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"starlane/internal/catalog/credential"
	"starlane/internal/platform/netguard"
	"starlane/internal/relay/llm"
	"starlane/internal/sim/provider"
)

// TestTokensOfAServiceAccount asks the simulator, which verifies the assertions.
func TestTokensOfAServiceAccount(t *testing.T) {
	t.Parallel()
	sim := provider.New(provider.Config{})
	srv := httptest.NewServer(sim)
	defer srv.Close()
	c := New(newBox(t), true)
	defer c.Close()
	account, err := credential.ReadServiceAccount(sim.ServiceAccount(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	tokens := newTokens(account, c.transport(srv.URL))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if token, f := tokens.get(context.Background()); f != nil || token == "" {
				t.Errorf("token %q, %v", token, f)
			}
		})
	}
	wg.Wait()
	if n := sim.TokenEndpoint(time.Hour, 0); n != 1 {
		t.Errorf("%d tokens for 20 requests, want 1", n)
	}

	for status, want := range map[int]llm.Kind{400: llm.Auth, 429: llm.Transient, 503: llm.Transient} {
		sim.TokenEndpoint(time.Hour, status)
		if _, f := newTokens(account, c.transport(srv.URL)).get(context.Background()); f == nil || f.Kind != want || f.Phase != llm.Dial {
			t.Errorf("status %d: %v, want %s", status, f, want)
		}
	}
	stranger, err := credential.ReadServiceAccount(provider.New(provider.Config{}).ServiceAccount(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	sim.TokenEndpoint(time.Hour, 0)
	if _, f := newTokens(stranger, c.transport(srv.URL)).get(context.Background()); f == nil || f.Kind != llm.Auth {
		t.Errorf("a key that the simulator does not know: %v", f)
	}
	guarded := New(newBox(t), false)
	if _, f := newTokens(account, guarded.transport(srv.URL)).get(context.Background()); f == nil || !strings.Contains(f.Error(), netguard.ErrPrivate.Error()) {
		t.Errorf("a token endpoint in a private network: %v, want %v", f, netguard.ErrPrivate)
	}
}

// mint is a token source that counts, can fail, and can take its time.
type mint struct {
	mu    sync.Mutex
	made  int
	err   error
	takes time.Duration
}

func (m *mint) Token() (*oauth2.Token, error) {
	m.mu.Lock()
	takes := m.takes
	m.mu.Unlock()
	time.Sleep(takes)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	m.made++
	return &oauth2.Token{AccessToken: string(rune('a' + m.made - 1)), Expiry: time.Now().Add(time.Hour)}, nil
}

func (m *mint) set(err error, takes time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err, m.takes = err, takes
}

// TestTokensAreRenewedEarly runs by a clock of its own: nobody waits while a token lives, and a failure to renew it is none yet.
func TestTokensAreRenewedEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &mint{takes: time.Second}
		tokens := &tokens{source: m}
		want := func(what, token string, within time.Duration) {
			t.Helper()
			begin := time.Now()
			got, f := tokens.get(t.Context())
			if f != nil || got != token || time.Since(begin) > within {
				t.Errorf("%s: %q after %s, %v; want %q", what, got, time.Since(begin), f, token)
			}
		}
		want("the first", "a", time.Second)
		time.Sleep(54 * time.Minute)
		want("in its life", "a", 0)
		time.Sleep(2 * time.Minute)
		m.set(errors.New("away"), time.Second)
		want("near its end, and no other to be had", "a", 0)
		time.Sleep(2 * time.Second)
		m.set(nil, time.Second)
		want("near its end", "a", 0)
		time.Sleep(2 * time.Second)
		want("renewed", "b", 0)
		time.Sleep(2 * time.Hour)
		m.set(errors.New("away"), time.Second)
		if _, f := tokens.get(t.Context()); f == nil || f.Kind != llm.Transient {
			t.Errorf("no token at all: %v", f)
		}
		m.set(nil, time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, f := tokens.get(ctx); f == nil || !errors.Is(f.Err, context.DeadlineExceeded) {
			t.Errorf("whoever has no more time does not wait: %v", f)
		}
		time.Sleep(time.Minute)
	})
}
