package dialect

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"
	"strconv"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// EmbedClient is the side of a format for vectors of texts that faces clients.
type EmbedClient interface {
	Ingress
	// ParseEmbed gives the neutral form of a request. Errors are apperr.
	ParseEmbed(r *llm.Request) (*llm.EmbedPrompt, error)
	// AppendVectors renders an answer. usageAt is as in llm.Answer. False: a vector is none.
	AppendVectors(dst []byte, r *llm.Request, v *llm.Vectors) (out []byte, usageAt int, ok bool)
	// MeasurePrompt and EstimatePrompt are as in Egress.
	MeasurePrompt(r *llm.Request) llm.Size
	EstimatePrompt(r *llm.Request, count Count) usage.Tokens
}

// EmbedUpstream is the side that faces upstreams.
type EmbedUpstream interface {
	// Path is where a call goes, below the base URL.
	Path(model string) string
	// Encode renders a request. Errors are apperr; notes say what could not be kept.
	Encode(p *llm.EmbedPrompt, model string, n *llm.Notes) ([]byte, error)
	// ReadVectors reads an answer. False: it is none.
	ReadVectors(src []byte) (v llm.Vectors, ok bool)
	// ReadFault is as in Upstream.
	ReadFault(status int, h http.Header, c body.Content) (f *llm.Fault, message string)
}

// EmbedBridge is the way between two formats for vectors. It implements Egress.
type EmbedBridge struct {
	Client   EmbedClient
	Upstream EmbedUpstream
}

var _ Egress = (*EmbedBridge)(nil)

// Path implements Egress.
func (b *EmbedBridge) Path(_ *llm.Request, model string) string { return b.Upstream.Path(model) }

// EncodeRequest implements Egress.
func (b *EmbedBridge) EncodeRequest(r *llm.Request, to Target) (body.Message, error) {
	p, err := b.Client.ParseEmbed(r)
	if err != nil {
		return body.Message{}, err //nolint:wrapcheck // an apperr for the client
	}
	out, err := b.Upstream.Encode(p, to.Model, &r.Notes)
	if err != nil {
		return body.Message{}, err //nolint:wrapcheck // an apperr for the client
	}
	if err := r.Notes.Err(); err != nil {
		return body.Message{}, err //nolint:wrapcheck // an apperr for the client
	}
	return body.Own(out).Edited(), nil
}

// ReadAnswer implements Egress. Some vendors report nothing: the client is told the estimate that is billed.
func (b *EmbedBridge) ReadAnswer(r *llm.Request, content body.Content, m Meter) (llm.Answer, error) {
	v, ok := b.Upstream.ReadVectors(content.Open())
	if !ok || int64(len(v.List)) != b.MeasurePrompt(r).Prompts {
		return llm.Answer{}, errNoAnswer
	}
	if !v.Reported {
		v.Counts.Fill(func() usage.Tokens { return b.EstimatePrompt(r, m.Count) }, 0)
	}
	out, usageAt, ok := b.Client.AppendVectors(nil, r, &v)
	if !ok {
		return llm.Answer{}, errNoAnswer
	}
	return llm.Answer{Counts: v.Counts, Reported: true, Finished: true, Body: out, UsageAt: usageAt}, nil
}

// NewTap implements Egress: vectors do not stream.
func (*EmbedBridge) NewTap(*llm.Request, Meter) Tap { return nil }

// AppendCost implements Egress.
func (*EmbedBridge) AppendCost(dst []byte, usd string) []byte { return AppendCost(dst, usd) }

// ReadFault implements Egress.
func (b *EmbedBridge) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	return told(b.Client, b.Upstream.ReadFault, status, h, c)
}

// MeasurePrompt implements Egress.
func (b *EmbedBridge) MeasurePrompt(r *llm.Request) llm.Size { return b.Client.MeasurePrompt(r) }

// EstimatePrompt implements Egress.
func (b *EmbedBridge) EstimatePrompt(r *llm.Request, count Count) usage.Tokens {
	return b.Client.EstimatePrompt(r, count)
}

// EstimateAnswer implements Egress: vectors cost nothing.
func (*EmbedBridge) EstimateAnswer(body.Content, Count) usage.Tokens { return 0 }

// AppendNumbers appends a vector as a JSON list. False: it is not one.
func AppendNumbers(dst []byte, v llm.Vector) ([]byte, bool) {
	if v.Packed == nil {
		return append(dst, v.Numbers...), len(v.Numbers) > 0
	}
	text, err := guard.Unquote(v.Packed) // some encoders write \/
	if err != nil {
		return dst, false
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw)%4 != 0 {
		return dst, false
	}
	dst = append(dst, '[')
	for i := 0; i < len(raw); i += 4 {
		if i > 0 {
			dst = append(dst, ',')
		}
		f := math.Float32frombits(binary.LittleEndian.Uint32(raw[i:]))
		if f != f || f > math.MaxFloat32 || f < -math.MaxFloat32 { // JSON has no such numbers
			return dst, false
		}
		dst = strconv.AppendFloat(dst, float64(f), 'g', -1, 32)
	}
	return append(dst, ']'), true
}

// AppendPacked appends a vector as base64. False: it is not one.
func AppendPacked(dst []byte, v llm.Vector) ([]byte, bool) {
	if v.Packed != nil {
		return append(dst, v.Packed...), true
	}
	c := guard.NewCursor(v.Numbers)
	if c.Kind() != guard.Array {
		return dst, false
	}
	var raw []byte
	for ok := c.Array(); ok; ok = c.More() {
		f, err := strconv.ParseFloat(string(c.Raw()), 32)
		if err != nil {
			return dst, false
		}
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(f)))
	}
	return base64.StdEncoding.AppendEncode(dst, raw), !c.Bad()
}

// told turns a refusal of the upstream into the client's format, if it is about the client's mistake.
func told(client Ingress, read func(int, http.Header, body.Content) (*llm.Fault, string), status int, h http.Header, c body.Content) *llm.Fault {
	f, message := read(status, h, c)
	if f.Kind == llm.Caller && message != "" {
		f.Answer = body.Copy(client.AppendError(nil, apperr.New(mistake(status, message), "%s", message), ""))
	}
	return f
}
