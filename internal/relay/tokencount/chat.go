package tokencount

import "bytes"

// What a chat prompt costs beyond its texts, as OpenAI documents it for messages and as observed for the rest. These
// make estimates; the provider's usage report is the truth.
const (
	perMessage  = 3
	perName     = 1
	priming     = 3
	perToolCall = 4
	perFunction = 7
	perProperty = 3
	perEnum     = 3
	afterTools  = 12

	imageLow  = 85
	imageHigh = 765 // four tiles of 512 pixels square and the base

	// bytesPerAudioToken and bytesPerFileToken turn base64 bytes into tokens: ten tokens a second of 16 kHz PCM,
	// and a page of a PDF in some ten kilobytes.
	bytesPerAudioToken = 4300
	bytesPerFileToken  = 16

	maxSchemaDepth = 32
)

// tally is one count over JSON bytes: strings are counted where they lie, those with escapes in a scratch buffer.
type tally struct {
	table   *table
	scratch []byte
	tokens  int
}

func (c *Counter) tally(e Encoding) *tally {
	var t *tally
	select {
	case t = <-c.tallies:
	default:
		t = &tally{}
	}
	t.table, t.tokens = c.table(e), 0
	return t
}

// done gives the tokens of a tally that is not used any more.
func (c *Counter) done(t *tally) int {
	n := t.tokens
	if cap(t.scratch) <= maxKept {
		clear(t.scratch[:cap(t.scratch)]) // prompts do not stay in memory longer than they must
		select {
		case c.tallies <- t:
		default:
		}
	}
	return n
}

// CountChat estimates the prompt tokens of an OpenAI chat completion request from its JSON body: texts, names, tool
// calls and tools are counted exactly, their framing, images and files by OpenAI's published rules of thumb. It
// decodes nothing but the strings it counts. A body that is not JSON counts as far as it can be read.
func (c *Counter) CountChat(e Encoding, body []byte) int {
	t := c.tally(e)
	t.tokens = priming
	top, _ := enter(body, '{')
	for {
		key, value, ok := top.member()
		if !ok {
			return c.done(t)
		}
		switch string(key) {
		case "messages":
			t.messages(value)
		case "tools":
			t.tools(value, "function")
		case "functions":
			t.tools(value, "")
		case "response_format":
			t.format(value)
		}
	}
}

// CountInput counts the tokens of an OpenAI embeddings request from its JSON body: a text, several texts, tokens, or
// several lists of tokens.
func (c *Counter) CountInput(e Encoding, body []byte) int {
	t := c.tally(e)
	top, _ := enter(body, '{')
	for {
		key, value, ok := top.member()
		if !ok {
			return c.done(t)
		}
		if string(key) == "input" {
			t.input(value, 0)
		}
	}
}

func (t *tally) input(value []byte, depth int) {
	list, ok := enter(value, '[')
	if !ok {
		if _, isText := inner(value); isText {
			t.text(value)
		} else if depth > 0 {
			t.tokens++ // a token by its number
		}
		return
	}
	for depth < 2 {
		element, ok := list.element()
		if !ok {
			return
		}
		t.input(element, depth+1)
	}
}

// text counts a string value; other values count nothing.
func (t *tally) text(value []byte) {
	s, ok := inner(value)
	if !ok {
		return
	}
	if bytes.IndexByte(s, '\\') >= 0 {
		t.scratch = unescape(t.scratch[:0], s)
		s = t.scratch
	}
	t.tokens += t.table.count(s)
}

func (t *tally) messages(value []byte) {
	list, _ := enter(value, '[')
	for {
		message, ok := list.element()
		if !ok {
			return
		}
		t.tokens += perMessage
		members, _ := enter(message, '{')
		for {
			key, value, ok := members.member()
			if !ok {
				break
			}
			switch string(key) {
			case "role", "refusal", "reasoning_content":
				t.text(value)
			case "name":
				t.tokens += perName
				t.text(value)
			case "content":
				t.content(value)
			case "tool_calls":
				t.calls(value)
			case "function_call":
				t.call(value)
			}
		}
	}
}

