package ways

import (
	"path/filepath"
	"strings"
	"testing"

	"starlane/internal/relay/dialect/fate"
)

// TestWarningsAreInTheClientsWords: what a warning or a refusal names is a row of the table for the client's format, or stands in the
// client's request.
func TestWarningsAreInTheClientsWords(t *testing.T) {
	t.Parallel()
	rows := map[string]bool{}
	for _, r := range fate.Table() {
		rows[r.Client+" "+r.Field] = true
	}
	for _, path := range cases(t) {
		g := readCase(t, path)
		client, _, _ := strings.Cut(filepath.Base(filepath.Dir(path)), "-")
		request, _ := g.get("request")
		warnings, _ := g.get("warnings")
		refused, _ := g.get("refused")
		var named []string
		for note := range strings.SplitSeq(warnings, ", ") {
			if _, field, ok := strings.Cut(note, ":"); ok {
				named = append(named, field)
			}
		}
		if _, rest, ok := strings.Cut(refused, "unsupported_parameter "); ok {
			field, _, _ := strings.Cut(rest, ":")
			named = append(named, field)
		}
		for _, field := range named {
			head, _, _ := strings.Cut(field, ".")
			head, _, _ = strings.Cut(head, "[")
			if !rows[client+" "+field] && !strings.Contains(request, `"`+head+`"`) && !strings.Contains(request, `"`+snakeOf(head)+`"`) {
				t.Errorf("%s: %q is not a word of the client's", path, field)
			}
		}
	}
}

func snakeOf(name string) string {
	var out strings.Builder
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			out.WriteByte('_')
			c += 'a' - 'A'
		}
		out.WriteRune(c)
	}
	return out.String()
}
