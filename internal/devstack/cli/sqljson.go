package cli

import (
	"encoding/json"
	"io"
	"strings"
)

// writeJSONRows prints one object per row and line, columns in the order of the query. Numbers stay as exact as Postgres wrote them.
func writeJSONRows(out io.Writer, header []string, rows [][]string, nulls [][]bool, numeric []bool) error {
	var b strings.Builder
	for r, row := range rows {
		b.WriteByte('{')
		for i, v := range row {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(quote(header[i]) + ": ")
			switch {
			case nulls[r][i]:
				b.WriteString("null")
			case numeric[i] && json.Valid([]byte(v)):
				b.WriteString(v)
			default:
				b.WriteString(quote(v))
			}
		}
		b.WriteString("}\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func quote(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(data)
}
