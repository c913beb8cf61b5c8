package dialect

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"starlane/internal/relay/llm"
)

// strictSink fails on what no client format allows: two blocks at once, pieces of a block that is not open, an order other than
// that of the ordinals.
type strictSink struct {
	t     *rapid.T
	open  int // ordinal plus one
	last  int
	texts map[int]string
	ended bool
}

func (s *strictSink) Take(e *llm.Event) {
	if s.ended {
		s.t.Fatalf("event %v after the end", e.Kind)
	}
	switch e.Kind {
	case llm.Open:
		if s.open != 0 || e.Block < s.last {
			s.t.Fatalf("block %d opens while %d is open, %d was the last", e.Block, s.open-1, s.last)
		}
		s.open, s.last = e.Block+1, e.Block
	case llm.Delta, llm.Seal, llm.Cite:
		if s.open != e.Block+1 {
			s.t.Fatalf("a piece of block %d while %d is open", e.Block, s.open-1)
		}
		s.texts[e.Block] += string(e.Text)
	case llm.Close:
		if s.open != e.Block+1 {
			s.t.Fatalf("block %d closes while %d is open", e.Block, s.open-1)
		}
		s.open = 0
	case llm.Stop:
		if s.open != 0 {
			s.t.Fatalf("block %d is open at the end", s.open-1)
		}
		s.ended = true
	case llm.Start, llm.Report:
	}
}

// TestBlocksComeInOrderWhateverTheUpstreamDoes mixes the pieces of calls in any order, with and without closing them.
func TestBlocksComeInOrderWhateverTheUpstreamDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sink := &strictSink{t: t, texts: map[int]string{}}
		s := &sequence{to: sink}
		var queues [][]llm.Event
		want := map[int]string{}
		for n := range rapid.IntRange(1, 6).Draw(t, "blocks") {
			args, err := json.Marshal(map[string]any{rapid.String().Draw(t, "key"): rapid.SliceOf(rapid.String()).Draw(t, "value")})
			if err != nil {
				t.Fatal(err)
			}
			quoted, err := json.Marshal(string(args))
			if err != nil {
				t.Fatal(err)
			}
			text := string(quoted[1 : len(quoted)-1])
			want[n] = text
			queue := []llm.Event{{Kind: llm.Open, Block: n, What: llm.ToolCall}}
			for len(text) > 0 {
				k := rapid.IntRange(1, len(text)).Draw(t, "cut")
				queue = append(queue, llm.Event{Kind: llm.Delta, Block: n, What: llm.ToolCall, Text: llm.Text(text[:k])})
				text = text[k:]
			}
			if rapid.Bool().Draw(t, "closes") {
				queue = append(queue, llm.Event{Kind: llm.Close, Block: n, What: llm.ToolCall})
			}
			queues = append(queues, queue)
		}
		for left := true; left; {
			left = false
			at := rapid.IntRange(0, len(queues)-1).Draw(t, "from")
			for i := range queues {
				q := (at + i) % len(queues)
				if len(queues[q]) > 0 {
					e := queues[q][0]
					queues[q], left = queues[q][1:], true
					s.Take(&e)
					break
				}
			}
		}
		s.Take(&llm.Event{Kind: llm.Stop})
		require.Equal(t, want, sink.texts)
		require.True(t, sink.ended)
	})
}

// TestWaitingBlocksAreBounded: what waits for a block that never ends does not grow for ever.
func TestWaitingBlocksAreBounded(t *testing.T) {
	t.Parallel()
	s := &sequence{to: &strictSink{texts: map[int]string{}}}
	for n := range 2 {
		s.Take(&llm.Event{Kind: llm.Open, Block: n, What: llm.ToolCall})
	}
	piece := llm.Event{Kind: llm.Delta, Block: 1, What: llm.ToolCall, Text: make(llm.Text, 1<<20)}
	for range 8 {
		s.Take(&piece)
	}
	require.True(t, s.full)
	require.LessOrEqual(t, len(s.blocks[1].wait), maxWaiting>>20+1)
}

// TestArgumentsAreWhole knows the end of a call's arguments in every form of escaping.
func TestArgumentsAreWhole(t *testing.T) {
	t.Parallel()
	for text, whole := range map[string]bool{
		``: false, `{}`: true, `{\"a\":\"}\"`: false, `{\"a\":\"}\"}`: true, `{\"a\":\"\\\"}\"}`: true, `{\"a\":\"\\\\\"}`: true,
		`\u007b\u0022a\u0022:[1,{}]\u007D`: true, `{\n\t\"a\":[`: false, `{\"é\":\"\\u00e9\"}`: true,
	} {
		var d depth
		for i := range len(text) { // byte by byte
			d.feed(llm.Text(text[i : i+1]))
		}
		require.Equal(t, whole, d.whole, text)
	}
}

// What waits is kept as text, not as one event for each of its pieces.
func TestPiecesThatWaitBecomeOne(t *testing.T) {
	t.Parallel()
	s := sequence{to: &tally{}}
	for block := range 2 {
		s.Take(&llm.Event{Kind: llm.Open, Block: block, What: llm.ToolCall})
		s.Take(&llm.Event{Kind: llm.Delta, Block: block, What: llm.ToolCall, Text: llm.Text("{")})
	}
	for range maxWaiting / 2 {
		s.Take(&llm.Event{Kind: llm.Delta, Block: 1, What: llm.ToolCall, Text: llm.Text(" ")})
	}
	require.False(t, s.full)
	require.Len(t, s.blocks[1].wait, 2)
	s.Take(&llm.Event{Kind: llm.Stop})
	require.Zero(t, s.waiting)
}

// TestPiecesBehindTheirBlockBecomeAnother: what a model says is told, also where its vendor goes back to a text that made room.
func TestPiecesBehindTheirBlockBecomeAnother(t *testing.T) {
	t.Parallel()
	sink := &transcript{}
	s := sequence{to: sink}
	say := func(kind llm.EventKind, block int, what llm.BlockKind, text string) {
		s.Take(&llm.Event{Kind: kind, Block: block, What: what, Text: llm.Text(text)})
	}
	say(llm.Open, 0, llm.TextBlock, "")
	say(llm.Delta, 0, llm.TextBlock, "one")
	say(llm.Open, 1, llm.ToolCall, "")
	say(llm.Delta, 0, llm.TextBlock, " two")
	say(llm.Delta, 1, llm.ToolCall, "{")
	say(llm.Delta, 0, llm.TextBlock, " three")
	say(llm.Delta, 1, llm.ToolCall, "}")
	say(llm.Close, 1, llm.ToolCall, "")
	say(llm.Delta, 0, llm.TextBlock, " four")
	say(llm.Stop, 0, 0, "")
	require.Equal(t, "[one] [{}] [ two three] [ four] .", sink.said)
	require.Zero(t, s.waiting)
}

// transcript writes down what it is told.
type transcript struct{ said string }

func (t *transcript) Take(e *llm.Event) {
	switch e.Kind {
	case llm.Open:
		t.said += "["
	case llm.Delta:
		t.said += string(e.Text)
	case llm.Close:
		t.said += "] "
	case llm.Stop:
		t.said += "."
	case llm.Start, llm.Seal, llm.Cite, llm.Report:
	}
}
