package wire

import (
	"bytes"
	"encoding/json"

	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Arguments is the JSON of a tool call's arguments as an object. Models write what is none now and then: it is kept where it can be
// seen, and ok is false.
func Arguments(t llm.Text) (object llm.Raw, ok bool) {
	plain, err := guard.Unquote(t)
	trimmed := bytes.TrimSpace([]byte(plain))
	switch {
	case err == nil && len(trimmed) == 0:
		return llm.Raw("{}"), true
	case err == nil && trimmed[0] == '{' && json.Valid(trimmed):
		return trimmed, true
	}
	var b Builder
	b.Open('{')
	b.Key("_invalid_json")
	b.Text(t)
	b.Close('}')
	return b.B, false
}
