package openai

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Media is what the formats for pictures and sound have in common: bodies pass, but for the model's name.
type Media struct{}

// Path implements dialect.Egress.
func (Media) Path(r *llm.Request, _ string) string { return r.Media.Path }

// EncodeRequest implements dialect.Egress.
func (Media) EncodeRequest(r *llm.Request, to dialect.Target) (body.Message, error) {
	if r.Media.Type == "" {
		return request.Encode(r, to.Model) //nolint:wrapcheck // a name that is no text is a mistake of ours
	}
	if strings.ContainsAny(to.Model, "\r\n") {
		return body.Message{}, apperr.New(apperr.Internal, "The model has a name that no form can hold.")
	}
	at := r.Original.Model
	return r.Content.Edited(body.Edit{From: at.From, To: at.To, Text: to.Model}).As(r.Media.Type), nil
}

// AppendCost implements dialect.Egress.
func (Media) AppendCost(dst []byte, usd string) []byte { return dialect.AppendCost(dst, usd) }

// ReadFault implements dialect.Egress.
func (Media) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	return ReadFault(status, h, c)
}

// EstimatePrompt implements dialect.Egress.
func (Media) EstimatePrompt(r *llm.Request, count dialect.Count) usage.Tokens {
	raw := r.Content.Open()[r.Media.Text.From:r.Media.Text.To]
	if r.Media.Escaped {
		return dialect.CountEscaped(raw, len(raw), count)
	}
	return count(raw)
}

// EstimateAnswer implements dialect.Egress: who is billed by other classes counts for itself.
func (Media) EstimateAnswer(body.Content, dialect.Count) usage.Tokens { return 0 }

// AppendError implements dialect.Ingress.
func (Media) AppendError(dst []byte, e *apperr.Error, requestID string) []byte {
	return AppendError(dst, e, requestID)
}

// Heartbeat implements dialect.Heartbeater.
func (Media) Heartbeat() []byte { return []byte(": keep-alive\n\n") }

// AppendStreamError implements dialect.Ingress.
func (Media) AppendStreamError(dst []byte, e *apperr.Error, requestID string) []byte {
	return AppendStreamError(dst, e, requestID)
}

// Report is what an answer says of its usage.
type Report struct {
	Tokens  bool // in Counts
	Counts  usage.Counts
	Timed   bool // in Seconds
	Seconds int64
}

// ReadReport reads a usage object at the cursor. Tokens whose class it does not tell are of the classes in and out.
func ReadReport(c *guard.Cursor, in, out usage.Class) (r Report) {
	var input, output int64
	var heard, seen, read, spoken, drawn, written int64 // parts of them
	have, broken := false, false
	number := func(into *int64) {
		if c.Kind() == guard.Null {
			c.Skip()
			return
		}
		v, ok := c.Int(maxTokens)
		*into, broken = v, broken || !ok
	}
	details := func(audio, image, text *int64) {
		if c.Kind() != guard.Object {
			c.Skip()
			return
		}
		for k, ok := c.Object(); ok; k, ok = c.Next() {
			switch string(k) {
			case "audio_tokens":
				number(audio)
			case "image_tokens":
				number(image)
			case "text_tokens":
				number(text)
			default:
				c.Skip()
			}
		}
	}
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "input_tokens":
			have = c.Kind() == guard.Number
			number(&input)
		case "output_tokens":
			number(&output)
		case "input_tokens_details", "input_token_details":
			details(&heard, &seen, &read)
		case "output_tokens_details", "output_token_details":
			details(&spoken, &drawn, &written)
		case "seconds":
			r.Seconds, r.Timed = ReadSeconds(c)
		default:
			c.Skip()
		}
	}
	if c.Bad() || broken {
		return Report{}
	}
	if r.Tokens = have && input+output > 0; r.Tokens {
		split(&r.Counts, in, input, others(in, part{usage.InAudio, heard}, part{usage.InImage, seen}, part{usage.InText, read})...)
		split(&r.Counts, out, output, others(out, part{usage.OutAudio, spoken}, part{usage.OutImage, drawn}, part{usage.OutText, written})...)
	}
	return r
}

// others are the parts that are not of a class, in place.
func others(class usage.Class, parts ...part) []part {
	kept := parts[:0]
	for _, p := range parts {
		if p.class != class {
			kept = append(kept, p)
		}
	}
	return kept
}

// maxSeconds bounds a reported length: what is longer is a broken report.
const maxSeconds = 1_000_000

// ReadSeconds reads a length in seconds at the cursor, and rounds it up.
func ReadSeconds(c *guard.Cursor) (int64, bool) {
	v, err := strconv.ParseFloat(strings.Trim(string(c.Raw()), `"`), 64) // some say it as a string
	if err != nil || !(v >= 0) || v > maxSeconds {
		return 0, false
	}
	return int64(math.Ceil(v)), true
}

// Fold counts what has no price of its own with its kind.
func Fold(c *usage.Counts, from, into usage.Class, m dialect.Meter) {
	if n := c.Units[from]; n > 0 && !m.Priced(from) {
		c.Set(into, c.Units[into]+n, usage.Derived)
		c.Set(from, 0, usage.None)
	}
}
