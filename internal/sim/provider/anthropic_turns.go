package provider

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	roleUser      = "user"
	roleAssistant = "assistant"
	roleSystem    = "system"
)

type inputMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// inputTurn is what one side said until the other spoke.
type inputTurn struct {
	role   string
	index  int // of its first message
	blocks []inputBlock
}

type inputBlock struct {
	Type         string          `json:"type"`
	Text         string          `json:"text"`
	Thinking     string          `json:"thinking"`
	Signature    *string         `json:"signature"`
	Data         string          `json:"data"`
	ID           string          `json:"id"`
	Name         string          `json:"name"`
	Input        json.RawMessage `json:"input"`
	ToolUseID    string          `json:"tool_use_id"`
	Content      json.RawMessage `json:"content"`
	Source       *mediaSource    `json:"source"`
	CacheControl *cacheControl   `json:"cache_control"`
	// Citations is a list on a text, and an object of settings elsewhere.
	Citations json.RawMessage `json:"citations"`

	path string
	// nested is the content of a tool result, search result or document.
	nested []inputBlock
}

type mediaSource struct {
	Type      string          `json:"type"`
	MediaType string          `json:"media_type"`
	Data      string          `json:"data"`
	URL       string          `json:"url"`
	FileID    string          `json:"file_id"`
	Content   json.RawMessage `json:"content"`
}

// UnmarshalJSON also takes the source of a search result, which is a text.
func (m *mediaSource) UnmarshalJSON(b []byte) error {
	if jsonType(b) == "string" {
		m.Type = "url"
		return json.Unmarshal(b, &m.URL)
	}
	type plain mediaSource
	return json.Unmarshal(b, (*plain)(m))
}

func (r *messageRequest) readSystem() *apiError {
	if jsonType(r.System) == "null" {
		return nil
	}
	var e *apiError
	r.system, e = readBlocks(r.System, "system", func(kind string) bool { return kind == "text" })
	return e
}

// readBlocks reads content that is a text or a list of blocks.
func readBlocks(raw json.RawMessage, path string, allowed func(kind string) bool) ([]inputBlock, *apiError) {
	if jsonType(raw) == "string" {
		b := inputBlock{Type: "text", path: path}
		if json.Unmarshal(raw, &b.Text) != nil {
			return nil, errBadJSON()
		}
		return []inputBlock{b}, nil
	}
	var blocks []inputBlock
	if jsonType(raw) != "array" {
		return nil, badMessage(path, "Input should be a valid string or list")
	}
	if err := json.Unmarshal(raw, &blocks); err != nil {
		e := anthropicShape(err)
		e.Message = path + "." + e.Message
		return nil, e
	}
	for i := range blocks {
		b := &blocks[i]
		b.path = path + "." + strconv.Itoa(i)
		if !allowed(b.Type) {
			return nil, badMessage(b.path, "Input tag '%s' found using 'type' does not match any of the expected tags", b.Type)
		}
		if e := b.read(); e != nil {
			return nil, e
		}
	}
	return blocks, nil
}

// read checks a block by itself and reads what it holds.
func (b *inputBlock) read() *apiError {
	switch b.Type {
	case "text":
		if b.Text == "" {
			return badMessage("", "messages: text content blocks must be non-empty")
		}
	case "image":
		return b.Source.checkImage(b.path + ".image.source")
	case "document":
		if b.Source == nil {
			return badMessage(b.path+".document.source", "Field required")
		}
		if b.Source.Type == "content" {
			var e *apiError
			b.nested, e = readBlocks(b.Source.Content, b.path+".document.source.content", insideResult)
			return e
		}
	case "tool_result", "search_result":
		if jsonType(b.Content) == "null" {
			return nil
		}
		var e *apiError
		b.nested, e = readBlocks(b.Content, b.path+"."+b.Type+".content", insideResult)
		return e
	case "tool_use":
		if !regexp.MustCompile(`^[a-zA-Z0-9_-]+$`).MatchString(b.ID) {
			return badMessage(b.path+".tool_use.id", "String should match pattern '^[a-zA-Z0-9_-]+$'")
		}
		if jsonType(b.Input) != "object" {
			return badMessage(b.path+".tool_use.input", "Input should be a valid dictionary")
		}
	}
	return nil
}

