package openai

import (
	"bytes"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Blank is where a bound goes that the client did not set.
func Blank(src []byte, m *guard.Member, key string) llm.Blank {
	if m.Kind == guard.Null {
		return llm.Blank{Span: llm.Span{From: m.From, To: m.To}}
	}
	at := bytes.IndexByte(src, '{') + 1
	return llm.Blank{Span: llm.Span{From: at, To: at}, Before: key, After: ","}
}

// Tier refuses service tiers with prices of their own, which no price book can say.
func Tier(src []byte, m *guard.Member) error {
	switch m.Kind {
	case guard.Absent, guard.Null:
	case guard.String:
		if tier := string(src[m.From+1 : m.To-1]); tier != "auto" && tier != "default" {
			return apperr.New(apperr.InvalidRequest, "Only the service tiers auto and default are offered here.").WithParam("service_tier")
		}
	default:
		return apperr.New(apperr.InvalidRequest, "service_tier must be a text.").WithParam("service_tier")
	}
	return nil
}

// StreamOptions finds whether the client wants the usage of a stream, and the edit that makes the upstream send it anyway.
func StreamOptions(r *llm.Request, src []byte, m *guard.Member) error {
	if !r.Stream {
		return nil
	}
	const on = `"include_usage":true`
	change := &r.Original.Edits[0]
	change.Present = true
	switch m.Kind {
	case guard.Absent:
		at := bytes.IndexByte(src, '{') + 1
		change.Edit = body.Edit{From: at, To: at, Text: `"stream_options":{` + on + `},`}
		return nil
	case guard.Null:
		change.Edit = body.Edit{From: m.From, To: m.To, Text: `{` + on + `}`}
		return nil
	case guard.Object:
	default:
		return apperr.New(apperr.InvalidRequest, "stream_options must be an object.").WithParam("stream_options")
	}
	var found [1]guard.Member
	inner := src[m.From:m.To]
	if err := guard.Scan(inner, []string{"include_usage"}, found[:]); err != nil {
		return request.Refuse(err)
	}
	switch f := &found[0]; f.Kind {
	case guard.True:
		r.WantsUsage, change.Present = true, false
	case guard.False, guard.Null:
		change.Edit = body.Edit{From: m.From + f.From, To: m.From + f.To, Text: "true"}
	case guard.Absent:
		text := on
		if len(bytes.TrimSpace(inner[1:len(inner)-1])) > 0 {
			text += ","
		}
		change.Edit = body.Edit{From: m.From + 1, To: m.From + 1, Text: text}
	default:
		return apperr.New(apperr.InvalidRequest, "include_usage must be true or false.").WithParam("stream_options.include_usage")
	}
	return nil
}

// UsageOptions takes out the member by which a client asks for the cost, which the upstream does not know.
func UsageOptions(r *llm.Request, src []byte, m *guard.Member) {
	if m.Kind == guard.Absent {
		return
	}
	if m.Kind == guard.Object {
		c := guard.NewCursor(src[m.From:m.To])
		for k, ok := c.Object(); ok; k, ok = c.Next() {
			if string(k) == "include" && c.Kind() == guard.True {
				r.WantsCost = true
			}
			c.Skip()
		}
	}
	r.Original.Edits[1] = llm.Change{Present: true, Edit: request.Remove(src, m)}
}

// AppendUsage writes totals with their parts, as the API counts them. It returns where the usage begins.
func AppendUsage(b *wire.Builder, c usage.Counts, cost string) (at int) {
	b.Open('{')
	at = len(b.B)
	if cost != "" {
		b.B = dialect.AppendCost(b.B, cost)
	}
	b.Key("prompt_tokens")
	b.Int(c.Input())
	b.Key("completion_tokens")
	b.Int(c.Output())
	b.Key("total_tokens")
	b.Int(c.Input() + c.Output())
	b.Key("prompt_tokens_details")
	b.Open('{')
	b.Key("cached_tokens")
	b.Int(c.Units[usage.InCached])
	if n := c.Units[usage.CacheWrite5m] + c.Units[usage.CacheWrite1h]; n > 0 {
		b.Key("cache_write_tokens")
		b.Int(n)
	}
	b.Key("audio_tokens")
	b.Int(c.Units[usage.InAudio])
	b.Close('}')
	b.Key("completion_tokens_details")
	b.Open('{')
	b.Key("reasoning_tokens")
	b.Int(c.Units[usage.OutReasoning])
	b.Key("audio_tokens")
	b.Int(c.Units[usage.OutAudio])
	b.Close('}')
	b.Close('}')
	return at
}
