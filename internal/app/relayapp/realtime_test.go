package relayapp

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"starlane/internal/platform/secret"
	"starlane/internal/sim/provider"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/testkit/redistest"
	"starlane/internal/usage"
)

// TestSessionsEndWithTheRelay: a relay that is told to stop lets the response in a session come to its end, tells the client to
// connect again, and has it settled before it is gone.
func TestSessionsEndWithTheRelay(t *testing.T) {
	r := redistest.New(t)
	store, err := redisstore.Open(secret.New(r.URL), redisstore.Options{})
	require.NoError(t, err)
	defer store.Close()
	sim := httptest.NewServer(provider.New(provider.Config{Echo: &provider.Pace{}}))
	defer sim.Close()
	key := publish(t, store, sim.URL)
	cfg := testConfig(t, r.URL)
	var logs bytes.Buffer
	stop, ended := start(t, cfg, &logs)
	defer stop()

	conn, _, err := websocket.Dial(t.Context(), "http://"+cfg.Relay.Listen+"/v1/realtime?model=demo/realtime",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + key}}})
	require.NoError(t, err)
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 20)
	require.NoError(t, conn.Write(t.Context(), websocket.MessageText,
		[]byte(`{"type":"response.create","response":{"metadata":{"x-sim-tokens":"30","x-sim-chunk-ms":"20"}}}`)))
	var seen strings.Builder
	var closed websocket.CloseError
	for !errors.As(err, &closed) {
		var event []byte
		if _, event, err = conn.Read(t.Context()); strings.Contains(string(event), "response.created") {
			stop()
		}
		seen.Write(event)
	}
	require.Equal(t, websocket.StatusServiceRestart, closed.Code)
	require.Contains(t, seen.String(), `"status":"completed"`)
	require.NoError(t, <-ended, logs.String())

	shards := make([]int, 64)
	for i := range shards {
		shards[i] = i
	}
	require.NoError(t, store.EnsureGroups(t.Context(), shards))
	messages, err := store.ReadGroup(t.Context(), "test", shards, 10, time.Second)
	require.NoError(t, err)
	require.Len(t, messages, 1, logs.String())
	require.NoError(t, messages[0].Err)
	require.Equal(t, usage.OK, messages[0].Event.Outcome)
	require.Equal(t, int64(60), messages[0].Event.Counts.Units[usage.OutAudio])
}
