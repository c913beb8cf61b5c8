package dialect

import (
	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// gathering collects an answer that the client gets in one piece, however the upstream gives it.
type gathering struct {
	bridge  *Bridge
	request *llm.Request
	meter   Meter
	reader  Reader
	answer  llm.Completion
	tally   tally
	keeping keeping
	form    formCheck
	lost    bool // a part of the answer that is not told
}

var _ Gatherer = (*Bridge)(nil)

// NewGathering implements Gatherer.
func (b *Bridge) NewGathering(r *llm.Request, m Meter) Gathering {
	return &gathering{bridge: b, request: r, meter: m, reader: b.newReader(r), form: newFormCheck(r), tally: tally{one: b.oneSearch(r)}}
}

// ReadAnswer implements Egress. The counts are those that the client is told, estimated where the upstream said nothing.
func (b *Bridge) ReadAnswer(r *llm.Request, content body.Content, m Meter) (llm.Answer, error) {
	g := &gathering{bridge: b, request: r, meter: m, form: newFormCheck(r), tally: tally{one: b.oneSearch(r)}}
	if !b.Upstream.ReadWhole(content.Open(), g) {
		return llm.Answer{}, errNoAnswer
	}
	return g.Answer()
}

// Event implements Gathering.
func (g *gathering) Event(data []byte) Step { return g.reader.Read(data, g) }

// Take implements llm.Sink.
func (g *gathering) Take(e *llm.Event) {
	g.lost = g.lost || e.Lost
	g.tally.Take(e)
	g.answer.Take(e)
	g.form.take(e)
	if g.bridge.Keeper != nil {
		g.keeping.Take(e)
	}
}

// Answer implements Gathering.
func (g *gathering) Answer() (llm.Answer, error) {
	c := &g.answer
	switch {
	case !g.tally.finished():
		return llm.Answer{}, errNoAnswer
	case c.Reason == llm.BrokenCall:
		return llm.Answer{}, errBrokenCall
	}
	g.form.warn(&g.request.Notes, c.Reason, g.lost)
	fillArguments(c)
	for i := range c.More {
		fillArguments(&c.More[i])
	}
	g.keeping.done(g.bridge.Keeper, g.request.Tenant)
	if len(c.ID) == 0 {
		c.ID = llm.Text(g.request.ID.String())
	}
	if !c.Reported || c.Counts.Input() == 0 || c.Counts.Output() == 0 {
		c.Counts.Fill(func() usage.Tokens { return g.bridge.EstimatePrompt(g.request, g.meter.Count) }, g.tally.estimate(g.meter.Count))
		g.tally.count(&c.Counts)
	}
	out, usageAt := g.bridge.Client.AppendAnswer(nil, g.request, c)
	return llm.Answer{Counts: c.Counts, Reported: true, Finished: true, Body: out, UsageAt: usageAt}, nil
}

// fillArguments gives the calls of an answer that is not cut short the arguments that their vendor left out.
func fillArguments(c *llm.Completion) {
	for i := range c.Blocks {
		if call := &c.Blocks[i]; call.Kind == llm.ToolCall && len(call.Text) == 0 && finished(c.Reason) {
			call.Text = llm.Text(noArguments)
		}
	}
}
