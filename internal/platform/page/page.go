// Package page cuts long lists into pages by the key of the last item, so that a page costs the same wherever it lies.
package page

// Ask is a wish for part of a list. After is the key that the page before ended with; empty is the beginning.
type Ask struct {
	After string
	Limit int
}

// Fetch is how many rows to read: one more than asked for tells whether there is another page.
func (a Ask) Fetch() int { return a.Limit + 1 }

// List is a page. Next is the key to go on after; empty at the end.
type List[T any] struct {
	Items []T
	Next  string
}

// Cut makes a page of up to Fetch rows.
func Cut[T any](a Ask, rows []T, key func(*T) string) List[T] {
	if len(rows) <= a.Limit {
		return List[T]{Items: rows}
	}
	return List[T]{Items: rows[:a.Limit], Next: key(&rows[a.Limit-1])}
}
