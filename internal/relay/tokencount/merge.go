package tokencount

const (
	// maxScan is the longest piece in bytes that is merged by scanning for the lowest rank.
	maxScan = 48
	// window bounds the memory of one merge: a piece of more bytes is counted window by window, which may count a
	// few tokens more per window than one merge would. No text that means something has such pieces.
	window = 256 << 10
	// maxKept is the longest piece in bytes whose scratch memory is kept for reuse.
	maxKept = 32 << 10
)

// scratch is the memory of the heap merge, kept for reuse.
type scratch struct {
	prev, next []int32
	rank       []uint32
	heap       []candidate
	// steps counts heap moves and table looks: the bound on work that a test can hold on to.
	steps int
}

// candidate is a possible merge: the rank in the upper half, the position in the lower, so that plain order is the
// order of merging, the leftmost first among equals.
type candidate uint64

func (c candidate) at() int32    { return int32(c & 0x7fffffff) } //nolint:gosec // masked
func (c candidate) rank() uint32 { return uint32(c >> 32) }       //nolint:gosec // shifted

// countPiece gives the number of tokens of the piece text[i:j], which is not a token itself.
func (t *table) countPiece(text []byte, i, j int) int {
	if j-i <= maxScan {
		return t.ranks.mergeScan(text, i, j)
	}
	s, ok := t.scratch.Get().(*scratch)
	if !ok {
		s = &scratch{}
	}
	n := 0
	for ; j-i > window; i += window {
		n += t.ranks.mergeHeap(s, text, i, i+window)
	}
	n += t.ranks.mergeHeap(s, text, i, j)
	if cap(s.prev) <= maxKept {
		t.scratch.Put(s)
	}
	return n
}

// mergeScan merges a short piece on the stack.
func (r *ranks) mergeScan(text []byte, i, j int) int {
	var start [maxScan + 1]int32
	var rank [maxScan]uint32
	parts := j - i
	for k := range parts {
		start[k] = int32(i + k) //nolint:gosec // bodies are far below 2 GiB
		rank[k] = noRank
		if k+1 < parts {
			rank[k] = r.pairs[uint16(text[i+k])|uint16(text[i+k+1])<<8]
		}
	}
	start[parts] = int32(j) //nolint:gosec // as above
	for parts > 1 {
		low, at := noRank, 0
		for k, v := range rank[:parts-1] {
			if v < low {
				low, at = v, k
			}
		}
		if low == noRank {
			break
		}
		copy(start[at+1:parts], start[at+2:parts+1])
		copy(rank[at+1:parts-1], rank[at+2:parts])
		parts--
		rank[at] = noRank
		if at+1 < parts {
			rank[at] = r.rank(text, int(start[at]), int(start[at+2]))
		}
		if at > 0 {
			rank[at-1] = r.rank(text, int(start[at-1]), int(start[at+1]))
		}
	}
	return parts
}

// mergeHeap merges a piece in n log n.
func (r *ranks) mergeHeap(s *scratch, text []byte, i, j int) int {
	text = text[i:] // the bytes after the piece let words be loaded at once
	n := j - i
	s.grow(n)
	for k := range n {
		s.prev[k], s.next[k] = int32(k-1), int32(k+1) //nolint:gosec // n is at most window
		s.rank[k] = noRank
		if k+1 < n {
			if v := r.pairs[uint16(text[k])|uint16(text[k+1])<<8]; v != noRank {
				s.rank[k] = v
				s.heap = append(s.heap, candidate(v)<<32|candidate(k))
			}
		}
	}
	s.steps += n
	s.heapify()
	parts := n
	end := int32(n) //nolint:gosec // as above
	for len(s.heap) > 0 {
		top := s.pop()
		a := top.at()
		if s.rank[a] != top.rank() {
			continue // this pair has changed since
		}
		b := s.next[a]
		c := s.next[b]
		s.rank[b] = noRank
		s.next[a] = c
		parts--
		if c < end {
			s.prev[c] = a
			s.offer(r, text, a, s.next[c])
		} else {
			s.rank[a] = noRank
		}
		if p := s.prev[a]; p >= 0 {
			s.offer(r, text, p, c)
		}
	}
	return parts
}

// offer looks up the pair that starts at a and ends before end.
func (s *scratch) offer(r *ranks, text []byte, a, end int32) {
	s.steps++
	v := r.rank(text, int(a), int(end))
	s.rank[a] = v
	if v != noRank {
		s.push(candidate(v)<<32 | candidate(a)) //nolint:gosec // positions are not negative
	}
}

func (s *scratch) grow(n int) {
	if cap(s.prev) < n {
		s.prev, s.next, s.rank = make([]int32, n), make([]int32, n), make([]uint32, n)
		s.heap = make([]candidate, 0, n+n/4)
	}
	s.prev, s.next, s.rank, s.heap = s.prev[:n], s.next[:n], s.rank[:n], s.heap[:0]
}

// fan is the number of children of a heap node: four lie in one cache line and halve the depth.
const fan = 4

func (s *scratch) heapify() {
	for i := (len(s.heap)+fan-2)/fan - 1; i >= 0; i-- {
		s.down(i)
	}
}

func (s *scratch) push(c candidate) {
	s.heap = append(s.heap, c)
	h := s.heap
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / fan
		if h[up] <= c {
			break
		}
		h[i] = h[up]
		i = up
		s.steps++
	}
	h[i] = c
}

func (s *scratch) pop() candidate {
	h := s.heap
	top, last := h[0], h[len(h)-1]
	s.heap = h[:len(h)-1]
	if len(s.heap) > 0 {
		s.heap[0] = last
		s.down(0)
	}
	return top
}

func (s *scratch) down(i int) {
	h := s.heap
	c := h[i]
	for {
		first := i*fan + 1
		if first >= len(h) {
			break
		}
		least := first
		for k := first + 1; k < min(first+fan, len(h)); k++ {
			if h[k] < h[least] {
				least = k
			}
		}
		if h[least] >= c {
			break
		}
		h[i] = h[least]
		i = least
		s.steps++
	}
	h[i] = c
}
