package anthropic

import (
	"bytes"
	"strconv"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// maxOutput is more than any model gives, maxUses more than any tool is used in one answer.
const (
	maxOutput = 10_000_000
	maxUses   = 1_000
)

// Members of the body that are looked at before a model is chosen.
const (
	model = iota
	messages
	maxTokensAt
	stream
	serviceTier
	speed
	inferenceGeo
	fallbacks
	tools
	members
)

// DecodeRequest implements dialect.Ingress.
func (m *Messages) DecodeRequest(c body.Content) (*llm.Request, error) {
	r, err := m.DecodeCount(c)
	if err == nil && r.MaxOutput == 0 {
		return nil, apperr.New(apperr.InvalidRequest, "max_tokens: Field required").WithParam("max_tokens")
	}
	return r, err
}

// DecodeCount reads a request whose prompt is to be counted. It is as DecodeRequest, but needs no bound on the answer.
func (m *Messages) DecodeCount(c body.Content) (*llm.Request, error) {
	src := c.Open()
	var found [members]guard.Member
	if err := guard.Scan(src, m.names[:], found[:]); err != nil {
		return nil, request.Refuse(err)
	}
	r := &llm.Request{Content: c, Choices: 1, WantsUsage: true, Original: llm.Original{Dialect: Dialect}}
	var err error
	if r.Model, err = request.Model(src, &found[model]); err != nil {
		return nil, err
	}
	r.Original.Model = llm.Span{From: found[model].From, To: found[model].To}
	if found[messages].Kind != guard.Array {
		return nil, apperr.New(apperr.InvalidRequest, "messages: Field required, a list of messages.").WithParam("messages")
	}
	if r.MaxOutput, err = request.Int(src, &found[maxTokensAt], "max_tokens", 1, maxOutput, 0); err != nil {
		return nil, err
	}
	if r.Stream, err = request.Bool(&found[stream], "stream"); err != nil {
		return nil, err
	}
	r.Original.Refused = unpriced(r, src, &found)
	return r, pricedAlone(src, &found)
}

// unpriced finds what Anthropic charges for beside the tokens of the model asked for, or at another rate than its tokens', but for
// searches, which are counted. Other vendors' models leave it out.
func unpriced(r *llm.Request, src []byte, found *[members]guard.Member) error {
	refuse := func(param string) error {
		return apperr.New(apperr.UnsupportedParam, "%s: Not offered here, as it has a price of its own.", param).WithParam(param)
	}
	if m := &found[inferenceGeo]; m.Present() && string(src[m.From:m.To]) != `"global"` {
		return refuse("inference_geo")
	}
	if m := &found[fallbacks]; m.Kind == guard.Array && m.To-m.From > len("[]") {
		return refuse("fallbacks")
	}
	if found[tools].Kind != guard.Array {
		return nil
	}
	c := guard.NewCursor(src[found[tools].From:found[tools].To])
	for ok := c.Array(); ok; ok = c.More() {
		kind, uses := "", int64(llm.UsualSearches)
		wire.Object(&c, func(k string) {
			switch k {
			case "type":
				kind = string(wire.Text(&c))
			case "max_uses":
				if n, ok := c.Int(maxUses); ok {
					uses = n
				}
			default:
				c.Skip()
			}
		})
		switch name := family(kind); name {
		case "code_execution":
			return refuse("tools." + name)
		case webSearch:
			r.Search = llm.Search{Most: r.Search.Most + max(uses, 1), Field: "tools." + name}
		}
	}
	return nil
}

// AppendCount renders the answer to a request to count.
func (*Messages) AppendCount(dst []byte, n usage.Tokens) []byte {
	return append(strconv.AppendInt(append(dst, `{"input_tokens":`...), n, 10), '}')
}

// pricedAlone refuses what changes the price of a token in a way that no price book can say.
func pricedAlone(src []byte, found *[members]guard.Member) error {
	switch m := &found[serviceTier]; m.Kind {
	case guard.Absent, guard.Null:
	case guard.String:
		if tier := string(src[m.From+1 : m.To-1]); tier != "auto" && tier != "standard_only" {
			return apperr.New(apperr.InvalidRequest, "service_tier: Only auto and standard_only are offered here.").WithParam("service_tier")
		}
	default:
		return apperr.New(apperr.InvalidRequest, "service_tier: Must be a text.").WithParam("service_tier")
	}
	if m := &found[speed]; m.Kind == guard.String && string(src[m.From:m.To]) != `"standard"` {
		return apperr.New(apperr.InvalidRequest, "speed: Only standard is offered here.").WithParam("speed")
	}
	return nil
}

// Tokens that no text shows, by observation.
const (
	perMessage = 4
	perImage   = 1600 // the documented most of a picture that fits 1.15 megapixels
	perStated  = 800  // the most of a tool that stands in the request by its name alone
)

// weights turn the parts of a prompt into tokens.
type weights struct {
	text func(escaped []byte) usage.Tokens
	json func(raw []byte) usage.Tokens
	file int // bytes, base64, that make a token; 0: none
}

// MeasurePrompt implements dialect.Client. Whatever stands in the body may be a part of the prompt, whether it is known here or
// not, and a token has at least a byte; only pictures have more bytes than tokens.
func (*Messages) MeasurePrompt(r *llm.Request) llm.Size {
	none := func([]byte) usage.Tokens { return 0 }
	w := walk{weights: weights{text: none, json: none}}
	w.prompt(r)
	return llm.Size{Most: w.total + w.stated*perStated + usage.Tokens(r.Content.Len()-w.spared), Open: w.open, Searches: r.Search.Most, Marks: dialect.Marks(w.cache5m, w.cache1h)}
}

// EstimatePrompt implements dialect.Client.
func (*Messages) EstimatePrompt(r *llm.Request, count dialect.Count) usage.Tokens {
	w := walk{weights: weights{
		text: func(escaped []byte) usage.Tokens {
			text, err := guard.Unquote(escaped)
			if err != nil {
				return count(escaped)
			}
			return count([]byte(text))
		},
		json: count, file: 16,
	}}
	w.prompt(r)
	return w.total
}

// walk adds up what a prompt weighs.
type walk struct {
	weights
	total            usage.Tokens
	spared           int          // bytes of pictures
	stated           usage.Tokens // tools that the vendor's models know
	open             bool
	cache5m, cache1h bool
}

func (w *walk) prompt(r *llm.Request) {
	c := guard.NewCursor(r.Content.Open())
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "system":
			w.content(&c)
		case "messages":
			w.messages(&c)
		case "tools":
			w.tools(&c)
		case "output_config":
			w.total += w.json(c.Raw())
		case "cache_control":
			w.cache(&c)
		case "mcp_servers": // the vendor calls their tools itself
			w.open = w.open || c.Kind() == guard.Array
			c.Skip()
		default:
			c.Skip()
		}
	}
}

