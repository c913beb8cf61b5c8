package tokencount

import (
	"encoding/binary"
	"math/bits"
)

// noRank says that bytes are not a token.
const noRank = ^uint32(0)

const (
	// maxShort and maxMid are the longest tokens whose bytes and length fit one and two machine words.
	maxShort = 7
	maxMid   = 15
	// maxToken is the longest token of any vocabulary, in bytes.
	maxToken = 128
)

const (
	mixLow  = 0x9e3779b97f4a7c15
	mixHigh = 0xc2b2ae3d27d4eb4f
)

// ranks finds the rank of a token by its bytes: three open-addressed tables by length, and a plain array for the two
// bytes that every merge starts from. A slot with key zero is empty, as keys hold the token's length.
type ranks struct {
	shortKeys []uint64
	shortRank []uint32
	midKeys   [][2]uint64
	midRank   []uint32
	longSlots []longSlot
	blob      string
	count     int
	pairs     []uint32
}

// longSlot points to a token of more than maxMid bytes in the rank file; length zero is an empty slot.
type longSlot struct {
	offset uint32
	rank   uint32
	length uint32
}

// newRanks builds the tables from a rank file: tokens in order of rank, each as a length byte and its bytes.
func newRanks(file string) *ranks {
	var short, mid, long int
	for i := 0; i < len(file); i += int(file[i]) + 1 {
		switch n := file[i]; {
		case n <= maxShort:
			short++
		case n <= maxMid:
			mid++
		default:
			long++
		}
	}
	r := &ranks{blob: file, pairs: make([]uint32, 1<<16)}
	for i := range r.pairs {
		r.pairs[i] = noRank
	}
	r.shortKeys = make([]uint64, tableSize(short))
	r.shortRank = make([]uint32, len(r.shortKeys))
	r.midKeys = make([][2]uint64, tableSize(mid))
	r.midRank = make([]uint32, len(r.midKeys))
	r.longSlots = make([]longSlot, tableSize(long))
	var word [maxMid + 1]byte
	rank := uint32(0)
	for i := 0; i < len(file); rank++ {
		n := int(file[i])
		token := file[i+1 : i+1+n]
		switch {
		case n <= maxMid:
			word = [maxMid + 1]byte{}
			copy(word[:], token)
			r.addPacked(binary.LittleEndian.Uint64(word[:]), binary.LittleEndian.Uint64(word[8:]), n, rank)
		default:
			r.addLong(uint32(i+1), n, rank)
		}
		i += n + 1
	}
	r.count = int(rank)
	return r
}

// tableSize gives a power of two that holds n keys at a load of at most 5/8.
func tableSize(n int) int { return 1 << bits.Len(uint(max(n*8/5, 7))) }

func (r *ranks) addPacked(low, high uint64, n int, rank uint32) {
	if n == 2 {
		r.pairs[low&0xffff] = rank
	}
	if n <= maxShort {
		key := low | uint64(n)<<56
		at := slot(key*mixLow, len(r.shortKeys))
		for r.shortKeys[at] != 0 {
			at = (at + 1) & (len(r.shortKeys) - 1)
		}
		r.shortKeys[at], r.shortRank[at] = key, rank
		return
	}
	key := [2]uint64{low, high | uint64(n)<<56}
	at := slot(key[0]*mixLow^key[1]*mixHigh, len(r.midKeys))
	for r.midKeys[at][1] != 0 {
		at = (at + 1) & (len(r.midKeys) - 1)
	}
	r.midKeys[at], r.midRank[at] = key, rank
}

func (r *ranks) addLong(offset uint32, n int, rank uint32) {
	at := slot(hashLong(r.blob[offset:int(offset)+n]), len(r.longSlots))
	for r.longSlots[at].length != 0 {
		at = (at + 1) & (len(r.longSlots) - 1)
	}
	r.longSlots[at] = longSlot{offset, rank, uint32(n)}
}

// slot takes the table index from the upper bits of a product, where a multiplication mixes best.
func slot(h uint64, size int) int { return int((h ^ h>>29) >> 20 & uint64(size-1)) }

func hashLong[T string | []byte](b T) uint64 {
	h := uint64(len(b))
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := uint64(b[i]) | uint64(b[i+1])<<8 | uint64(b[i+2])<<16 | uint64(b[i+3])<<24 |
			uint64(b[i+4])<<32 | uint64(b[i+5])<<40 | uint64(b[i+6])<<48 | uint64(b[i+7])<<56
		h = (h ^ w) * mixLow
		h ^= h >> 32
	}
	for ; i < len(b); i++ {
		h = (h ^ uint64(b[i])) * mixHigh
	}
	return h ^ h>>32
}

// load gives the up to eight bytes of text[i:i+n], zero-padded.
func load(text []byte, i, n int) uint64 {
	if i+8 <= len(text) {
		return binary.LittleEndian.Uint64(text[i:]) & (^uint64(0) >> (64 - 8*uint(n)))
	}
	var w uint64
	for k := n - 1; k >= 0; k-- {
		w = w<<8 | uint64(text[i+k])
	}
	return w
}

// rank gives the rank of the token text[i:j], or noRank; i < j.
func (r *ranks) rank(text []byte, i, j int) uint32 {
	n := j - i
	switch {
	case n <= maxShort:
		if at := r.findShort(load(text, i, n) | uint64(n)<<56); at >= 0 {
			return r.shortRank[at]
		}
	case n <= maxMid:
		if at := r.findMid(load(text, i, 8), midHigh(text, i, n)); at >= 0 {
			return r.midRank[at]
		}
	case n <= maxToken:
		return r.rankLong(text[i:j])
	}
	return noRank
}

// has tells whether text[i:j] is a token; i < j.
func (r *ranks) has(text []byte, i, j int) bool {
	n := j - i
	switch {
	case n <= maxShort:
		return r.findShort(load(text, i, n)|uint64(n)<<56) >= 0
	case n <= maxMid:
		return r.findMid(load(text, i, 8), midHigh(text, i, n)) >= 0
	case n <= maxToken:
		return r.rankLong(text[i:j]) != noRank
	}
	return false
}

// midHigh packs the bytes of a token after the eighth with its length; a token of eight bytes has none.
func midHigh(text []byte, i, n int) uint64 {
	if n == 8 {
		return 8 << 56
	}
	return load(text, i+8, n-8) | uint64(n)<<56
}

func (r *ranks) findShort(key uint64) int {
	keys := r.shortKeys
	for at := slot(key*mixLow, len(keys)); ; at = (at + 1) & (len(keys) - 1) {
		if keys[at] == key {
			return at
		}
		if keys[at] == 0 {
			return -1
		}
	}
}

func (r *ranks) findMid(low, high uint64) int {
	keys := r.midKeys
	for at := slot(low*mixLow^high*mixHigh, len(keys)); ; at = (at + 1) & (len(keys) - 1) {
		k := &keys[at]
		if k[1] == high && k[0] == low {
			return at
		}
		if k[1] == 0 {
			return -1
		}
	}
}

func (r *ranks) rankLong(token []byte) uint32 {
	for at := slot(hashLong(token), len(r.longSlots)); ; at = (at + 1) & (len(r.longSlots) - 1) {
		s := &r.longSlots[at]
		if s.length == 0 {
			return noRank
		}
		if int(s.length) == len(token) && r.blob[s.offset:s.offset+s.length] == string(token) {
			return s.rank
		}
	}
}
