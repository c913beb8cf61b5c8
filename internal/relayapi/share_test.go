package relayapi_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/vkey"
)

// TestSlowUploadsOfOneTenant: uploads that never end fill the share of their tenant. It hears of its own limit; others are
// served.
func TestSlowUploadsOfOneTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const announced = 64 << 10 // each; so much is set aside before it arrives
	uploads := int(w.bodies.Share() / announced)
	ended := make(chan struct{}, uploads)
	for range uploads {
		r, out := io.Pipe()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/v1/chat/completions", r)
		require.NoError(t, err)
		req.ContentLength = announced
		req.Header.Set("Authorization", "Bearer "+w.key)
		go func() {
			if res, err := http.DefaultClient.Do(req); err == nil {
				_ = res.Body.Close()
			}
			ended <- struct{}{}
		}()
		context.AfterFunc(ctx, func() { _ = out.Close() })
	}
	require.Eventually(t, func() bool { return w.bodies.Used() == w.bodies.Share() }, 10*time.Second, time.Millisecond, "the share is not filled")
	a := w.chat(t, "")
	require.Equal(t, http.StatusTooManyRequests, a.status, a.body)
	require.Equal(t, "rate_limit_exceeded", errorCode(t, a.body))
	require.Contains(t, a.body, `"param":"request_bytes_at_once"`)
	require.Equal(t, "1", a.header.Get("Retry-After"))

	hasher, err := vkey.NewHasher(secret.New(pepper))
	require.NoError(t, err)
	other, _ := w.issue(t, hasher)
	a = w.chat(t, "", "Authorization", "Bearer "+other)
	require.Equal(t, http.StatusOK, a.status, a.body)

	cancel()
	for range uploads {
		<-ended
	}
	require.Eventually(t, func() bool { return w.bodies.Used() == 0 }, 10*time.Second, time.Millisecond, "uploads that ended hold memory")
	require.Equal(t, http.StatusOK, w.chat(t, "").status)
}
