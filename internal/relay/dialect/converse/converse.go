// Package converse is the wire format of Amazon Bedrock's Converse API, towards upstreams. Its event streams are read as
// server-sent events, each {"TYPE":PAYLOAD} (package awsstream).
package converse

import (
	_ "embed"
	"net/http"
	"strings"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/awsfault"
	"starlane/internal/relay/dialect/internal/families"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/llm"
)

// Dialect is the name under which providers of this kind are registered, and the origin of what their models seal.
const Dialect = "bedrock"

// Converse implements dialect.Upstream.
type Converse struct{}

var _ dialect.Upstream = Converse{}

// BillsCacheWrites implements dialect.Upstream.
func (Converse) BillsCacheWrites() bool { return true }

// Path implements dialect.Upstream.
func (Converse) Path(stream bool, model string) string {
	if stream {
		return "/model/" + wire.PathSegment(model) + "/converse-stream"
	}
	return "/model/" + wire.PathSegment(model) + "/converse"
}

// ReadFault implements dialect.Upstream.
func (Converse) ReadFault(status int, h http.Header, c body.Content) (*llm.Fault, string) {
	return awsfault.Read(status, h, c)
}

//go:embed traits.json
var traitsFile []byte

// traits is what a family of models can do. The first entry of traits.json of which a part stands in the model's id counts.
type traits struct {
	Match      []string `json:"match"`
	Thinking   string   `json:"thinking"`    // how an effort is asked for; empty: not at all
	Sampling   bool     `json:"sampling"`    // takes temperature and top_p
	Cache      bool     `json:"cache"`       // takes marks of the cache in system and messages
	CacheTools bool     `json:"cache_tools"` // takes them behind tools too
}

// How families are asked to think.
const (
	asClaude = "claude" // outputConfig.effort, and as much as needed
	asNova   = "nova"
	asGPT    = "gpt"
)

var traitsOf = families.Of("converse/traits.json", traitsFile, func(t *traits) []string { return t.Match }, strings.Contains) //nolint:gochecknoglobals // a constant table

// Fetches implements dialect.Fetching: the API looks nothing up.
func (Converse) Fetches(b *llm.Block) bool { return b.Kind == llm.Image || b.Kind == llm.Document }
