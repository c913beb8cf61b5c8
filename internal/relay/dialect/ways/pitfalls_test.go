package ways

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/dialect/fate"
)

// root is the checkout, as seen from this package.
const root = "../../../.."

var pitfall = regexp.MustCompile(`\(pitfall \d+\)`)

// TestEveryPitfallHasACase holds the list of pitfalls to the cases and to the tests that it names.
func TestEveryPitfallHasACase(t *testing.T) {
	t.Parallel()
	shown := map[string]string{} // the first case, by mark
	for _, path := range cases(t) {
		about, _ := readCase(t, path).get("about")
		for _, mark := range pitfall.FindAllString(about, -1) {
			shown[mark] = path
		}
	}
	last := 0
	for _, p := range fate.Pitfalls() {
		require.Greater(t, p.Number, last, "the list is in order")
		last = p.Number
		mark := fmt.Sprintf("(pitfall %d)", p.Number)
		if p.Where == "" {
			require.Contains(t, shown, mark, "no case shows: %s", p.Says)
		} else {
			file, test, _ := strings.Cut(p.Where, " ")
			src, err := os.ReadFile(filepath.Join(root, file))
			require.NoError(t, err)
			require.Contains(t, string(src), "\nfunc "+test+"(t *testing.T)", "%s has no such test", file)
		}
		delete(shown, mark)
	}
	require.Empty(t, shown, "cases that show what the list does not have")
}
