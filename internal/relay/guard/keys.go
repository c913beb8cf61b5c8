package guard

import (
	"encoding/json"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// keySet remembers folded keys by hash. Two different keys with one hash are refused as if they were equal: it takes
// somebody who looks for them, and hurts only that request.
type keySet struct {
	few  [48]uint64
	n    int
	more map[uint64]struct{}
}

// add tells whether the hash is new.
func (k *keySet) add(h uint64) bool {
	if k.n < len(k.few) {
		for _, have := range k.few[:k.n] {
			if have == h {
				return false
			}
		}
		k.few[k.n] = h
		k.n++
		return true
	}
	if k.more == nil {
		k.more = make(map[uint64]struct{}, 4*len(k.few))
		for _, have := range k.few {
			k.more[have] = struct{}{}
		}
	}
	if _, ok := k.more[h]; ok {
		return false
	}
	k.more[h] = struct{}{}
	return true
}

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// topKey checks a top-level key, given as it stands between its quotes, and returns the index of its name, or -1.
func (s *scanner) topKey(raw []byte, plain bool) (int, error) {
	hash, ascii := uint64(fnvOffset), plain
	if plain {
		for _, c := range raw {
			if c >= utf8.RuneSelf {
				ascii = false
				break
			}
			hash = (hash ^ uint64(lower(c))) * fnvPrime
		}
	}
	var folded string
	if !ascii {
		folded = foldKey(raw)
		hash = fnvOffset
		for i := range len(folded) {
			hash = (hash ^ uint64(folded[i])) * fnvPrime
		}
	}
	at, exact := s.match(raw, folded, ascii)
	if !s.keys.add(hash) {
		return 0, &KeyError{Name: s.name(at), Reason: "the request names a key twice"}
	}
	if at >= 0 && !exact {
		return 0, &KeyError{Name: s.name(at), Reason: "the request spells a key in a way that readers may understand differently"}
	}
	return at, nil
}

var errDisguised = &KeyError{Reason: "the request spells a key, or a word of the API, in a way that readers may understand differently"}

// judged tells the members, at any depth, by whose words it is decided what a request may ask for and what it costs.
func judged(key []byte) bool {
	switch string(key) {
	case "type", "ttl", "modalities", "anthropic_beta":
		return true
	}
	return false
}

// disguised tells whether a key or a word has letters, digits or underscores written as escapes. No encoder does that: it hides a
// member, or what it says, from readers that compare texts as they stand.
func disguised(raw []byte) bool {
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if i++; raw[i] != 'u' || i+4 >= len(raw) {
			continue
		}
		if c, err := strconv.ParseUint(string(raw[i+1:i+5]), 16, 16); err == nil && c < utf8.RuneSelf && (c == '_' || unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c))) {
			return true
		}
	}
	return false
}

func (s *scanner) name(at int) string {
	if at < 0 {
		return ""
	}
	return s.names[at]
}

// match finds the name that a key means, in any case, and whether it is spelt exactly so.
func (s *scanner) match(raw []byte, folded string, ascii bool) (at int, exact bool) {
	for i, name := range s.names {
		if ascii {
			if len(raw) == len(name) && (string(raw) == name || equalFold(raw, name)) {
				return i, string(raw) == name
			}
		} else if folded == name {
			return i, false
		}
	}
	return -1, false
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// equalFold compares with a name, which is in lower case.
func equalFold(raw []byte, name string) bool {
	for i, c := range raw {
		if lower(c) != name[i] {
			return false
		}
	}
	return true
}

// foldKey decodes a key and folds it as encoding/json does when it matches names: every rune stands for all runes of its
// simple folding, so that the long s and the Kelvin sign count as s and k.
func foldKey(raw []byte) string {
	quoted := append(append(append(make([]byte, 0, len(raw)+2), '"'), raw...), '"')
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		text = string(raw)
	}
	out := make([]rune, 0, len(text))
	for _, r := range text {
		out = append(out, foldRune(r))
	}
	return string(out)
}

// foldRune returns the letter in lower case for ASCII letters and what folds to them, else the smallest rune of the orbit.
func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if least < utf8.RuneSelf {
		return rune(lower(byte(least)))
	}
	return least
}
