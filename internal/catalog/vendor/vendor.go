// Package vendor holds what the providers that speak OpenAI's chat format do otherwise than OpenAI, as data: vendors.json. Each rule
// names where it is from; the translation acts by them, the simulator enforces them, and docs/vendors.md is printed from them.
package vendor

import (
	_ "embed"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
)

//go:generate go run starlane/internal/cmd/vendordoc ../../../docs/vendors.md

//go:embed vendors.json
var file []byte

// None is the name that a provider has whose base URL looks like a vendor's, but which shall be taken for OpenAI itself.
const None = "openai"

// Profile is one vendor.
type Profile struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Hosts   []string `json:"hosts"` // domains of its base URLs
	BaseURL string   `json:"base_url"`
	Rules   Rules    `json:"rules"`
}

// Rule is something that a vendor does otherwise, and where that is said.
type Rule[T any] struct {
	Is     T      `json:"is"`
	Source string `json:"source"`
}

// Or is the rule's value, or what is true where there is none.
func (r *Rule[T]) Or(none T) T {
	if r == nil {
		return none
	}
	return r.Is
}

// Rules are what a vendor does otherwise; nil where it does as OpenAI does.
type Rules struct {
	// Thinking is how a vendor is told how much to think: effort (reasoning_effort), type (thinking.type), enabled
	// (reasoning.enabled), switch (enable_thinking and thinking_budget), template (chat_template_kwargs), reasoning
	// (reasoning.effort or .max_tokens).
	Thinking *Rule[string] `json:"thinking,omitempty"`
	// Efforts are the values of reasoning_effort that it knows, from the least.
	Efforts *Rule[[]string] `json:"efforts,omitempty"`
	// ThoughtsBack is the member of an assistant's message with tool calls in which it wants its thoughts back.
	ThoughtsBack *Rule[string] `json:"thoughts_back,omitempty"`
	// CallIDs is the length that ids of tool calls must have, of letters and digits alone.
	CallIDs *Rule[int] `json:"call_ids,omitempty"`
	// UserAfterTool: a user's message may follow a tool's.
	UserAfterTool *Rule[bool] `json:"user_after_tool,omitempty"`
	// ToolChoice are its words for the choices auto, none, required and named; empty where it has none.
	ToolChoice *Rule[map[string]string] `json:"tool_choice,omitempty"`
	// Parallel: it knows parallel_tool_calls.
	Parallel *Rule[bool] `json:"parallel,omitempty"`
	// Strict: it knows strict of a function.
	Strict *Rule[bool] `json:"strict,omitempty"`
	// JSONSchema: it can be bound to a schema, not to JSON alone.
	JSONSchema *Rule[bool] `json:"json_schema,omitempty"`
	// Bound is the name of the bound on an answer.
	Bound *Rule[string] `json:"bound,omitempty"`
	// Developer: it knows the role developer.
	Developer *Rule[bool] `json:"developer,omitempty"`
	// MidSystem: a system message may stand in the middle of a conversation.
	MidSystem *Rule[bool] `json:"mid_system,omitempty"`
	// ImageURLs: it looks up pictures at addresses. Servers in the operator's own network are not asked to, for they reach what no
	// client should.
	ImageURLs *Rule[bool] `json:"image_urls,omitempty"`
	// Seed is the name of the seed.
	Seed *Rule[string] `json:"seed,omitempty"`
	// Stops is how many stop strings it takes.
	Stops *Rule[int] `json:"stops,omitempty"`
	// StreamOptions: it knows them. Where not, the usage of a stream comes without being asked for.
	StreamOptions *Rule[bool] `json:"stream_options,omitempty"`
	// Keeps are members that OpenAI does not know and it does.
	Keeps *Rule[[]string] `json:"keeps,omitempty"`
	// CacheControl: it takes marks of a cache on parts and tools, and charges for what is written there.
	CacheControl *Rule[bool] `json:"cache_control,omitempty"`
	// Charges are members by which an answer costs something else than its tokens at the price of the model asked for: searches,
	// tools that the vendor runs, the choice of other models or of who serves them, answers that come another time. Requests that have
	// them do not pass.
	Charges *Rule[[]string] `json:"charges,omitempty"`
	// Refuses are members that it refuses, of some models.
	Refuses *Rule[[]Refusal] `json:"refuses,omitempty"`
	// Adds are members that translated requests for some models carry always.
	Adds *Rule[[]Addition] `json:"adds,omitempty"`
	// Errors are what its codes and types of errors mean: transient, limited, exhausted, auth, missing or caller.
	Errors *Rule[map[string]string] `json:"errors,omitempty"`
	// Finish are what its own reasons to finish mean: stop, length, context, filtered or failed.
	Finish *Rule[map[string]string] `json:"finish,omitempty"`
}

// Refusal is a list of members that are refused for some models.
type Refusal struct {
	Members []string `json:"members"`
	models
}

// Addition is a list of members that are added for some models.
type Addition struct {
	Members map[string]string `json:"members"`
	models
}

// models are those whose names hold one of Models, or all, without those whose names hold one of Except.
type models struct {
	Models []string `json:"models"`
	Except []string `json:"except"`
}

func (m *models) of(model string) bool {
	holds := func(part string) bool { return strings.Contains(model, part) }
	return (len(m.Models) == 0 || slices.ContainsFunc(m.Models, holds)) && !slices.ContainsFunc(m.Except, holds)
}

// Refused tells whether a member is refused for a model.
func (r *Rules) Refused(member, model string) bool {
	for _, x := range r.Refuses.Or(nil) {
		if slices.Contains(x.Members, member) && x.of(model) {
			return true
		}
	}
	return false
}

// Added are the members that requests for a model carry always.
func (r *Rules) Added(model string) map[string]string {
	for _, x := range r.Adds.Or(nil) {
		if x.of(model) {
			return x.Members
		}
	}
	return nil
}

var all = sync.OnceValue(func() []Profile { //nolint:gochecknoglobals // read once of the data
	var list []Profile
	if err := json.Unmarshal(file, &list); err != nil {
		panic("vendors.json: " + err.Error()) // a part of the program
	}
	return list
})

// All lists the vendors.
func All() []Profile { return all() }

// Find returns a vendor, nil for one that nobody knows.
func Find(name string) *Profile {
	list := all()
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

// At names the vendor whose base URL it is, empty for nobody's.
func At(baseURL string) string {
	u, err := url.Parse(baseURL)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	for i, list := 0, all(); i < len(list); i++ {
		for _, domain := range list[i].Hosts {
			if host == domain || strings.HasSuffix(host, "."+domain) {
				return list[i].Name
			}
		}
	}
	return ""
}
