package openaichat

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
)

type ignores struct{}

func (ignores) Take(*llm.Event) {}

// TestRepeatsAreReadInTheirTime: the index of a choice is looked for once, also where its deltas repeat without end. Looked for with
// each of them it takes most of an hour to read this.
func TestRepeatsAreReadInTheirTime(t *testing.T) {
	t.Parallel()
	src := `{"id":"x","choices":[{` + strings.Repeat(`"delta":{},`, 250_000) + `"index":0}]}`
	require.Equal(t, dialect.Pass, Upstream{New()}.NewReader().Read([]byte(src), ignores{}))
}
