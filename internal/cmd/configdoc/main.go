// Command configdoc writes the configuration table of a document anew between its two markers, from the struct that reads
// the environment. Run by go generate.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"starlane/internal/platform/config"
)

const (
	begin = "<!-- config:begin (written by go generate; do not edit) -->\n"
	end   = "<!-- config:end -->"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "configdoc:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: configdoc FILE")
	}
	doc, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read document: %w", err)
	}
	head, rest, ok := bytes.Cut(doc, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("%s: markers not found", args[0])
	}
	out := append(bytes.Clone(head), begin+table()+end...)
	if err := os.WriteFile(args[0], append(out, tail...), 0o644); err != nil {
		return fmt.Errorf("write document: %w", err)
	}
	return nil
}

func table() string {
	var b strings.Builder
	b.WriteString("| variable | default | needed by | meaning |\n|---|---|---|---|\n")
	for _, f := range config.Fields() {
		name := "`" + f.Env + "`"
		if f.Secret {
			name += " (or `" + f.Env + "_FILE`)"
		}
		def := ""
		if f.Default != "" {
			def = "`" + f.Default + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, def, strings.Join(f.Roles, ", "), f.Help)
	}
	return b.String()
}
