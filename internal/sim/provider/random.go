package provider

// random is a splitmix64 generator: tiny, seedable, and the same on every machine and Go version.
type random uint64

func newRandom(seed, stream uint64) random {
	r := random(seed ^ stream*0x9e3779b97f4a7c15)
	r.next()
	return r
}

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit gives a number in [0, 1).
func (r *random) unit() float64 { return float64(r.next()>>11) / (1 << 53) }

// below gives a number in [0, n).
func (r *random) below(n int) int {
	if n <= 0 {
		return 0
	}
	return int(r.next() % uint64(n))
}

// hashBytes is FNV-1a, continued from h.
func hashBytes[T string | []byte](h uint64, b T) uint64 {
	for i := range len(b) {
		h = (h ^ uint64(b[i])) * 0x100000001b3
	}
	return h
}

const hashStart = 0xcbf29ce484222325
