// Package markers replaces the generated part of a document that people write.
package markers

import (
	"bytes"
	"fmt"
	"os"
)

// Fill writes text between the two markers of a name in the only file that args name. Errors say what is missing.
func Fill(args []string, name, text string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: the command and one FILE")
	}
	begin, end := "<!-- "+name+":begin (written by go generate; do not edit) -->\n", "<!-- "+name+":end -->"
	doc, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read document: %w", err)
	}
	head, rest, ok := bytes.Cut(doc, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("%s: the markers %s:begin and %s:end are not found", args[0], name, name)
	}
	out := append(bytes.Clone(head), begin+text+end...)
	if err := os.WriteFile(args[0], append(out, tail...), 0o644); err != nil {
		return fmt.Errorf("write document: %w", err)
	}
	return nil
}
