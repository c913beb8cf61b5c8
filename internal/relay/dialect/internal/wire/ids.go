package wire

import (
	"crypto/sha256"
	"strconv"
	"strings"

	"starlane/internal/relay/llm"
)

// IDs gives the tool calls of one request names that an upstream takes: letters, digits, _ and -, at most so many bytes. The
// same call gets the same name, two calls two.
type IDs struct {
	most  int
	exact bool // they must have just that length, of letters and digits
	names map[string]string
	taken map[string]int // the number that the next call of the same name tries first
}

// NewIDs bounds the names in bytes.
func NewIDs(most int) IDs {
	return IDs{most: most, names: map[string]string{}, taken: map[string]int{}}
}

// NewExactIDs makes names of just so many letters and digits.
func NewExactIDs(length int) IDs {
	d := NewIDs(length)
	d.exact = true
	return d
}

// Name is the upstream's name of a call.
func (d *IDs) Name(id llm.Text) string {
	if name, ok := d.names[string(id)]; ok {
		return name
	}
	if d.exact {
		return d.exactly(id)
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

// exactly keeps an id that fits, which the upstream made itself, and makes one of the digest of any other.
func (d *IDs) exactly(id llm.Text) string {
	name := string(id)
	for n := 0; len(name) != d.most || !alphanumeric(name) || d.taken[name] > 0; n++ {
		sum := sha256.Sum256(strconv.AppendInt(append(append([]byte(nil), id...), ' '), int64(n), 10))
		digits := make([]byte, d.most)
		for i := range digits {
			digits[i] = base62[int(sum[i%len(sum)])%len(base62)]
		}
		name = string(digits)
	}
	d.names[string(id)] = name
	d.taken[name] = 1
	return name
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func alphanumeric(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(base62, r) })
}
