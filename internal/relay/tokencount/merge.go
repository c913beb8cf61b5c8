package tokencount

import (
	"math/bits"
	"slices"
)

const (
	// maxScan is the longest piece in bytes that is merged by scanning for the lowest rank.
	maxScan = 32
	// window bounds the memory of one merge: a piece of more bytes is counted window by window, which may count a
	// few tokens more per window than one merge would. No text that means something has such pieces.
	window = 256 << 10
	// maxKept is the longest piece in bytes whose scratch memory is kept for reuse.
	maxKept = 32 << 10
)

// scratch is the memory of a long merge, kept for reuse.
type scratch struct {
	// prev and next link the parts by their first bytes; rank is that of a part joined with the next.
	prev, next []int32
	rank       []uint32
	// head gives for a rank the newest of the pairs that have it: its index in pairs, plus one.
	head  []uint32
	pairs []pair
	// heap holds the ranks that have pairs, each once.
	heap []uint32
	// order is a stack of runs of positions: the pairs of the ranks that are being merged.
	order []int32
	parts int
	// steps counts table looks, heap moves and comparisons: the bound on work that a test can hold on to.
	steps int
}

// pair is a possible merge at a position, and the next older one of the same rank.
type pair struct {
	at    int32
	older uint32
}

// countPiece gives the number of tokens of the piece text[i:j], which is not a token itself.
func (t *table) countPiece(text []byte, i, j int) int {
	if j-i <= maxScan {
		return t.ranks.mergeScan(text, i, j)
	}
	s := t.borrow()
	n := 0
	for ; j-i > window; i += window {
		n += t.ranks.mergeLong(s, text, i, i+window)
	}
	n += t.ranks.mergeLong(s, text, i, j)
	t.giveBack(s)
	return n
}

// borrow and giveBack keep a few scratch memories for good: a pool that the garbage collector empties would have them
// made anew all the time.
func (t *table) borrow() *scratch {
	select {
	case s := <-t.scratch:
		return s
	default:
		return &scratch{head: make([]uint32, t.ranks.count)}
	}
}

func (t *table) giveBack(s *scratch) {
	if cap(s.prev) > maxKept {
		return
	}
	select {
	case t.scratch <- s:
	default:
	}
}

// mergeScan merges a short piece on the stack.
func (r *ranks) mergeScan(text []byte, i, j int) int {
	var start [maxScan + 1]int32
	var rank [maxScan]uint32
	parts := j - i
	for k := range parts {
		start[k] = int32(i + k)
		rank[k] = noRank
		if k+1 < parts {
			rank[k] = r.pairs[uint16(text[i+k])|uint16(text[i+k+1])<<8]
		}
	}
	start[parts] = int32(j)
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

// mergeLong merges a piece in n log n at worst, and in little more than n where ranks repeat, as they do in all long
// pieces that one can think of: pairs are kept by rank, so that a heap orders ranks instead of pairs.
//
// Merging must take the lowest rank first and the leftmost pair among equals. A merge of rank r makes only pairs whose
// bytes contain the merged token and more. So it adds no pair of rank r while rank r is being merged; it can add pairs
// of lower ranks, which go first, and again only make longer ones: drain nests no deeper than tokens are long.
func (r *ranks) mergeLong(s *scratch, text []byte, i, j int) int {
	n := j - i
	s.grow(n)
	text = text[i:] // with the bytes after the piece, so that words can be loaded at once
	for k := range n - 1 {
		s.prev[k], s.next[k] = int32(k-1), int32(k+1)
		s.add(int32(k), r.pairs[uint16(text[k])|uint16(text[k+1])<<8])
	}
	s.prev[n-1], s.next[n-1], s.rank[n-1] = int32(n-2), int32(n), noRank
	s.parts = n
	s.steps += n
	s.drain(r, text, noRank)
	return s.parts
}

// drain merges all pairs of ranks below the limit.
func (s *scratch) drain(r *ranks, text []byte, limit uint32) {
	for len(s.heap) > 0 && s.heap[0] < limit {
		rank := s.pop()
		start := s.collect(rank)
		for k, end := start, len(s.order); k < end; k++ {
			a := s.order[k]
			if s.rank[a] != rank {
				continue // this pair has changed since
			}
			s.merge(r, text, a)
			if len(s.heap) > 0 && s.heap[0] < rank {
				s.drain(r, text, rank)
			}
		}
		s.order = s.order[:start]
	}
}

// collect moves the pairs of a rank to the end of order, from left to right, and gives the start of the run.
func (s *scratch) collect(rank uint32) int {
	start := len(s.order)
	for e := s.head[rank]; e != 0; e = s.pairs[e-1].older {
		s.order = append(s.order, s.pairs[e-1].at)
	}
	s.head[rank] = 0
	run := s.order[start:]
	slices.Reverse(run)
	s.steps += len(run)
	if !slices.IsSorted(run) {
		slices.Sort(run)
		s.steps += len(run) * bits.Len(uint(len(run)))
	}
	return start
}

// merge joins the part at a with the next one.
func (s *scratch) merge(r *ranks, text []byte, a int32) {
	b := s.next[a]
	c := s.next[b]
	s.rank[b] = noRank
	s.next[a] = c
	s.parts--
	s.rank[a] = noRank
	if int(c) < len(s.prev) {
		s.prev[c] = a
		s.look(r, text, a, s.next[c])
	}
	if p := s.prev[a]; p >= 0 {
		s.look(r, text, p, c)
	}
}

// look finds the rank of the pair that starts at a and ends before end.
func (s *scratch) look(r *ranks, text []byte, a, end int32) {
	s.steps++
	s.add(a, r.rank(text, int(a), int(end)))
}

func (s *scratch) add(a int32, rank uint32) {
	s.rank[a] = rank
	if rank == noRank {
		return
	}
	older := s.head[rank]
	s.pairs = append(s.pairs, pair{a, older})
	s.head[rank] = uint32(len(s.pairs))
	if older == 0 {
		s.push(rank)
	}
}

func (s *scratch) grow(n int) {
	if cap(s.prev) < n {
		s.prev, s.next, s.rank = make([]int32, n), make([]int32, n), make([]uint32, n)
		s.pairs = make([]pair, 0, 2*n)
	}
	s.prev, s.next, s.rank, s.pairs = s.prev[:n], s.next[:n], s.rank[:n], s.pairs[:0]
}

// fan is the number of children of a heap node: four lie in one cache line and halve the depth.
const fan = 4

func (s *scratch) push(rank uint32) {
	s.heap = append(s.heap, rank)
	h := s.heap
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / fan
		if h[up] <= rank {
			break
		}
		h[i] = h[up]
		i = up
		s.steps++
	}
	h[i] = rank
}

func (s *scratch) pop() uint32 {
	top, last := s.heap[0], s.heap[len(s.heap)-1]
	h := s.heap[:len(s.heap)-1]
	s.heap = h
	if len(h) == 0 {
		return top
	}
	i := 0
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
		if h[least] >= last {
			break
		}
		h[i] = h[least]
		i = least
		s.steps++
	}
	h[i] = last
	return top
}
