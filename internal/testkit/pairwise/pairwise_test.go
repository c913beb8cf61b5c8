package pairwise

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Every pair is there, no case is there twice, and there are not many more cases than two dimensions alone would need.
func TestCover(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 12), 2, 5).Draw(t, "sizes")
		cases := Cover(sizes...)
		newPairs(sizes).each(func(p pair) bool {
			if !slices.ContainsFunc(cases, func(row []int) bool { return row[p.d] == p.v && row[p.e] == p.w }) {
				t.Fatalf("sizes %v: no case has %+v", sizes, p)
			}
			return true
		})
		sorted := slices.Sorted(slices.Values(sizes))
		if largest := sorted[len(sorted)-1] * sorted[len(sorted)-2]; len(cases) > 2*largest+10 {
			t.Errorf("sizes %v: %d cases, two dimensions need %d", sizes, len(cases), largest)
		}
		if again := Cover(sizes...); !slices.EqualFunc(cases, again, slices.Equal) {
			t.Errorf("sizes %v: not the same cases again", sizes)
		}
	})
}