func (w *walk) messages(c *guard.Cursor) {
	if c.Kind() != guard.Array {
		c.Skip()
		return
	}
	for ok := c.Array(); ok; ok = c.More() {
		w.total += perMessage
		if c.Kind() != guard.Object {
			c.Skip()
			continue
		}
		for k, ok := c.Object(); ok; k, ok = c.Next() {
			if string(k) == "content" {
				w.content(c)
			} else {
				c.Skip()
			}
		}
	}
}

func (w *walk) tools(c *guard.Cursor) {
	if c.Kind() != guard.Array {
		c.Skip()
		return
	}
	for ok := c.Array(); ok; ok = c.More() {
		at := *c
		if s := statedTool(typeOf(at)); s != nil {
			w.stated++
			w.total += w.text([]byte(s.does)) + w.json([]byte(s.takes))
		}
		w.total += w.json(c.Raw())
		w.tool(&at)
	}
}

// tool looks for a cache mark, and whether the vendor itself brings into the prompt what the tool finds.
func (w *walk) tool(c *guard.Cursor) {
	if c.Kind() != guard.Object {
		return
	}
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case string(k) == "cache_control":
			w.cache(c)
		case string(k) == "type" && c.Kind() == guard.String:
			kind, _ := c.Text()
			w.open = w.open || bytes.HasPrefix(kind, []byte("web_fetch")) || bytes.HasPrefix(kind, []byte("mcp_toolset"))
		default:
			c.Skip()
		}
	}
}

// content weighs a text or a list of blocks.
func (w *walk) content(c *guard.Cursor) {
	switch c.Kind() {
	case guard.String:
		raw, _ := c.Text()
		w.total += w.text(raw)
	case guard.Array:
		for ok := c.Array(); ok; ok = c.More() {
			w.block(c)
		}
	default:
		c.Skip()
	}
}

func (w *walk) block(c *guard.Cursor) {
	if c.Kind() != guard.Object {
		c.Skip()
		return
	}
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "type":
			switch string(c.Raw()) {
			case `"image"`:
				w.total += perImage
			case `"document"`:
				w.open = true
			}
		case "text", "thinking", "data", "name", "title", "context":
			if c.Kind() != guard.String {
				c.Skip()
				continue
			}
			raw, _ := c.Text()
			w.total += w.text(raw)
		case "input":
			w.total += w.json(c.Raw())
		case "content": // of a tool's result, of a document
			w.content(c)
		case "source":
			w.source(c)
		case "cache_control":
			w.cache(c)
		default:
			c.Skip()
		}
	}
}

// source weighs where a picture or a document comes from: pictures by their number, documents by their bytes.
func (w *walk) source(c *guard.Cursor) {
	if c.Kind() != guard.Object {
		c.Skip()
		return
	}
	var data []byte
	document := false
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case string(k) == "media_type" && c.Kind() == guard.String:
			raw, _ := c.Text()
			document = len(raw) < 5 || string(raw[:5]) != "image"
		case string(k) == "data" && c.Kind() == guard.String:
			data, _ = c.Text()
		case string(k) == "content":
			w.content(c)
		default:
			c.Skip()
		}
	}
	switch {
	case !document && wire.ImageType(nil, data) == nil: // what is no picture is not as light as one
	case !document:
		w.spared += len(data)
	case w.file > 0:
		w.total += usage.Tokens((len(data) + w.file - 1) / w.file)
	}
}

func (w *walk) cache(c *guard.Cursor) {
	if c.Kind() != guard.Object {
		c.Skip()
		return
	}
	hour := false
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		raw := c.Raw()
		hour = hour || string(k) == "ttl" && string(raw) == `"1h"`
	}
	w.cache1h = w.cache1h || hour
	w.cache5m = w.cache5m || !hour
}
