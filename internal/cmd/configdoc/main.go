// Command configdoc writes the configuration table of a document anew between its two markers, from the struct that reads
// the environment. Run by go generate.
package main

import (
	"fmt"
	"os"
	"strings"

	"starlane/internal/cmd/markers"
	"starlane/internal/platform/config"
)

func main() {
	if err := markers.Fill(os.Args[1:], "config", table()); err != nil {
		fmt.Fprintln(os.Stderr, "configdoc:", err)
		os.Exit(1)
	}
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
