package gemini

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Bounds of what a client may ask for.
const (
	maxOutput     = 10_000_000
	maxCandidates = 8
	maxModelName  = 256
)

// Members of the body that are looked at before a model is chosen. The API takes each name in two spellings.
const (
	contents = iota
	generationConfig
	tools
	serviceTier
	cachedContent
	model
	members
)

// AppendCount renders the answer to countTokens.
func (*Contents) AppendCount(dst []byte, n usage.Tokens) []byte {
	b := wire.Builder{B: dst}
	b.Open('{')
	b.Key("totalTokens")
	b.Int(n)
	b.Close('}')
	return b.B
}

func names() []string {
	return []string{"contents", "generationConfig", "tools", "serviceTier", "cachedContent", "model"}
}

// Members of the generation config.
const (
	maxOutputTokens = iota
	candidateCount
	responseModalities
	configMembers
)

func configNames() []string {
	return []string{"maxOutputTokens", "candidateCount", "responseModalities"}
}

// scan finds members by either spelling.
func scan(src []byte, names []string, found []guard.Member) error {
	spellings := slices.Clone(names)
	var second []int // whose second spellings follow the names
	for i, n := range names {
		if s := snake(n); s != n {
			spellings, second = append(spellings, s), append(second, i)
		}
	}
	all := make([]guard.Member, len(spellings))
	if err := guard.Scan(src, spellings, all); err != nil {
		return request.Refuse(err)
	}
	copy(found, all)
	for j, i := range second {
		m := all[len(names)+j]
		if m.Kind == guard.Absent {
			continue
		}
		if found[i].Kind != guard.Absent {
			return request.Refuse(&guard.KeyError{Name: names[i], Reason: "a member stands there in two spellings"})
		}
		found[i] = m
	}
	return nil
}

