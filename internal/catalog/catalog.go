// Package catalog says what can be called: providers, accounts, upstream keys, models, deployments, routes and prices,
// compiled into an immutable Snapshot that relays swap by an atomic pointer.
package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"time"

	"starlane/internal/billing/pricing"
	"starlane/internal/platform/id"
)

// Data is the wire form of a snapshot, as published to Redis and kept on a relay's disk for a cold start.
type Data struct {
	Version     int64             `json:"version"` // grows with every change
	PublishedAt time.Time         `json:"published_at"`
	Providers   []Provider        `json:"providers"`
	Accounts    []Account         `json:"accounts"`
	Keys        []UpstreamKey     `json:"keys"`
	Models      []Model           `json:"models"`
	Deployments []Deployment      `json:"deployments"`
	Routes      []Route           `json:"routes"`
	Prices      []pricing.Version `json:"prices"` // list and contract versions that are or will be in force
}

// Provider is a vendor and the dialect it speaks.
type Provider struct {
	ID        id.ID  `json:"id"`
	Slug      string `json:"slug"`
	Name      string `json:"name"`
	Dialect   string `json:"dialect"` // openai, anthropic, gemini, or one of a cloud
	Vendor    string `json:"vendor"`  // whose dialect of OpenAI's format it speaks; empty: as the base URL says
	Simulated bool   `json:"simulated"`
}

// Account is an organisation at a provider: the group that its limits apply to.
type Account struct {
	ID       id.ID  `json:"id"`
	Provider id.ID  `json:"provider"`
	Name     string `json:"name"`
	BaseURL  string `json:"base_url"` // with the version segment, for example https://api.openai.com/v1
	Active   bool   `json:"active"`
	Place
}

// UpstreamKey is a credential of an account, sealed under the master key for the context SealContext(ID).
type UpstreamKey struct {
	ID      id.ID  `json:"id"`
	Account id.ID  `json:"account"`
	Sealed  []byte `json:"sealed"`
	Weight  int    `json:"weight"`
	Active  bool   `json:"active"`
}

// SealContext binds a sealed upstream key to its row.
func SealContext(key id.ID) string { return "upstream_key:" + key.String() }

// Model is a public name.
type Model struct {
	Name          string    `json:"name"`
	DisplayName   string    `json:"display_name"`
	Description   string    `json:"description"`
	Capabilities  []string  `json:"capabilities"` // chat, embeddings
	Features      []string  `json:"features"`     // tools, vision, json_schema, reasoning
	ContextLength int64     `json:"context_length"`
	MaxOutput     int64     `json:"max_output"`
	Tokenizer     string    `json:"tokenizer"`
	State         string    `json:"state"` // active, hidden, retired
	CreatedAt     time.Time `json:"created_at"`
}

// Deployment is a model at a provider account and region.
type Deployment struct {
	ID            id.ID  `json:"id"`
	Model         string `json:"model"`
	Account       id.ID  `json:"account"`
	UpstreamModel string `json:"upstream_model"`
	Region        string `json:"region"`
	Weight        int    `json:"weight"`
	Active        bool   `json:"active"`
}

// Route maps an alias to models, tried in order.
type Route struct {
	Alias       string   `json:"alias"`
	Description string   `json:"description"`
	Models      []string `json:"models"`
}

// Candidate is a deployment with all that is needed to call it.
type Candidate struct {
	Deployment Deployment
	Model      *Model
	Account    Account
	Provider   Provider
	Keys       []UpstreamKey // active ones, never empty
	Way        string        // the provider's dialect, or DIALECT/VENDOR where a vendor has its own
}

// Snapshot is compiled and immutable. Its methods may be called from any goroutine.
type Snapshot struct {
	Version int64
	Prices  *pricing.Book
	models  map[string]*Model
	routes  map[string]*resolved
	listed  []*Model
	data    Data
}

type resolved struct {
	alias      string // empty for a model called by its own name
	candidates []Candidate
}

// Compile checks references and resolves every name to its candidates.
func Compile(d Data) (*Snapshot, error) {
	book, err := pricing.NewBook(d.Prices)
	if err != nil {
		return nil, fmt.Errorf("compile catalog: %w", err)
	}
	s := &Snapshot{Version: d.Version, Prices: book, models: map[string]*Model{}, routes: map[string]*resolved{}, data: d}
	providers := map[id.ID]Provider{}
	for _, p := range d.Providers {
		providers[p.ID] = p
	}
	accounts := map[id.ID]Account{}
	for _, a := range d.Accounts {
		if _, ok := providers[a.Provider]; !ok {
			return nil, fmt.Errorf("compile catalog: account %s names an unknown provider", a.ID)
		}
		accounts[a.ID] = a
	}
	keys := map[id.ID][]UpstreamKey{}
	for _, k := range d.Keys {
		if k.Active {
			keys[k.Account] = append(keys[k.Account], k)
		}
	}
	for i := range d.Models {
		m := &d.Models[i]
		if m.State == "retired" {
			continue
		}
		s.models[m.Name] = m
		s.routes[m.Name] = &resolved{}
		if m.State == "active" {
			s.listed = append(s.listed, m)
		}
	}
	sort.Slice(s.listed, func(i, j int) bool { return s.listed[i].Name < s.listed[j].Name })
	for _, dep := range d.Deployments {
		m, acc := s.models[dep.Model], accounts[dep.Account]
		if m == nil || !dep.Active || !acc.Active || len(keys[acc.ID]) == 0 {
			continue
		}
		r := s.routes[dep.Model]
		p := providers[acc.Provider]
		r.candidates = append(r.candidates, Candidate{dep, m, acc, p, keys[acc.ID], p.way(acc.BaseURL)})
	}
	for _, route := range d.Routes {
		if _, taken := s.models[route.Alias]; taken {
			return nil, fmt.Errorf("compile catalog: alias %q is also a model", route.Alias)
		}
		r := &resolved{alias: route.Alias}
		for _, name := range route.Models {
			if m := s.routes[name]; m != nil {
				r.candidates = append(r.candidates, m.candidates...)
			}
		}
		s.routes[route.Alias] = r
	}
	return s, nil
}

// Resolve returns the candidates for a model name or an alias, in order of preference, and the alias if it was one. ok is
// false for a name that nobody knows; a known name may have no candidates at the moment.
func (s *Snapshot) Resolve(name string) (candidates []Candidate, alias string, ok bool) {
	r := s.routes[name]
	if r == nil {
		return nil, "", false
	}
	return r.candidates, r.alias, true
}

// Model returns a model by its own name, or nil.
func (s *Snapshot) Model(name string) *Model { return s.models[name] }

// Models returns the models that are listed to clients, by name.
func (s *Snapshot) Models() []*Model { return s.listed }

// Routes returns the aliases.
func (s *Snapshot) Routes() []Route { return s.data.Routes }

// Has tells whether a model can do something.
func (m *Model) Has(capability string) bool { return slices.Contains(m.Capabilities, capability) }

// Encode renders the wire form.
func (s *Snapshot) Encode() ([]byte, error) { return json.Marshal(s.data) }

// Decode reads the wire form and compiles it.
func Decode(b []byte) (*Snapshot, error) {
	var d Data
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("decode catalog: %w", err)
	}
	return Compile(d)
}
