// Package registry is the catalogue as operators manage it: rows with their states, from which the snapshot for relays is
// made. Credentials go in and never come out.
package registry

import (
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/catalog"
	"starlane/internal/platform/id"
)

// Provider is a vendor and the dialect it speaks.
type Provider struct {
	ID        id.ID
	Slug      string
	Name      string
	Dialect   string
	Vendor    string // as in catalog.Provider
	Simulated bool
	CreatedAt time.Time
}

// Account is an organisation at a provider.
type Account struct {
	ID        id.ID
	Provider  id.ID
	Name      string
	BaseURL   string
	State     string // active, paused
	CreatedAt time.Time
	Dialect   string // of the provider
	catalog.Place
}

// AccountPatch is what of an account is to change; nil stays as it is.
type AccountPatch struct{ Name, BaseURL, State, Region, Project, APIVersion *string }

// Apply is the account after the change.
func (p *AccountPatch) Apply(a Account) Account {
	for _, f := range []struct {
		to   *string
		from *string
	}{{&a.Name, p.Name}, {&a.BaseURL, p.BaseURL}, {&a.State, p.State}, {&a.Region, p.Region}, {&a.Project, p.Project}, {&a.APIVersion, p.APIVersion}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	return a
}

// UpstreamKey is a credential of an account, without the credential.
type UpstreamKey struct {
	ID        id.ID
	Account   id.ID
	Name      string
	Hint      string
	State     string // active, paused, revoked
	Weight    int
	CreatedAt time.Time
}

// Model is a public name.
type Model struct {
	Name          string
	DisplayName   string
	Description   string
	Capabilities  []string
	Features      []string
	ContextLength int64
	MaxOutput     int64
	Tokenizer     string
	State         string // active, hidden, retired
	CreatedAt     time.Time
	Aliases       []string
	Available     bool // an active deployment on an active account with an active key
	Simulated     bool // deployed on simulated providers only
	Price         *Price
}

// Price is what a model costs a tenant now.
type Price struct {
	Version   int64
	ValidFrom time.Time
	Contract  bool
	Rates     map[string]money.Price
}

// Deployment is a model at a provider account and region.
type Deployment struct {
	ID            id.ID
	Model         string
	Account       id.ID
	AccountName   string
	ProviderSlug  string
	UpstreamModel string
	Region        string
	State         string // active, drained
	Weight        int
	CreatedAt     time.Time
}

// Route maps an alias to models in order.
type Route struct {
	Alias       string
	Description string
	Models      []string
	CreatedAt   time.Time
}

// PriceBook holds versions of prices.
type PriceBook struct {
	ID         int64
	Kind       string // list, contract, provider_cost
	Name       string
	Tenant     id.ID
	TenantName string
	Currency   string
}

// PriceVersion is an immutable set of rates.
type PriceVersion struct {
	ID         int64
	Book       int64
	Model      string
	ValidFrom  time.Time
	RecordedAt time.Time
	Source     string
	ProposedBy string
	Rates      map[string]money.Price // token class → nano-USD per million units
}
