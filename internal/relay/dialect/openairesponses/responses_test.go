package openairesponses_test

import (
	"testing"

	"starlane/internal/relay/dialect/openairesponses"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

type noMeter struct{}

func (noMeter) Count([]byte) usage.Tokens { return 0 }
func (noMeter) Priced(usage.Class) bool   { return true }
func (noMeter) Cost(usage.Counts) string  { return "" }

const textDelta = `{"type":"response.output_text.delta","sequence_number":7,"item_id":"msg_1","output_index":0,"content_index":0,"delta":" word","logprobs":[],"obfuscation":"q7Zp0Xw"}`

// TestEventsCostNoMemory is a ratchet on the path of every event that passes through.
func TestEventsCostNoMemory(t *testing.T) {
	tap := openairesponses.NewNative(openairesponses.New()).NewTap(&llm.Request{}, noMeter{})
	defer tap.Close()
	event := []byte(textDelta)
	for range 2000 { // what is kept for an estimate has its room then
		tap.Event(event)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if !tap.Event(event).Content {
			t.Error("no content seen")
		}
	}); n > 0 {
		t.Errorf("an event allocates %v times, want none", n)
	}
}

func BenchmarkEvent(b *testing.B) {
	tap := openairesponses.NewNative(openairesponses.New()).NewTap(&llm.Request{}, noMeter{})
	event := []byte(textDelta)
	b.ReportAllocs()
	for b.Loop() {
		tap.Event(event)
	}
}
