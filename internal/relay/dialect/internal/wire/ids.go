package wire

import (
	"strconv"

	"starlane/internal/relay/llm"
)

// IDs gives the tool calls of one request names that an upstream takes: letters, digits, _ and -, at most so many bytes. The
// same call gets the same name, two calls two.
type IDs struct {
	most  int
	names map[string]string
	taken map[string]int // the number that the next call of the same name tries first
}

// NewIDs bounds the names in bytes.
func NewIDs(most int) IDs {
	return IDs{most: most, names: map[string]string{}, taken: map[string]int{}}
}

// Name is the upstream's name of a call.
func (d *IDs) Name(id llm.Text) string {
	if name, ok := d.names[string(id)]; ok {
		return name
	}
	clean := make([]byte, 0, len(id))
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			c = '_'
		}
		clean = append(clean, c)
	}
	if len(clean) == 0 {
		clean = []byte("call")
	}
	base := string(clean[:min(len(clean), d.most)])
	name := base
	for d.taken[name] > 0 {
		d.taken[base]++
		suffix := "_" + strconv.Itoa(d.taken[base])
		name = base[:min(len(base), d.most-len(suffix))] + suffix
	}
	d.names[string(id)] = name
	d.taken[name] = max(d.taken[name], 1)
	return name
}
