// Package tenant holds the organisations that pay, their projects, their members, and what each role may do. The tenant
// id.Nil is the platform itself: its members operate the installation.
package tenant

import (
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// Status of a tenant. Keys work only while it is active.
type Status string

// The statuses.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Closed    Status = "closed"
)

// BillingMode says whether credit is bought first or use is invoiced afterwards.
type BillingMode string

// The billing modes.
const (
	Prepaid  BillingMode = "prepaid"
	Postpaid BillingMode = "postpaid"
)

// Tenant is an organisation that pays.
type Tenant struct {
	ID           id.ID
	Name         string
	Status       Status
	BillingMode  BillingMode
	CreditLimit  money.Amount // post-paid: how far the receivable may grow
	BillingEmail string
	Demo         bool
	CreatedAt    time.Time
	// StoresResponses: prompts and answers of the Responses API are kept, encrypted, for ResponseHours.
	StoresResponses bool
	ResponseHours   int
	Balance         money.Amount // spendable, as of the read
}

// Change is what an update sets; nil leaves a field as it is.
type Change struct {
	Name         *string
	Status       *Status
	BillingMode  *BillingMode
	CreditLimit  *money.Amount
	BillingEmail *string

	StoresResponses *bool
	ResponseHours   *int
}

// Apply returns t with the change made.
func (c Change) Apply(t Tenant) Tenant {
	set(&t.Name, c.Name)
	set(&t.Status, c.Status)
	set(&t.BillingMode, c.BillingMode)
	set(&t.CreditLimit, c.CreditLimit)
	set(&t.BillingEmail, c.BillingEmail)
	set(&t.StoresResponses, c.StoresResponses)
	set(&t.ResponseHours, c.ResponseHours)
	if t.Status == Closed {
		t.StoresResponses = false
	}
	return t
}

func set[T any](dst, src *T) {
	if src != nil {
		*dst = *src
	}
}

// How long responses may be stored, in hours.
const (
	MinResponseHours = 1
	MaxResponseHours = 30 * 24
)

// Filter narrows a list of tenants.
type Filter struct {
	Text   string // part of the name or billing address
	Status Status // empty: any
}

// Project groups virtual keys.
type Project struct {
	ID         id.ID
	Name       string
	Archived   bool
	ActiveKeys int64
	CreatedAt  time.Time
}

// ProjectChange is what an update sets; nil leaves a field as it is.
type ProjectChange struct {
	Name     *string
	Archived *bool
}

// Member is a person in a tenant.
type Member struct {
	UserID    id.ID
	Email     string
	Name      string
	Role      Role
	CreatedAt time.Time
}

// NewPerson is somebody to be added. PasswordHash is used only when there is no account with the address yet.
type NewPerson struct {
	Email        string // lower case
	Name         string
	Role         Role
	PasswordHash string
	// Known lets an account that others made be added. Whoever made an account knows its first password, and nobody proves
	// that an address is theirs: an organisation that added a person by address would let in whoever made the account.
	Known bool
}

// Membership is a member seen from the person's side.
type Membership struct {
	TenantID     id.ID
	TenantName   string
	TenantStatus Status
	Role         Role
}
