// Package pairwise makes few cases out of many dimensions: each value of one meets each value of every other at least once.
package pairwise

// Cover gives cases, each a value below sizes[d] for every dimension d. The same sizes give the same cases.
func Cover(sizes ...int) [][]int {
	open := newPairs(sizes)
	var cases [][]int
	for {
		row, ok := open.first()
		if !ok {
			return cases
		}
		for d := range row {
			if row[d] < 0 {
				row[d] = open.best(row, d, len(cases))
			}
		}
		open.cover(row)
		cases = append(cases, row)
	}
}

// pair is a value of one dimension with one of a later dimension.
type pair struct{ d, v, e, w int }

// pairs are those that no case has yet.
type pairs struct {
	sizes []int
	open  map[pair]bool
}

func newPairs(sizes []int) *pairs {
	p := &pairs{sizes: sizes, open: map[pair]bool{}}
	p.each(func(one pair) bool {
		p.open[one] = true
		return true
	})
	return p
}

// each visits all pairs in order for as long as visit wants more.
func (p *pairs) each(visit func(pair) bool) {
	for d, values := range p.sizes {
		for e := d + 1; e < len(p.sizes); e++ {
			for v := range values {
				for w := range p.sizes[e] {
					if !visit(pair{d, v, e, w}) {
						return
					}
				}
			}
		}
	}
}

// first begins a case with the first open pair; what is not settled yet is -1.
func (p *pairs) first() (row []int, ok bool) {
	p.each(func(one pair) bool {
		if ok = p.open[one]; ok {
			row = make([]int, len(p.sizes))
			for d := range row {
				row[d] = -1
			}
			row[one.d], row[one.e] = one.v, one.w
		}
		return !ok
	})
	return row, ok
}

// best is the value of a dimension that has the most open pairs with what the case has. Ties go to another value in each case,
// so that no value is had more often than the others.
func (p *pairs) best(row []int, d, turn int) int {
	best, most := 0, -1
	for i := range p.sizes[d] {
		v, n := (i+turn)%p.sizes[d], 0
		for e, w := range row {
			if w >= 0 && e != d && p.open[ordered(d, v, e, w)] {
				n++
			}
		}
		if n > most {
			best, most = v, n
		}
	}
	return best
}

func (p *pairs) cover(row []int) {
	for d := range row {
		for e := d + 1; e < len(row); e++ {
			delete(p.open, pair{d, row[d], e, row[e]})
		}
	}
}

func ordered(d, v, e, w int) pair {
	if d > e {
		return pair{e, w, d, v}
	}
	return pair{d, v, e, w}
}
