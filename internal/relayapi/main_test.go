package relayapi_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestMain looks for streams, connections and watches that outlive their calls.
func TestMain(m *testing.M) {
	code := m.Run()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func TestCORS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.cors = []string{"https://console.example"} })
	ask := func(method, origin string) answer {
		req, err := http.NewRequestWithContext(context.Background(), method, w.url+"/v1/models", nil)
		require.NoError(t, err)
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", http.MethodGet)
		req.Header.Set("Access-Control-Request-Headers", "authorization,x-stainless-lang,x-elsewhere")
		req.Header.Set("Authorization", "Bearer "+w.key)
		return do(t, req)
	}
	require.Equal(t, "https://console.example", ask(http.MethodGet, "https://console.example").header.Get("Access-Control-Allow-Origin"))
	require.Empty(t, ask(http.MethodGet, "https://elsewhere.example").header.Get("Access-Control-Allow-Origin"))
	preflight := ask(http.MethodOptions, "https://console.example")
	require.Equal(t, http.StatusNoContent, preflight.status)
	require.Contains(t, preflight.header.Get("Access-Control-Allow-Headers"), "authorization")
	require.Contains(t, preflight.header.Get("Access-Control-Allow-Headers"), "anthropic-version")
	require.Contains(t, preflight.header.Get("Access-Control-Allow-Headers"), "x-stainless-lang", "what the SDKs send about themselves")
	require.NotContains(t, preflight.header.Get("Access-Control-Allow-Headers"), "x-elsewhere")
	closed := newWorld(t)
	w = closed
	require.Empty(t, ask(http.MethodGet, "https://console.example").header.Get("Access-Control-Allow-Origin"))
}
