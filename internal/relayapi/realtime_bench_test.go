package relayapi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// BenchmarkRealtimeDelta is a piece of sound of 100 ms on its way through the relay, with both connections' writes and reads.
func BenchmarkRealtimeDelta(b *testing.B) {
	delta := []byte(`{"type":"response.output_audio.delta","event_id":"event_1","response_id":"r1","item_id":"item_1","output_index":0,"content_index":0,"delta":"` +
		strings.Repeat("AAAA", 1600) + `"}`)
	n := b.N
	w := newWorld(b, sessions(b, func(ctx context.Context, c *websocket.Conn) websocket.StatusCode {
		_, _, _ = c.Read(ctx)
		_ = c.Write(ctx, websocket.MessageText, []byte(`{"type":"response.created","response":{"id":"r1"}}`))
		for range n {
			_ = c.Write(ctx, websocket.MessageText, delta)
		}
		_ = c.Write(ctx, websocket.MessageText, []byte(`{"type":"response.done","response":{"id":"r1","usage":{"input_tokens":1,"output_tokens":1}}}`))
		_, _, _ = c.Read(ctx)
		return websocket.StatusNormalClosure
	}))
	k := w.talk(b, "demo/realtime")
	b.ReportAllocs()
	b.SetBytes(int64(len(delta)))
	b.ResetTimer()
	k.say(`{"type":"go"}`)
	for {
		_, raw, err := k.conn.Read(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if len(raw) < 200 && strings.Contains(string(raw), "response.done") {
			break
		}
	}
	b.StopTimer()
	_ = k.conn.Close(websocket.StatusNormalClosure, "")
}
