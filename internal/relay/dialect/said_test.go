package dialect

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/usage"
)

// TestSaidAtOnce: a text that comes in one piece counts like one that comes in many, however long it is.
func TestSaidAtOnce(t *testing.T) {
	t.Parallel()
	words := func(text []byte) usage.Tokens { return usage.Tokens(len(bytes.Fields(text))) }
	text := bytes.Repeat([]byte(`one\\ `), maxKept/3)
	var once, taken, pieces Said
	once.Add(text)
	taken.AddAll(&once)
	for piece := range bytes.SplitAfterSeq(text, []byte(" ")) {
		pieces.Add(piece)
	}
	for _, s := range []*Said{&once, &taken, &pieces} {
		require.InEpsilon(t, maxKept/3, s.Estimate(words), 0.01)
	}
}
