package openaichat

import (
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Tokens that no text shows, as the API's documentation counts them for its chat models.
const (
	perMessage = 3
	perReply   = 3
)

// weights turn the parts of a prompt or an answer into tokens.
type weights struct {
	text  func(escaped []byte) usage.Tokens // a text as it stands between its quotes
	json  func(raw []byte) usage.Tokens
	image usage.Tokens
	// Bytes, base64, that make a token; 0: none.
	audio, file int

	spared int  // bytes of pictures
	open   bool // there are documents
	ttl5m  bool
	ttl1h  bool
}

// counted are the weights of an estimate: a picture of 1024 × 1024 in high detail, ten tokens for a second of 16 kHz PCM, a
// page of a PDF in some ten kilobytes.
func counted(count dialect.Count) weights {
	return weights{
		text: func(escaped []byte) usage.Tokens { return dialect.CountEscaped(escaped, len(escaped), count) },
		json: count, image: 765, audio: 4300, file: 16,
	}
}

// MeasurePrompt implements dialect.Egress. Whatever stands in the body may be a part of the prompt, whether it is known here
// or not, and a token has at least a byte. Only pictures have more bytes than tokens: in the highest detail that the API's
// documentation knows one takes 1,445.
func (*Chat) MeasurePrompt(r *llm.Request) llm.Size {
	none := func([]byte) usage.Tokens { return 0 }
	w := weights{text: none, json: none, image: 1600}
	total, audio := prompt(r, &w)
	size := llm.Size{Most: total + usage.Tokens(r.Content.Len()-w.spared), Open: w.open, Searches: r.Search.Most}
	if audio {
		size.Also = []usage.Class{usage.InAudio}
	}
	size.Marks = dialect.Marks(w.ttl5m, w.ttl1h)
	return size
}

// EstimatePrompt implements dialect.Egress.
func (*Chat) EstimatePrompt(r *llm.Request, count dialect.Count) usage.Tokens {
	w := counted(count)
	total, _ := prompt(r, &w)
	return total
}

func prompt(r *llm.Request, w *weights) (total usage.Tokens, audio bool) {
	total = perReply
	c := guard.NewCursor(r.Content.Open())
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case string(k) == "messages" && c.Kind() == guard.Array:
			for ok := c.Array(); ok; ok = c.More() {
				tokens, spoken := w.message(&c, true)
				total, audio = total+perMessage+tokens, audio || spoken
			}
		case string(k) == "tools" && c.Kind() == guard.Array:
			for ok := c.Array(); ok; ok = c.More() {
				at := c
				total += w.json(c.Raw())
				wire.Object(&at, func(k string) { w.other(k, &at) })
			}
		case string(k) == "functions" || string(k) == "response_format":
			total += w.json(c.Raw())
		default:
			c.Skip()
		}
	}
	return total, audio
}

// message weighs one message of a prompt or an answer; that an answer is the assistant's is not part of it.
func (w *weights) message(c *guard.Cursor, prompt bool) (total usage.Tokens, audio bool) {
	if c.Kind() != guard.Object {
		c.Skip()
		return 0, false
	}
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case string(k) == "role" && !prompt:
			c.Skip()
		case c.Kind() == guard.String:
			raw, _ := c.Text()
			if string(k) != "id" && string(k) != "tool_call_id" {
				total += w.text(raw)
			}
		case string(k) == "content" && c.Kind() == guard.Array:
			for ok := c.Array(); ok; ok = c.More() {
				tokens, spoken := w.part(c)
				total, audio = total+tokens, audio || spoken
			}
		case string(k) == "tool_calls" && c.Kind() == guard.Array, string(k) == "function_call" && c.Kind() == guard.Object:
			total += w.json(c.Raw())
		case string(k) == "audio" && prompt && c.Kind() == guard.Object: // an answer of before, by its id
			audio = true
			c.Skip()
		default:
			c.Skip()
		}
	}
	return total, audio
}

func (w *weights) part(c *guard.Cursor) (total usage.Tokens, audio bool) {
	if c.Kind() != guard.Object {
		c.Skip()
		return 0, false
	}
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case (string(k) == "text" || string(k) == "refusal") && c.Kind() == guard.String:
			raw, _ := c.Text()
			total += w.text(raw)
		case string(k) == "image_url":
			total += w.image
			w.spared += len(c.Raw())
		case string(k) == "input_audio":
			total += share(c.Raw(), w.audio)
			audio = true
		case string(k) == "file":
			total += share(c.Raw(), w.file)
			w.open = true
		default:
			w.other(string(k), c)
		}
	}
	return total, audio
}

// other looks for the mark of a cache in what weighs nothing.
func (w *weights) other(k string, c *guard.Cursor) {
	if k != "cache_control" && k != "prompt_cache_breakpoint" {
		c.Skip()
		return
	}
	ttl := cacheMark(c)
	w.ttl5m, w.ttl1h = w.ttl5m || ttl == llm.Minutes5, w.ttl1h || ttl == llm.Hour1
}

// share is the number of tokens in data, rounded up.
func share(data []byte, perToken int) usage.Tokens {
	if perToken == 0 {
		return 0
	}
	return usage.Tokens((len(data) + perToken - 1) / perToken)
}

// EstimateAnswer implements dialect.Egress.
func (*Chat) EstimateAnswer(content body.Content, count dialect.Count) (total usage.Tokens) {
	w := counted(count)
	c := guard.NewCursor(content.Open())
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		if string(k) != "choices" || c.Kind() != guard.Array {
			c.Skip()
			continue
		}
		for ok := c.Array(); ok; ok = c.More() {
			if c.Kind() != guard.Object {
				c.Skip()
				continue
			}
			for k, ok := c.Object(); ok; k, ok = c.Next() {
				if string(k) == "message" {
					tokens, _ := w.message(&c, false)
					total += tokens
				} else {
					c.Skip()
				}
			}
		}
	}
	return total
}