func insideResult(kind string) bool {
	switch kind {
	case "text", "image", "document", "search_result", "tool_reference":
		return true
	}
	return false
}

// inTurn says whether a block may stand in a turn; what servers' tools leave in a turn is taken as it comes.
func inTurn(kind string) bool {
	switch kind {
	case "text", "image", "document", "search_result", "tool_use", "tool_result", "thinking", "redacted_thinking",
		"server_tool_use", "container_upload", "mcp_tool_use", "mcp_tool_result", "compaction":
		return true
	}
	return strings.HasSuffix(kind, "_tool_result")
}

// readTurns reads the messages and puts neighbours of one role together.
func (r *messageRequest) readTurns() *apiError {
	for i, m := range r.Messages {
		path := "messages." + strconv.Itoa(i)
		switch m.Role {
		case roleUser, roleAssistant, roleSystem:
		case "":
			return badMessage(path+".role", "Field required")
		default:
			return badMessage(path+".role", "Input should be 'user', 'assistant' or 'system'")
		}
		if len(m.Content) == 0 {
			return badMessage(path+".content", "Field required")
		}
		blocks, e := readBlocks(m.Content, path+".content", inTurn)
		if e != nil {
			return e
		}
		empty := len(blocks) == 0 || len(blocks) == 1 && blocks[0].Type == "text" && blocks[0].Text == ""
		if empty && (m.Role != roleAssistant || i < len(r.Messages)-1) {
			return badMessage(path, "all messages must have non-empty content except for the optional final assistant message")
		}
		if n := len(r.turns); n > 0 && r.turns[n-1].role == m.Role && m.Role != roleSystem {
			r.turns[n-1].blocks = append(r.turns[n-1].blocks, blocks...)
			continue
		}
		r.turns = append(r.turns, inputTurn{role: m.Role, index: i, blocks: blocks})
	}
	return nil
}

// checkTurns holds the conversation to the order that the API demands.
func (s *Server) checkTurns(r *messageRequest) *apiError {
	for i, t := range r.turns {
		path := "messages." + strconv.Itoa(t.index)
		if r.version == withoutSampling {
			if e := t.checkPlaces(); e != nil {
				return e
			}
		}
		switch t.role {
		case roleSystem:
			if i == 0 || r.turns[i-1].role != roleUser || i+1 < len(r.turns) && r.turns[i+1].role != roleAssistant {
				return badMessage(path, "role 'system' is only allowed after a user message, at the end or before an assistant message")
			}
		case roleAssistant:
			if i == 0 {
				return badMessage("messages", "first message must use the \"user\" role")
			}
			if e := s.checkAssistant(r, i, path); e != nil {
				return e
			}
		case roleUser:
			if e := r.checkUser(i, path); e != nil {
				return e
			}
		}
	}
	return r.checkEnd()
}

// checkPlaces refuses what newer versions of the API do not take where it stands: documents that the model is to have
// said, and citations in what the user says.
func (t inputTurn) checkPlaces() *apiError {
	for _, b := range t.blocks {
		if t.role == roleAssistant && b.Type == "document" {
			return badMessage(b.path, "`document` blocks are not permitted in assistant messages")
		}
		inner := []inputBlock{b}
		if b.Type == "search_result" {
			inner = b.nested
		}
		for _, x := range inner {
			if t.role == roleUser && x.Type == "text" && jsonType(x.Citations) == "array" && string(x.Citations) != "[]" {
				return badMessage(x.path+".text.citations", "Extra inputs are not permitted")
			}
		}
	}
	return nil
}