// content counts a text or a list of parts.
func (t *tally) content(value []byte) {
	list, ok := enter(value, '[')
	if !ok {
		t.text(value)
		return
	}
	for {
		part, ok := list.element()
		if !ok {
			return
		}
		members, _ := enter(part, '{')
		for {
			key, value, ok := members.member()
			if !ok {
				break
			}
			switch string(key) {
			case "text", "refusal":
				t.text(value)
			case "image_url":
				t.image(value)
			case "input_audio":
				t.tokens += (len(value) + bytesPerAudioToken - 1) / bytesPerAudioToken
			case "file":
				t.tokens += (len(value) + bytesPerFileToken - 1) / bytesPerFileToken
			}
		}
	}
}

func (t *tally) image(value []byte) {
	cost := imageHigh
	members, _ := enter(value, '{')
	for {
		key, value, ok := members.member()
		if !ok {
			break
		}
		if string(key) == "detail" && string(value) == `"low"` {
			cost = imageLow
		}
	}
	t.tokens += cost
}

func (t *tally) calls(value []byte) {
	list, _ := enter(value, '[')
	for {
		call, ok := list.element()
		if !ok {
			return
		}
		members, _ := enter(call, '{')
		for {
			key, value, ok := members.member()
			if !ok {
				break
			}
			switch string(key) {
			case "function", "custom":
				t.call(value)
			}
		}
	}
}

func (t *tally) call(value []byte) {
	members, ok := enter(value, '{')
	if !ok {
		return
	}
	t.tokens += perToolCall
	for {
		key, value, ok := members.member()
		if !ok {
			return
		}
		switch string(key) {
		case "name", "arguments", "input":
			t.text(value)
		}
	}
}

// tools counts function definitions, which lie in a member of each element, or are the elements.
func (t *tally) tools(value []byte, within string) {
	list, _ := enter(value, '[')
	some := false
	for {
		tool, ok := list.element()
		if !ok {
			break
		}
		some = true
		if within == "" {
			t.function(tool)
			continue
		}
		members, _ := enter(tool, '{')
		for {
			key, value, ok := members.member()
			if !ok {
				break
			}
			if string(key) == within {
				t.function(value)
			}
		}
	}
	if some {
		t.tokens += afterTools
	}
}

func (t *tally) function(value []byte) {
	t.tokens += perFunction
	members, _ := enter(value, '{')
	for {
		key, value, ok := members.member()
		if !ok {
			return
		}
		switch string(key) {
		case "name", "description":
			t.text(value)
		case "parameters":
			t.schema(value, 0)
		}
	}
}

// schema counts what a JSON Schema says in words: names, types, descriptions and enumerated values.
func (t *tally) schema(value []byte, depth int) {
	members, ok := enter(value, '{')
	if !ok || depth > maxSchemaDepth {
		return
	}
	for {
		key, value, ok := members.member()
		if !ok {
			return
		}
		switch string(key) {
		case "type", "description", "format", "pattern":
			if depth > 0 {
				t.text(value)
			}
		case "properties", "$defs", "definitions":
			t.properties(value, depth)
		case "items":
			t.schema(value, depth+1)
		case "anyOf", "oneOf", "allOf":
			list, _ := enter(value, '[')
			for element, ok := list.element(); ok; element, ok = list.element() {
				t.schema(element, depth+1)
			}
		case "enum":
			list, _ := enter(value, '[')
			for element, ok := list.element(); ok; element, ok = list.element() {
				t.tokens += perEnum
				t.text(element)
			}
		}
	}
}

func (t *tally) properties(value []byte, depth int) {
	members, _ := enter(value, '{')
	for {
		key, value, ok := members.member()
		if !ok {
			return
		}
		t.tokens += perProperty + t.table.count(key)
		t.schema(value, depth+1)
	}
}

// format counts the schema of a json_schema answer format.
func (t *tally) format(value []byte) {
	members, _ := enter(value, '{')
	for {
		key, value, ok := members.member()
		if !ok {
			return
		}
		if string(key) == "json_schema" {
			t.tokens += t.table.count(value)
		}
	}
}
