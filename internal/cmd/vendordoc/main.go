// Command vendordoc writes the list of docs/vendors.md anew between its two markers, from the rules that translations act by. Run by go
// generate.
package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"starlane/internal/catalog/vendor"
	"starlane/internal/cmd/markers"
)

func main() {
	text, err := list()
	if err == nil {
		err = markers.Fill(os.Args[1:], "vendors", text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vendordoc:", err)
		os.Exit(1)
	}
}

// says is what a rule means; %s is its value.
var says = map[string]string{
	"thinking":        "told how much to think by %s",
	"efforts":         "knows the efforts %s",
	"thoughts_back":   "wants its thoughts back in `%s` of messages with tool calls",
	"call_ids":        "ids of tool calls have exactly %s letters and digits",
	"user_after_tool": "takes no user's message right behind a tool's",
	"tool_choice":     "its own words for `tool_choice`: %s",
	"parallel":        "does not know `parallel_tool_calls`",
	"strict":          "does not know `strict` of a function",
	"json_schema":     "cannot be bound to a JSON Schema; the schema becomes an instruction",
	"bound":           "calls the bound on an answer `%s`",
	"developer":       "does not know the role `developer`",
	"mid_system":      "takes no system message in the middle of a conversation",
	"image_urls":      "is not asked to look up pictures at addresses",
	"seed":            "calls the seed `%s`",
	"stops":           "stop strings: %s at most",
	"stream_options":  "does not know `stream_options`; the usage of a stream comes without",
	"keeps":           "also takes %s",
	"cache_control":   "takes `cache_control`, and charges for what is written to the cache",
	"charges":         "charges otherwise for requests with %s, so those are refused",
	"refuses":         "refuses %s",
	"adds":            "is always sent %s",
	"errors":          "its words for errors: %s",
	"finish":          "its reasons to finish: %s",
}

// ways are what the words of the rule thinking stand for.
var ways = map[string]string{
	"effort": "`reasoning_effort`", "type": "`thinking.type`", "enabled": "`reasoning.enabled`", "switch": "`enable_thinking` and `thinking_budget`",
	"template": "`chat_template_kwargs`", "reasoning": "`reasoning.effort` or `reasoning.max_tokens`",
}

// list prints a section for each vendor.
func list() (string, error) {
	var out strings.Builder
	for _, p := range vendor.All() {
		text, err := json.Marshal(p.Rules)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p.Name, err)
		}
		var rules map[string]vendor.Rule[any]
		if err := json.Unmarshal(text, &rules); err != nil {
			return "", fmt.Errorf("%s: %w", p.Name, err)
		}
		hosts := "by `vendor` alone"
		if len(p.Hosts) > 0 {
			hosts = "by base URLs at " + strings.Join(p.Hosts, ", ")
		}
		fmt.Fprintf(&out, "\n### %s\n`%s`, base URL `%s`; known %s.\n\n", p.Title, p.Name, p.BaseURL, hosts)
		for _, name := range slices.Sorted(maps.Keys(rules)) {
			what, known := says[name]
			if !known {
				return "", fmt.Errorf("no words for the rule %s", name)
			}
			if strings.Contains(what, "%s") {
				is := value(rules[name].Is)
				if name == "thinking" {
					is = ways[is]
				}
				what = fmt.Sprintf(what, is)
			}
			fmt.Fprintf(&out, "- %s ([source](%s))\n", what, rules[name].Source)
		}
	}
	out.WriteString("\n")
	return out.String(), nil
}

// value prints a value of a rule.
func value(v any) string {
	switch v := v.(type) {
	case map[string]any:
		if members, ok := v["members"]; ok {
			text := value(members)
			if models, ok := v["models"].([]any); ok {
				text += " (models with " + value(models) + ")"
			}
			if except, ok := v["except"].([]any); ok {
				text += " (all models but those with " + value(except) + ")"
			}
			return text
		}
		parts := make([]string, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			word := value(v[k])
			if word == "" {
				word = "none"
			}
			parts = append(parts, "`"+k+"` "+word)
		}
		return strings.Join(parts, ", ")
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = value(x)
		}
		return strings.Join(parts, ", ")
	default:
		return fmt.Sprint(v)
	}
}
