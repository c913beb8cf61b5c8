package gemini

import (
	"slices"
	"strconv"
	"strings"

	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// pieces makes JSON that grows of the arguments of a call where Vertex AI tells them value by value, each with its path. It takes it
// that values come in the order of the text: what goes back into an object that has ended cannot be told in pieces.
type pieces struct {
	block  int
	path   []step          // to the last value; the objects and lists on it are open
	seen   map[string]bool // paths of all that has begun
	said   bool            // the last value is a text that goes on
	broken bool
	out    []byte
}

// step is a member of an object or an element of a list.
type step struct {
	key  string // as it stands between the quotes of its JSON string
	list bool
}

func (s step) bracket() (open, shut byte) {
	if s.list {
		return '[', ']'
	}
	return '{', '}'
}

// parsePath reads a path such as $.a['b c'][0].
func parsePath(t llm.Text) (path []step) {
	plain, err := guard.Unquote(t)
	rest, ok := strings.CutPrefix(plain, "$")
	if err != nil || !ok {
		return nil
	}
	for rest != "" {
		var key string
		switch {
		case len(path) == guard.MaxDepth:
			return nil
		case strings.HasPrefix(rest, "['"), strings.HasPrefix(rest, `["`):
			end := strings.Index(rest, rest[1:2]+"]")
			if end < 2 {
				return nil
			}
			key, rest = rest[2:end], rest[end+2:]
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if _, err := strconv.ParseUint(rest[1:max(end, 1)], 10, 31); err != nil {
				return nil
			}
			path = append(path, step{rest[1:end], true})
			rest = rest[end+1:]
			continue
		case rest[0] == '.':
			rest = rest[1:]
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			key, rest = rest[:end], rest[end:]
		default:
			return nil
		}
		path = append(path, step{string(wire.Escape(nil, key)), false})
	}
	if len(path) > 0 && path[0].list {
		return nil // arguments are an object
	}
	return path
}

// add reads a partial argument and appends what it adds to the JSON.
func (p *pieces) add(c *guard.Cursor) {
	var path []step
	var value llm.Raw
	text, more := false, false
	wire.Object(c, func(k string) {
		switch camel(k) {
		case "jsonPath":
			path = parsePath(wire.Text(c))
		case "stringValue":
			value, text = llm.Raw(wire.Text(c)), true
		case "numberValue", "boolValue":
			value = llm.Raw(c.Raw())
		case "nullValue":
			value = llm.Raw("null")
			c.Skip()
		case "willContinue":
			more = isTrue(c)
		default:
			c.Skip()
		}
	})
	if value == nil && !text {
		return // announces a value
	}
	if !p.said || !text || !slices.Equal(path, p.path) {
		if p.enter(path); p.broken {
			return
		}
		if text {
			p.out = append(p.out, '"')
		}
	}
	p.out = append(p.out, value...)
	if p.said = text && more; text && !more {
		p.out = append(p.out, '"')
	}
}

// enter leaves what is behind the last value and begins what leads to the next one.
func (p *pieces) enter(path []step) {
	p.shutText()
	same := 0
	for same < min(len(path), len(p.path)) && path[same] == p.path[same] {
		same++
	}
	if len(path) == 0 || same == len(path) || len(p.path) > 0 && (same == len(p.path) || path[same].list != p.path[same].list) {
		p.broken = true
		return
	}
	for i := len(p.path) - 1; i > same; i-- {
		_, shut := p.path[i].bracket()
		p.out = append(p.out, shut)
	}
	if len(p.path) > 0 {
		p.out = append(p.out, ',')
	}
	for i := same; i < len(path); i++ {
		if i > same || len(p.path) == 0 {
			open, _ := path[i].bracket()
			p.out = append(p.out, open)
		}
		if !path[i].list {
			p.out = append(append(append(p.out, '"'), path[i].key...), '"', ':')
		}
		name := nameOf(path[:i+1])
		if p.seen[name] {
			p.broken = true
			return
		}
		p.seen[name] = true
	}
	p.path = path
}

// nameOf tells paths apart.
func nameOf(path []step) string {
	var b strings.Builder
	for _, s := range path {
		b.WriteByte('"') // no key has one that is not escaped
		b.WriteString(s.key)
	}
	return b.String()
}

func (p *pieces) shutText() {
	if p.said {
		p.said = false
		p.out = append(p.out, '"')
	}
}

// end appends what is missing of the JSON.
func (p *pieces) end() {
	p.shutText()
	for i := len(p.path) - 1; i >= 0; i-- {
		_, shut := p.path[i].bracket()
		p.out = append(p.out, shut)
	}
	if len(p.path) == 0 {
		p.out = append(p.out, "{}"...)
	}
}

// more tells what a chunk adds to the open call, and its end if that was all.
func (r *reader) more(partial *guard.Cursor, goesOn bool, to llm.Sink) {
	wire.List(partial, func() {
		if r.pieces.broken {
			partial.Skip()
			return
		}
		r.pieces.add(partial)
	})
	r.flushPieces(to)
	if !goesOn {
		r.endCall(true, to)
	}
}

// endCall closes the open call; one that was cut off stays as it is.
func (r *reader) endCall(whole bool, to llm.Sink) {
	p := r.pieces
	if p == nil {
		return
	}
	if whole && !p.broken {
		p.end()
		r.flushPieces(to)
	}
	r.broken = r.broken || p.broken
	r.take(to, llm.Event{Kind: llm.Close, Block: p.block, What: llm.ToolCall})
	r.pieces = nil
}

func (r *reader) flushPieces(to llm.Sink) {
	if p := r.pieces; len(p.out) > 0 && !p.broken {
		r.take(to, llm.Event{Kind: llm.Delta, Block: p.block, What: llm.ToolCall, Text: wire.Escape(nil, p.out)})
		p.out = p.out[:0]
	}
}
