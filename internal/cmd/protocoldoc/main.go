// Command protocoldoc writes the tables of docs/protocols.md anew between their markers, from the table of fates that the
// translations act by and from the list of pitfalls that their tests cover. Run by go generate.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"starlane/internal/cmd/markers"
	"starlane/internal/relay/dialect/fate"
)

func main() {
	for name, text := range map[string]string{"fates": tables(), "pitfalls": pitfalls()} {
		if err := markers.Fill(os.Args[1:], name, text); err != nil {
			fmt.Fprintln(os.Stderr, "protocoldoc:", err)
			os.Exit(1)
		}
	}
}

func pitfalls() string {
	var out strings.Builder
	out.WriteString("\n| | | shown by |\n|---|---|---|\n")
	for _, p := range fate.Pitfalls() {
		where := "golden cases"
		if p.Where != "" {
			where = "`" + p.Where + "`"
		}
		fmt.Fprintf(&out, "| %d | %s | %s |\n", p.Number, p.Says, where)
	}
	out.WriteString("\n")
	return out.String()
}

// tables prints one table for each client format, with a column for each upstream's.
func tables() string {
	var out strings.Builder
	rows := fate.Table()
	var clients []string
	for _, r := range rows {
		if !slices.Contains(clients, r.Client) {
			clients = append(clients, r.Client)
		}
	}
	for _, client := range clients {
		table(&out, client, slices.DeleteFunc(slices.Clone(rows), func(r fate.Row) bool { return r.Client != client }))
	}
	return out.String()
}

func table(out *strings.Builder, client string, rows []fate.Row) {
	var upstreams []string
	for _, r := range rows {
		for upstream := range r.To {
			if !slices.Contains(upstreams, upstream) {
				upstreams = append(upstreams, upstream)
			}
		}
	}
	slices.Sort(upstreams)
	fmt.Fprintf(out, "\n### Requests in the format `%s`\n\n| member | %s | |\n|---|%s---|\n", client,
		strings.Join(each(upstreams, func(u string) string { return "to `" + u + "`" }), " | "), strings.Repeat("---|", len(upstreams)))
	for _, r := range rows {
		cells := each(upstreams, func(u string) string {
			if f, ok := r.At(u); ok {
				return f.String()
			}
			return ""
		})
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", r.Field, strings.Join(cells, " | "), r.Note)
	}
	out.WriteString("\n")
}

func each(list []string, f func(string) string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = f(s)
	}
	return out
}
