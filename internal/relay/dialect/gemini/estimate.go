package gemini

import (
	"strings"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Tokens that no text shows, by observation and by the API's documentation.
const (
	perContent   = 3
	perImage     = 258
	mostPerImage = 4400      // the largest picture in the highest resolution
	mostPerFile  = 1_000_000 // at an address, where its size does not show: as much as fits into a context
)

// weights turn the parts of a prompt into tokens.
type weights struct {
	text        func(escaped []byte) usage.Tokens
	json        func(raw []byte) usage.Tokens
	image       usage.Tokens
	file        usage.Tokens // at an address
	audio, data int          // bytes, base64, that make a token
}

// MeasurePrompt implements dialect.Client. Sounds, and films with their sound, have a price of their own.
func (*Contents) MeasurePrompt(r *llm.Request) llm.Size {
	length := func(b []byte) usage.Tokens { return usage.Tokens(len(b)) }
	w := walk{weights: weights{text: length, json: length, image: mostPerImage, file: mostPerFile, audio: 1, data: 1}}
	w.prompt(r)
	size := llm.Size{Most: w.total, Searches: r.Search.Most, Open: w.open}
	if w.heard {
		size.Also = append(size.Also, usage.InAudio)
	}
	return size
}

// EstimatePrompt implements dialect.Client.
func (*Contents) EstimatePrompt(r *llm.Request, count dialect.Count) usage.Tokens {
	w := walk{weights: weights{
		text: func(escaped []byte) usage.Tokens {
			plain, err := guard.Unquote(escaped)
			if err != nil {
				return count(escaped)
			}
			return count([]byte(plain))
		},
		json: count, image: perImage, file: perImage, audio: 1000, data: 64,
	}}
	w.prompt(r)
	return w.total
}

// walk adds up what a prompt weighs.
type walk struct {
	weights
	total usage.Tokens
	heard bool
	open  bool // the vendor itself brings more into the prompt
	inner bool // a file has a name of the vendor's storage
}

func (w *walk) prompt(r *llm.Request) {
	w.total = perContent
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		switch camel(k) {
		case "contents":
			wire.List(&c, func() { w.content(&c) })
		case "systemInstruction":
			w.content(&c)
		case "tools":
			at := c
			w.total += w.json(c.Raw())
			wire.List(&at, func() {
				wire.Object(&at, func(k string) {
					w.open = w.open || camel(k) == "urlContext" && at.Kind() == guard.Object
					at.Skip()
				})
			})
		case "generationConfig":
			wire.Object(&c, func(k string) {
				if name := camel(k); name == "responseSchema" || name == "responseJsonSchema" {
					w.total += w.json(c.Raw())
					return
				}
				c.Skip()
			})
		default:
			c.Skip()
		}
	})
}

func (w *walk) content(c *guard.Cursor) {
	w.total += perContent
	if c.Kind() == guard.String {
		w.total += w.text(wire.Text(c))
		return
	}
	wire.Object(c, func(k string) {
		if k == "parts" {
			wire.List(c, func() { w.part(c) })
			return
		}
		c.Skip()
	})
}

func (w *walk) part(c *guard.Cursor) {
	wire.Object(c, func(k string) {
		switch camel(k) {
		case "text":
			w.total += w.text(wire.Text(c))
		case "inlineData", "fileData":
			w.media(c)
		case "functionCall", "executableCode", "codeExecutionResult", "toolCall", "toolResponse":
			w.total += w.json(c.Raw())
		case "functionResponse":
			w.response(c)
		default:
			c.Skip()
		}
	})
}

func (w *walk) response(c *guard.Cursor) {
	wire.Object(c, func(k string) {
		if k == "parts" {
			wire.List(c, func() { w.part(c) })
			return
		}
		w.total += w.json(c.Raw())
	})
}

// media weighs a blob by its kind and size, and what stands at an address by the most that it may be.
func (w *walk) media(c *guard.Cursor) {
	var kind, data llm.Text
	address, film := false, false
	wire.Object(c, func(k string) {
		switch camel(k) {
		case "mimeType":
			kind = wire.Text(c)
		case "data":
			data = wire.Text(c)
		case "fileUri":
			address = true
			plain, err := guard.Unquote(wire.Text(c))
			film = err != nil || strings.Contains(strings.ToLower(plain), "youtu") // whatever its client calls it
			w.inner = w.inner || !dialect.IsAddress(llm.Text(plain))
		default:
			c.Skip()
		}
	})
	family, _, _ := strings.Cut(string(kind), "/")
	if film {
		family = "video"
	}
	w.heard = w.heard || family != "image" && family != "text" && family != "application"
	switch {
	case family == "image":
		w.total += w.image
	case address:
		w.total += w.file
	case family == "audio":
		w.total += share(data, w.audio)
	default:
		w.total += share(data, w.data)
	}
}

// share is the number of tokens in data, rounded up.
func share(data []byte, perToken int) usage.Tokens {
	return usage.Tokens((len(data) + perToken - 1) / perToken)
}
