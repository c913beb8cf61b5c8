package llm

import (
	"slices"
	"strconv"

	"starlane/internal/usage"
)

// Text is a text as it stands between the quotes of a JSON string: escaped. Formats that are all JSON pass it on without
// decoding it.
type Text []byte

// Raw is a JSON value as it was written, or nil. Numbers keep their digits and objects the order of their keys.
type Raw []byte

// Join appends the elements of another list.
func (r Raw) Join(more Raw) Raw {
	if len(r) > 0 && len(more) > 0 {
		r = append(r, ',')
	}
	return append(r, more...)
}

// Zero tells whether a value is a number that is nothing.
func (r Raw) Zero() bool {
	v, err := strconv.ParseFloat(string(r), 64)
	return err == nil && v == 0
}

// Prompt is a chat request in neutral form. What it refers to lies in the client's body and lives as long as that.
type Prompt struct {
	Client string  // dialect that it was asked in
	System []Block // what stands before the first turn
	Turns  []Turn

	Tools    []Tool
	Search   *WebSearch // nil for none
	Choice   Choice
	Parallel Tri // may the model call several tools at once

	MaxOutput   usage.Tokens // 0: the client set no bound
	Choices     int64        // answers asked for
	Probs       Probs        // of the tokens of the answer
	Temperature Raw
	TopP        Raw
	TopK        Raw
	Seed        Raw
	Presence    Raw // penalty
	Frequency   Raw // penalty
	Stop        []Text
	Format      Format
	Reasoning   Reasoning
	User        Text // who the client says asks
	Tier        Text // service tier

	// Extras are the members of the client's request that have no neutral form. Their fate is a matter of the table.
	Extras []Extra
}

// Probs is whether the client wants to know how likely each token was, and of how many that were as likely.
type Probs struct {
	Asked bool
	Top   Raw // a number, nil for none
}

// DropDraws notes that an upstream takes neither a seed nor penalties.
func (p *Prompt) DropDraws(n *Notes) {
	if p.Seed != nil {
		n.Drop("seed")
	}
	if p.Presence != nil && !p.Presence.Zero() {
		n.Drop("presence_penalty")
	}
	if p.Frequency != nil && !p.Frequency.Zero() {
		n.Drop("frequency_penalty")
	}
}

// Extra is a member that only some upstreams know.
type Extra struct {
	Name  string // as in the table of fates
	Value Raw
}

// Tri is yes, no, or not said.
type Tri int8

// The values of Tri.
const (
	Unsaid Tri = iota
	Yes
	No
)

// TriOf turns a bool into a Tri.
func TriOf(b bool) Tri {
	if b {
		return Yes
	}
	return No
}

// Role says whose turn it is.
type Role uint8

// The roles. What tools answered is part of the user's turn.
const (
	User Role = iota
	Assistant
	System // in the middle of a conversation
)

// Turn is a message. Neighbours may have the same role.
type Turn struct {
	Role   Role
	Name   Text
	Blocks []Block
}

// BlockKind is the kind of a piece of a message or an answer.
type BlockKind uint8

// The kinds of blocks.
const (
	TextBlock BlockKind = iota
	Refusal
	Image
	Audio
	Document
	Thinking // with Text, Sealed or both
	ToolCall
	ToolResult
)

// Block is a piece of a message or an answer. Their order means something and is kept.
type Block struct {
	Kind   BlockKind
	Text   Text // TextBlock, Refusal, Thinking; ToolCall: the JSON of its arguments, as the model wrote it
	Probs  Raw  // TextBlock of an answer: as in Event
	Cites  []Citation
	ID     Text    // ToolCall, ToolResult: the client's name of the call
	Name   Text    // ToolCall: the tool; Document: the file
	Result []Block // ToolResult
	Failed bool    // ToolResult: the tool reported an error
	Media  Media   // Image, Audio, Document
	Sealed Sealed  // Thinking, ToolCall: what the vendor wants back unchanged
	Cache  TTL     // a cache of the prompt is to end behind this block
}

// Media is a picture, a sound or a document: Data, URL or File.
type Media struct {
	Type   Text // MIME type, empty if the client did not say
	Data   Text // base64
	URL    Text
	File   Text   // id at a vendor
	Detail Text   // of a picture
	At     string // where it stands in the client's request, if it has an address
}

// Sealed is an artifact that only the vendor who made it can read: a signature, an encrypted thought.
type Sealed struct {
	Origin Origin
	Data   Text
	Alone  bool // it is the thought itself, encrypted, and not the signature of a readable one
}

// Origin names who made a sealed artifact: the dialect of the upstream.
type Origin string

// TTL is how long a cached prompt is to live.
type TTL uint8

// The lives of a cache entry.
const (
	NoCache TTL = iota
	Minutes5
	Hour1
)

// Tool is a function that the model may call.
type Tool struct {
	Name        Text
	Description Text
	Schema      Raw // JSON Schema of the arguments, nil if it takes none
	Strict      Tri
	Cache       TTL
	Own         Raw // the client's own words for it, where those of its format know it without a schema
}

// ChoiceMode says whether the model must call a tool.
type ChoiceMode uint8

// The modes.
const (
	ChoiceUnsaid ChoiceMode = iota
	ChoiceAuto
	ChoiceNone
	ChoiceAny
	ChoiceNamed
)

// Choice is what the client wants the model to do about tools.
type Choice struct {
	Mode    ChoiceMode
	Name    Text   // ChoiceNamed
	Allowed []Text // the only tools that it may call; nil for all
}

// FilterTools leaves of the tools those that may be called, for upstreams that cannot be told otherwise: their cache begins anew.
func (p *Prompt) FilterTools(n *Notes) {
	if p.Choice.Allowed == nil {
		return
	}
	n.Approx("tool_choice.allowed_tools")
	p.Tools = slices.DeleteFunc(p.Tools, func(t Tool) bool {
		return !slices.ContainsFunc(p.Choice.Allowed, func(name Text) bool { return string(name) == string(t.Name) })
	})
	p.Choice.Allowed = nil
}

// FormatKind is the kind of answer that the client wants.
type FormatKind uint8

// The formats.
const (
	FreeText FormatKind = iota
	JSONObject
	JSONSchema
)

// Format bounds the form of the answer.
type Format struct {
	Kind   FormatKind
	Name   Text
	Schema Raw
	Strict Tri
}

// Effort is how much a model shall think, in the words of the OpenAI API.
type Effort uint8

// The efforts, in order.
const (
	EffortUnsaid Effort = iota
	EffortNone
	EffortMinimal
	EffortLow
	EffortMedium
	EffortHigh
	EffortXHigh
	EffortMax
)

var efforts = [...]string{"", "none", "minimal", "low", "medium", "high", "xhigh", "max"} //nolint:gochecknoglobals // a constant table

func (e Effort) String() string { return efforts[e] }

// ParseEffort is the inverse of String.
func ParseEffort(s string) (Effort, bool) {
	for i, n := range efforts {
		if n == s && i > 0 {
			return Effort(i), true
		}
	}
	return EffortUnsaid, false
}

// Reasoning is how a model shall think: by an effort, by a budget, or as it likes.
type Reasoning struct {
	Effort   Effort
	Budget   usage.Tokens // 0: not said
	Adaptive bool         // the model decides how much
	Hidden   bool         // thoughts are not to be shown
}
