package anthropic

import (
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// stated is a tool that the vendor's models know without a schema, and that the client runs. Other models are told what it does and
// what it takes, and the client runs their calls as it runs Claude's.
type stated struct{ does, takes string }

const (
	asText  = `{"type":"string"}`
	asRange = `{"type":"array","items":{"type":"integer"},"description":"first and last line, from 1; -1 is the end"}`
	asLine  = `{"type":"integer","description":"the text goes behind this line; 0 is the beginning"}`
)

// takesCommand is the schema of a tool of several commands; members are further properties.
func takesCommand(commands, required, members string) string {
	return `{"type":"object","properties":{"command":{"type":"string","enum":[` + commands + `]},` + members + `},"required":["command"` + required + `]}`
}

//nolint:gochecknoglobals // constant tables
var (
	shell = stated{
		"Runs a command in a shell that stays open between calls; restart begins a new one.",
		`{"type":"object","properties":{"command":` + asText + `,"restart":{"type":"boolean"}}}`,
	}
	editor = stated{
		"Views and edits files. view shows a file or what is in a directory; create writes file_text to a new file; str_replace puts new_str into the place of old_str, which must stand in the file exactly once; insert puts insert_text behind a line.",
		takesCommand(`"view","create","str_replace","insert"`, `,"path"`, `"path":`+asText+`,"file_text":`+asText+`,"old_str":`+asText+`,"new_str":`+asText+`,"insert_line":`+asLine+`,"insert_text":`+asText+`,"view_range":`+asRange),
	}
	oldEditor = stated{ // of versions before 20250728
		"Views and edits files. view shows a file or what is in a directory; create writes file_text to a new file; str_replace puts new_str into the place of old_str, which must stand in the file exactly once; insert puts new_str behind a line; undo_edit takes the last edit back.",
		takesCommand(`"view","create","str_replace","insert","undo_edit"`, `,"path"`, `"path":`+asText+`,"file_text":`+asText+`,"old_str":`+asText+`,"new_str":`+asText+`,"insert_line":`+asLine+`,"view_range":`+asRange),
	}
	memory = stated{
		"Keeps notes in files below /memories from one conversation to the next. view shows a file or what is in a directory; create writes file_text; str_replace puts new_str into the place of old_str; insert puts insert_text behind a line; delete removes path; rename moves old_path to new_path.",
		takesCommand(`"view","create","str_replace","insert","delete","rename"`, ``, `"path":`+asText+`,"file_text":`+asText+`,"old_str":`+asText+`,"new_str":`+asText+`,"insert_line":`+asLine+`,"insert_text":`+asText+`,"view_range":`+asRange+`,"old_path":`+asText+`,"new_path":`+asText),
	}
)

// firstEditor is the first version of the editor whose insert takes insert_text.
const firstEditor = "text_editor_20250728"

// statedTool is the tool of a type, nil if it is none that a client runs.
func statedTool(kind string) *stated {
	switch family(kind) {
	case "bash":
		return &shell
	case "text_editor":
		if kind < firstEditor {
			return &oldEditor
		}
		return &editor
	case "memory":
		return &memory
	}
	return nil
}

// state says a tool in words that all models know.
func (s *stated) state(t *llm.Tool, raw llm.Raw) {
	t.Description, t.Schema, t.Own = wire.Escape(nil, []byte(s.does)), llm.Raw(s.takes), raw
}

// typeOf is the type of a tool; empty for one with a schema.
func typeOf(c guard.Cursor) (kind string) {
	wire.Object(&c, func(k string) {
		if k == "type" {
			kind = string(wire.Text(&c))
			return
		}
		c.Skip()
	})
	return kind
}