// snake is the other spelling of a member's name.
func snake(name string) string {
	out := make([]byte, 0, len(name)+4)
	for _, c := range []byte(name) {
		if c >= 'A' && c <= 'Z' {
			out = append(out, '_')
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	return string(out)
}

// camel is the usual spelling of a member's name.
func camel(name string) string {
	at := strings.IndexByte(name, '_')
	if at < 0 {
		return name
	}
	out := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		if c := name[i]; c == '_' && i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z' {
			i++
			out = append(out, name[i]-('a'-'A'))
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}

// DecodeRequest implements dialect.Ingress.
func (g *Contents) DecodeRequest(c body.Content) (*llm.Request, error) {
	r, named, err := g.decode(c)
	if err == nil && named {
		return nil, invalid("model", "The model is named in the path, not in the body.")
	}
	return r, err
}

// DecodeCount reads a request whose prompt is to be counted. It may stand inside another object, and name its model again.
func (g *Contents) DecodeCount(c body.Content) (*llm.Request, error) {
	r, _, err := g.decode(unwrapped(c))
	return r, err
}

// decode also says whether the body names a model.
func (g *Contents) decode(c body.Content) (r *llm.Request, named bool, err error) {
	src := c.Open()
	var found [members]guard.Member
	if err := scan(src, names(), found[:]); err != nil {
		return nil, false, err
	}
	if g.Model == "" || len(g.Model) > maxModelName {
		return nil, false, invalid("model", "The path must name a model of 1 to "+strconv.Itoa(maxModelName)+" characters.")
	}
	r = &llm.Request{
		Content: c, Model: g.Model, Stream: g.Stream, WantsUsage: true, Choices: 1, Framing: g.framing(),
		Original: llm.Original{Dialect: Dialect},
	}
	if found[contents].Kind != guard.Array {
		return nil, false, invalid("contents", "contents must be a list of contents.")
	}
	if found[cachedContent].Present() {
		return nil, false, invalid("cachedContent", "Cached contents are not offered here.")
	}
	if err := tier(src, &found[serviceTier]); err != nil {
		return nil, false, err
	}
	r.Original.Refused = unpriced(r, src, &found[tools])
	return r, found[model].Present(), g.config(r, src, &found[generationConfig])
}

// unwrapped is the request inside a request to count, or that itself.
func unwrapped(c body.Content) body.Content {
	at := guard.NewCursor(c.Open())
	inner := c
	wire.Object(&at, func(k string) {
		if camel(k) == "generateContentRequest" && at.Kind() == guard.Object {
			inner = body.Copy(at.Raw())
			return
		}
		at.Skip()
	})
	return inner
}

func (g *Contents) framing() llm.Framing {
	if g.Stream && g.Array {
		return llm.Array
	}
	return llm.BareEvents
}

func invalid(param, message string) *apperr.Error {
	return apperr.New(apperr.InvalidRequest, "%s", message).WithParam(param)
}

// tier refuses what changes the price of a token in a way that no price book can say.
func tier(src []byte, m *guard.Member) error {
	if !m.Present() {
		return nil
	}
	switch string(bytes.ToLower(src[m.From:m.To])) {
	case `"standard"`, `"service_tier_unspecified"`, `"unspecified"`:
		return nil
	default:
		return invalid("serviceTier", "Only the service tier standard is offered here.")
	}
}

// unpriced finds what Google charges for beside the tokens of the model asked for, but for searches, which are counted. Other
// vendors' models leave it out.
func unpriced(r *llm.Request, src []byte, m *guard.Member) error {
	if m.Kind != guard.Array {
		return nil
	}
	var err error
	c := guard.NewCursor(src[m.From:m.To])
	wire.List(&c, func() {
		wire.Object(&c, func(k string) {
			switch name := camel(k); name {
			case "googleSearch":
				if c.Kind() != guard.Null {
					r.Search = llm.Search{Most: llm.UsualSearches, Field: "tools.googleSearch"}
				}
			case "googleSearchRetrieval", "enterpriseWebSearch", "googleMaps", "fileSearch", "retrieval":
				if c.Kind() != guard.Null {
					err = apperr.New(apperr.UnsupportedParam, "tools.%s: Not offered here, as it has a price of its own.", name).WithParam("tools." + name)
				}
			}
			c.Skip()
		})
	})
	return err
}

// config finds the bounds on the answer, and where the relay may write one.
func (*Contents) config(r *llm.Request, src []byte, m *guard.Member) error {
	switch m.Kind {
	case guard.Absent:
		at := bytes.IndexByte(src, '{') + 1
		r.Original.Bound = llm.Blank{Span: llm.Span{From: at, To: at}, Before: `"generationConfig":{"maxOutputTokens":`, After: `},`}
		return nil
	case guard.Null:
		r.Original.Bound = llm.Blank{Span: llm.Span{From: m.From, To: m.To}, Before: `{"maxOutputTokens":`, After: `}`}
		return nil
	case guard.Object:
	default:
		return invalid("generationConfig", "generationConfig must be an object.")
	}
	inner := src[m.From:m.To]
	var found [configMembers]guard.Member
	if err := scan(inner, configNames(), found[:]); err != nil {
		return err
	}
	var err error
	if r.MaxOutput, err = request.Int(inner, &found[maxOutputTokens], "generationConfig.maxOutputTokens", 0, maxOutput, 0); err != nil {
		return err //nolint:wrapcheck // an apperr for the client
	}
	if r.Choices, err = request.Int(inner, &found[candidateCount], "generationConfig.candidateCount", 1, maxCandidates, 1); err != nil {
		return err //nolint:wrapcheck // an apperr for the client
	}
	bound := &r.Original.Bound
	switch b := &found[maxOutputTokens]; {
	case b.Kind != guard.Absent:
		bound.Span = llm.Span{From: m.From + b.From, To: m.From + b.To}
	default:
		*bound = llm.Blank{Span: llm.Span{From: m.From + 1, To: m.From + 1}, Before: `"maxOutputTokens":`}
		if len(bytes.TrimSpace(inner[1:len(inner)-1])) > 0 {
			bound.After = ","
		}
	}
	return modalities(r, inner, &found[responseModalities])
}

func modalities(r *llm.Request, src []byte, m *guard.Member) error {
	if !m.Present() {
		return nil
	}
	var err error
	c := guard.NewCursor(src[m.From:m.To])
	wire.List(&c, func() {
		switch strings.ToUpper(string(wire.Text(&c))) {
		case "TEXT", "MODALITY_UNSPECIFIED":
		case "AUDIO":
			r.AudioOut = true
		default:
			err = invalid("generationConfig.responseModalities", "Only answers of text and audio are offered here.")
		}
	})
	return err
}
