package openairesponses

import (
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Tokens that no text shows, as the API's documentation counts them.
const (
	perItem  = 3
	perReply = 3
)

// weights turn the parts of a prompt into tokens.
type weights struct {
	text  func(escaped []byte) usage.Tokens
	json  func(raw []byte) usage.Tokens
	image usage.Tokens
	// Bytes, base64, that make a token; 0: none.
	file, audio int
}

// MeasurePrompt implements dialect.Client. Whatever stands in the body may be a part of the prompt, whether it is known here or
// not, and a token has at least a byte. Only pictures have more bytes than tokens: in the highest detail one takes less than 1,600.
func (*Responses) MeasurePrompt(r *llm.Request) llm.Size {
	none := func([]byte) usage.Tokens { return 0 }
	w := walk{weights: weights{text: none, json: none, image: 1600}}
	w.prompt(r)
	size := llm.Size{Most: w.total + usage.Tokens(r.Content.Len()-w.spared), Open: w.open, Searches: r.Search.Most, Marks: dialect.Marks(w.cache5m, w.cache1h)}
	if w.heard {
		size.Also = []usage.Class{usage.InAudio}
	}
	return size
}

// EstimatePrompt implements dialect.Client.
func (*Responses) EstimatePrompt(r *llm.Request, count dialect.Count) usage.Tokens {
	w := walk{weights: weights{
		text: func(escaped []byte) usage.Tokens {
			plain, err := guard.Unquote(escaped)
			if err != nil {
				return count(escaped)
			}
			return count([]byte(plain))
		},
		json: count, image: 765, file: 16, audio: 4300,
	}}
	w.prompt(r)
	return w.total
}

// walk adds up what a prompt weighs.
type walk struct {
	open bool // there are documents
	weights
	total usage.Tokens
	heard bool // it has sounds

	spared           int // bytes of pictures
	cache5m, cache1h bool
}

func (w *walk) prompt(r *llm.Request) {
	w.total = perReply
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		switch k {
		case "instructions":
			w.say(&c)
		case "input":
			if c.Kind() == guard.String {
				w.total += perItem
				w.say(&c)
				return
			}
			wire.List(&c, func() { w.item(&c) })
		case "tools", "text":
			w.total += w.json(c.Raw())
		default:
			c.Skip()
		}
	})
}

func (w *walk) say(c *guard.Cursor) {
	if t := wire.Text(c); len(t) > 0 {
		w.total += w.text(t)
	}
}

func (w *walk) item(c *guard.Cursor) {
	w.total += perItem
	wire.Object(c, func(k string) {
		switch k {
		case "name", "namespace", "arguments", "input", "encrypted_content":
			w.say(c)
		case "content", "output", "summary":
			if c.Kind() == guard.String {
				w.say(c)
				return
			}
			wire.List(c, func() { w.part(c) })
		case "type", "id", "call_id", "role", "status", "phase":
			c.Skip()
		default: // of items that are not known here
			w.total += w.json(c.Raw())
		}
	})
}

func (w *walk) part(c *guard.Cursor) {
	share := func(perToken int) {
		if data := c.Raw(); perToken > 0 {
			w.total += usage.Tokens((len(data) + perToken - 1) / perToken)
		}
	}
	kind, file := "", false
	var picture llm.Text
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			kind = string(wire.Text(c))
		case "text", "refusal":
			w.say(c)
		case "file_data":
			w.open = true
			share(w.file)
		case "input_audio":
			w.heard = true
			share(w.audio)
		case "file_url", "file_id":
			file, w.open = true, true
			c.Skip()
		case "image_url":
			picture = wire.Text(c)
		case "prompt_cache_breakpoint":
			ttl := cacheMark(c)
			w.cache5m, w.cache1h = w.cache5m || ttl == llm.Minutes5, w.cache1h || ttl == llm.Hour1
		default:
			c.Skip()
		}
	})
	if kind == "input_image" || file {
		w.total += w.image
	}
	if kind == "input_image" {
		w.spared += len(picture)
	}
}