func (s *Server) checkAssistant(r *messageRequest, at int, path string) *apiError {
	t := r.turns[at]
	var calls []string
	for _, b := range t.blocks {
		switch b.Type {
		case "tool_result":
			return badMessage(path, "`tool_result` blocks can only be in `user` messages")
		case "thinking":
			if b.Signature == nil {
				return badMessage(b.path+".thinking.signature", "Field required")
			}
			if !s.sealed(*b.Signature, sealThinking, b.Thinking) {
				return badMessage(b.path, "Invalid `signature` in `thinking` block")
			}
		case "redacted_thinking":
			if !s.sealed(b.Data, sealRedacted) {
				return badMessage(b.path, "Invalid `data` in `redacted_thinking` block")
			}
		case "tool_use":
			if slices.Contains(calls, b.ID) {
				return badMessage(b.path, "`tool_use` ids must be unique")
			}
			calls = append(calls, b.ID)
		}
	}
	if e := s.checkSearches(t.blocks); e != nil {
		return e
	}
	if n := len(t.blocks); n > 0 && strings.HasSuffix(t.blocks[n-1].Type, "thinking") {
		return badMessage(path, "The final block in an assistant message cannot be `thinking`.")
	}
	var answered []string
	if at+1 < len(r.turns) {
		for _, b := range r.turns[at+1].blocks {
			if b.Type != "tool_result" {
				break
			}
			answered = append(answered, b.ToolUseID)
		}
	}
	for _, id := range calls {
		if !slices.Contains(answered, id) {
			return badMessage(path, "`tool_use` ids were found without `tool_result` blocks immediately after: %s", id)
		}
	}
	return nil
}

func (r *messageRequest) checkUser(at int, path string) *apiError {
	var answered []string
	for _, b := range r.turns[at].blocks {
		switch b.Type {
		case "tool_use", "thinking", "redacted_thinking", "server_tool_use":
			return badMessage(path, "`%s` blocks can only be in `assistant` messages", b.Type)
		case "tool_result":
			asked := at > 0 && slices.ContainsFunc(r.turns[at-1].blocks, func(u inputBlock) bool {
				return u.Type == "tool_use" && u.ID == b.ToolUseID
			})
			if !asked {
				return badMessage(b.path, "unexpected `tool_use_id` found in `tool_result` blocks: %s", b.ToolUseID)
			}
			if slices.Contains(answered, b.ToolUseID) {
				return badMessage(b.path, "each tool_use must have a single result. Found multiple `tool_result` blocks with id: %s", b.ToolUseID)
			}
			answered = append(answered, b.ToolUseID)
		}
	}
	return nil
}

// checkEnd looks at the last turns: what a model that thinks needs before tool results, and how a prefill may look.
func (r *messageRequest) checkEnd() *apiError {
	n := len(r.turns)
	last := r.turns[n-1]
	if last.role == roleAssistant {
		if r.Thinking.on() {
			return badMessage("", "This model does not support assistant message prefill. The conversation must end with a user message.")
		}
		if k := len(last.blocks); k > 0 && last.blocks[k-1].Type == "text" {
			if text := last.blocks[k-1].Text; text != strings.TrimRight(text, " \t\r\n") {
				return badMessage("messages", "final assistant content cannot end with trailing whitespace")
			}
		}
		return nil
	}
	if r.Thinking == nil || r.Thinking.Type != "enabled" || n < 2 || !last.has("tool_result") {
		return nil
	}
	if first := r.turns[n-2].blocks[0]; !strings.HasSuffix(first.Type, "thinking") {
		return badMessage(first.path+".type", "Expected `thinking` or `redacted_thinking`, but found `%s`. "+
			"When `thinking` is enabled, a final `assistant` message must start with a thinking block.", first.Type)
	}
	return nil
}

func (t inputTurn) has(kind string) bool {
	return slices.ContainsFunc(t.blocks, func(b inputBlock) bool { return b.Type == kind })
}

// text joins the text of the turn's blocks.
func (t inputTurn) text() string { return blockTexts(t.blocks) }

func blockTexts(blocks []inputBlock) string {
	var texts []string
	for _, b := range blocks {
		if b.Type == "text" {
			texts = append(texts, b.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// converse tells a task what the conversation says.
func (r *messageRequest) converse(t *task) {
	for _, turn := range r.turns {
		if text := turn.text(); turn.role == roleUser && text != "" {
			t.user = text
			t.hear(text)
		}
		if turn.has("tool_use") {
			t.made++
		}
	}
	for i := len(r.turns) - 1; i >= 0; i-- {
		turn := r.turns[i]
		if turn.role == roleSystem {
			continue
		}
		if turn.role == roleUser {
			t.last = turnUser
		}
		for _, b := range turn.blocks {
			if b.Type == "tool_result" {
				t.last = turnTool
				t.results = append(t.results, blockTexts(b.nested))
			}
		}
		return
	}
}
