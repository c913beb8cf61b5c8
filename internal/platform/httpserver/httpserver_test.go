package httpserver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBodiesThatNeverCome: a connection whose body stays away ends, whether or not its handler wanted it; an answer that
// takes longer than that does not.
func TestBodiesThatNeverCome(t *testing.T) {
	t.Parallel()
	const limit = 200 * time.Millisecond
	mux := http.NewServeMux()
	mux.HandleFunc("POST /refuse", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	mux.HandleFunc("POST /read", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) })
	mux.HandleFunc("GET /long", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			w.WriteHeader(http.StatusInternalServerError)
		case <-time.After(3 * limit):
		}
	})
	srv := newServer(mux, limit)
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	send := func(head string) net.Conn {
		var d net.Dialer
		c, err := d.DialContext(t.Context(), "tcp", ln.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
		_, err = fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: x\r\n", head)
		require.NoError(t, err)
		return c
	}
	for _, path := range []string{"/refuse", "/read"} {
		c := send("POST " + path)
		_, err := io.WriteString(c, "Content-Length: 1000\r\n\r\n{")
		require.NoError(t, err)
		_, err = io.ReadAll(c)
		require.NoError(t, err, "%s: the connection is held", path)
	}
	c := send("GET /long")
	_, err = io.WriteString(c, "\r\n")
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}
