// Package accumulate holds what the relay writes against the official libraries' own readers: whatever the order in which an upstream
// tells an answer, each of them puts the same answer together.
package accumulate

import (
	"encoding/json"
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// said is an answer, as it went in and as a library read it.
type said struct {
	Text, Thinking string
	Calls          []called
	Output         int64 // tokens
}

type called struct{ ID, Name, Arguments string }

// script is an answer in the order in which an upstream tells it.
type script struct {
	events []llm.Event
	said   said
	cut    bool // it has no end
	mixed  bool // pieces of texts come between those of other blocks: what is said is told, but not in the order of the blocks
}

// drawScript tells texts, thoughts and calls, and ends of blocks may be left out. Neighbouring calls mix in any order; texts and
// thoughts come whole, as in all vendors' streams, or mix too, as in none.
func drawScript(t *rapid.T) *script {
	s := &script{events: []llm.Event{{Kind: llm.Start, ID: llm.Text("answer-1"), Name: llm.Text("m")}}}
	var calls [][]llm.Event // of the group of neighbours
	s.mixed = rapid.Bool().Draw(t, "mixed")
	kinds := rapid.SliceOfN(rapid.SampledFrom([]llm.BlockKind{llm.TextBlock, llm.Thinking, llm.ToolCall, llm.ToolCall}), 1, 7).Draw(t, "blocks")
	for n, kind := range kinds {
		if kind == llm.ToolCall {
			calls = append(calls, s.call(t, n))
			continue
		}
		if s.mixed {
			calls = append(calls, s.words(t, n, kind))
			continue
		}
		s.mix(t, calls)
		calls = nil
		s.events = append(s.events, s.words(t, n, kind)...)
	}
	s.mix(t, calls)
	if s.cut = rapid.IntRange(0, 9).Draw(t, "cut") == 0; s.cut {
		return s
	}
	report := llm.Event{Kind: llm.Report}
	s.said.Output = int64(rapid.IntRange(1, 1000).Draw(t, "output"))
	report.Counts.Set(usage.InText, 7, usage.Reported)
	report.Counts.Set(usage.OutText, usage.Tokens(s.said.Output), usage.Reported)
	stop := llm.Event{Kind: llm.Stop, Reason: llm.EndOfTurn}
	if len(s.said.Calls) > 0 {
		stop.Reason = llm.ToolUse
	}
	if rapid.Bool().Draw(t, "usage first") {
		s.events = append(s.events, report, stop)
	} else {
		s.events = append(s.events, stop, report)
	}
	return s
}

// words is a block of text or a thought.
func (s *script) words(t *rapid.T, n int, kind llm.BlockKind) []llm.Event {
	text, into := rapid.StringN(0, 30, 200).Draw(t, "text"), &s.said.Text
	events := []llm.Event{{Kind: llm.Open, Block: n, What: kind}}
	if kind == llm.Thinking {
		into = &s.said.Thinking
	}
	*into += text
	events = append(events, deltas(t, n, kind, text)...)
	if kind == llm.Thinking && rapid.Bool().Draw(t, "seal") {
		events = append(events, llm.Event{Kind: llm.Seal, Block: n, What: kind, Sealed: llm.Sealed{Origin: "anthropic", Data: llm.Text("c2VhbA==")}})
	}
	return s.closed(t, n, kind, events)
}

// call is one of a tool.
func (s *script) call(t *rapid.T, n int) []llm.Event {
	c := called{ID: fmt.Sprintf("call_%d", n), Name: fmt.Sprintf("tool_%d", n), Arguments: "{}"}
	events := []llm.Event{{Kind: llm.Open, Block: n, What: llm.ToolCall, ID: llm.Text(c.ID), Name: llm.Text(c.Name)}}
	if rapid.Bool().Draw(t, "arguments") {
		b, err := json.Marshal(map[string]any{
			"text": rapid.StringN(0, 20, 100).Draw(t, "argument"), "number": rapid.Int32().Draw(t, "number"), "list": []any{nil, true, map[string]any{}},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Arguments = string(b)
		events = append(events, deltas(t, n, llm.ToolCall, c.Arguments)...)
	}
	s.said.Calls = append(s.said.Calls, c)
	return s.closed(t, n, llm.ToolCall, events)
}

func (s *script) closed(t *rapid.T, n int, kind llm.BlockKind, events []llm.Event) []llm.Event {
	if rapid.Bool().Draw(t, "close") || kind == llm.ToolCall && len(events) == 1 { // only its end says that there are no arguments
		events = append(events, llm.Event{Kind: llm.Close, Block: n, What: kind})
	}
	return events
}

// deltas cuts a text into pieces.
func deltas(t *rapid.T, n int, kind llm.BlockKind, text string) (events []llm.Event) {
	for runes := []rune(text); len(runes) > 0; {
		size := rapid.IntRange(1, len(runes)).Draw(t, "piece")
		quoted, err := json.Marshal(string(runes[:size]))
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, llm.Event{Kind: llm.Delta, Block: n, What: kind, Text: quoted[1 : len(quoted)-1]})
		runes = runes[size:]
	}
	return events
}

// mix appends the events of calls in any order that keeps each call's own.
func (s *script) mix(t *rapid.T, calls [][]llm.Event) {
	for {
		var left [][]llm.Event
		for _, c := range calls {
			if len(c) > 0 {
				left = append(left, c)
			}
		}
		if calls = left; len(calls) == 0 {
			return
		}
		i := rapid.IntRange(0, len(calls)-1).Draw(t, "next")
		s.events = append(s.events, calls[i][0])
		calls[i] = calls[i][1:]
	}
}

// upstream tells a script: the data of an event is its place.
type upstream struct {
	dialect.Upstream
	script *script
}

func (u upstream) NewReader() dialect.Reader { return u }

func (u upstream) Read(data []byte, to llm.Sink) dialect.Step {
	if string(data) == "end" {
		return dialect.End
	}
	var n int
	if _, err := fmt.Sscan(string(data), &n); err != nil {
		return dialect.Garbage
	}
	e := u.script.events[n]
	to.Take(&e)
	return dialect.Pass
}

type meter struct{}

func (meter) Count(text []byte) usage.Tokens { return usage.Tokens(len(strings.Fields(string(text)))) }
func (meter) Cost(usage.Counts) string       { return "0" }
func (meter) Priced(usage.Class) bool        { return true }
