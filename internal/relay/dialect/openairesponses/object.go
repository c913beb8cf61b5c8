package openairesponses

import (
	"strconv"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// The states of a response and of its items.
const (
	inProgress = "in_progress"
	completed  = "completed"
	incomplete = "incomplete"
	failed     = "failed"
)

// response is the object that events and answers carry.
type response struct {
	id         string
	created    int64
	status     string
	incomplete string // why it is
	failure    *apperr.Error
	echo       []byte       // members that repeat the request, each with a comma before it
	output     wire.Builder // items that ended
	items      int          // in output
	counts     *usage.Counts
}

func (r *response) append(b *wire.Builder) {
	b.Open('{')
	b.Key("id")
	b.String(r.id)
	b.Key("object")
	b.String("response")
	b.Key("created_at")
	b.Int(r.created)
	b.Key("status")
	b.String(r.status)
	b.Key("background")
	b.Bool(false)
	b.Key("error")
	if r.failure != nil {
		b.Open('{')
		b.Key("code")
		b.String(string(r.failure.Code))
		b.Key("message")
		b.String(r.failure.Message)
		b.Close('}')
	} else {
		b.Null()
	}
	b.Key("incomplete_details")
	if r.incomplete != "" {
		b.Open('{')
		b.Key("reason")
		b.String(r.incomplete)
		b.Close('}')
	} else {
		b.Null()
	}
	b.B = append(b.B, r.echo...)
	b.Key("output")
	b.Open('[')
	if len(r.output.B) > 0 {
		b.Raw(r.output.B)
	}
	b.Close(']')
	b.Key("usage")
	if r.counts != nil {
		appendUsage(b, r.counts)
	} else {
		b.Null()
	}
	b.Close('}')
}

// echoed are the members of a request that its response repeats, with what stands for those that are absent.
var echoed = [...]struct{ name, absent string }{ //nolint:gochecknoglobals // a constant table
	{"instructions", "null"},
	{"max_output_tokens", "null"},
	{"metadata", "{}"},
	{"parallel_tool_calls", "true"},
	{"previous_response_id", "null"},
	{"reasoning", `{"effort":null,"summary":null}`},
	{"safety_identifier", "null"},
	{"store", "false"},
	{"temperature", "1"},
	{"text", `{"format":{"type":"text"}}`},
	{"tool_choice", `"auto"`},
	{"tools", "[]"},
	{"top_p", "1"},
	{"truncation", `"disabled"`},
}

// echoOf renders what a response repeats of its request.
func echoOf(r *llm.Request) []byte {
	var values [len(echoed)]llm.Raw
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		raw := llm.Raw(c.Raw())
		for i := range echoed {
			if echoed[i].name == k && string(raw) != "null" {
				values[i] = raw
			}
		}
	})
	if s := r.Stored; s != nil {
		for i := range echoed {
			switch echoed[i].name {
			case "store":
				values[i] = strconv.AppendBool(nil, s.Save != nil)
			case "previous_response_id":
				values[i] = quoted(s.Previous)
			}
		}
	}
	b := wire.Builder{B: []byte("{")}
	b.Key("model")
	b.String(r.Model)
	b.Key("service_tier")
	b.String("default")
	for i := range echoed {
		b.Key(echoed[i].name)
		if values[i] == nil {
			b.Raw(llm.Raw(echoed[i].absent))
		} else {
			b.Raw(oneLine(values[i]))
		}
	}
	b.B[0] = ','
	return b.B
}

// oneLine makes a value fit for an event: between the tokens of JSON a space does as well as a line feed, and inside a string
// there is none.
func oneLine(raw llm.Raw) llm.Raw {
	out := append(llm.Raw(nil), raw...)
	for i, c := range out {
		if c == '\n' || c == '\r' {
			out[i] = ' '
		}
	}
	return out
}

// appendUsage writes totals with their parts, as the API counts them.
func appendUsage(b *wire.Builder, c *usage.Counts) {
	b.Open('{')
	b.Key("input_tokens")
	b.Int(c.Input())
	b.Key("input_tokens_details")
	b.Open('{')
	b.Key("cached_tokens")
	b.Int(c.Units[usage.InCached])
	b.Key("cache_write_tokens")
	b.Int(c.Units[usage.CacheWrite5m] + c.Units[usage.CacheWrite1h])
	b.Close('}')
	b.Key("output_tokens")
	b.Int(c.Output())
	b.Key("output_tokens_details")
	b.Open('{')
	b.Key("reasoning_tokens")
	b.Int(c.Units[usage.OutReasoning])
	b.Close('}')
	b.Key("total_tokens")
	b.Int(c.Input() + c.Output())
	b.Close('}')
}

// appendErrorMember writes the error as other formats of the API have it: some clients look for it there.
func appendErrorMember(b *wire.Builder, e *apperr.Error, requestID string) {
	body := openai.AppendError(nil, e, requestID) // {"error":{…}}
	b.Key("error")
	b.Raw(body[len(`{"error":`) : len(body)-1])
}
