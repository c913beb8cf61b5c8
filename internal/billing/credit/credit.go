// Package credit is what tenants have bought or been given, how it is set aside for relays, and how it is bought.
//
// A slice of credit goes from a lot into escrow as a hold (Postgres), from there to relays as leases (Redis), and within a
// relay to requests as reservations. Only the first step moves money in the books.
package credit

import (
	"errors"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// Sources of credit.
const (
	Purchase   = "purchase"
	Promo      = "promo"
	Adjustment = "adjustment"
)

// Usual priorities: given credit is burnt before bought credit.
const (
	PriorityPromo      = 10
	PriorityAdjustment = 30
	PriorityPurchase   = 50
)

// Errors.
var (
	ErrUnknownTenant = errors.New("unknown tenant")
	ErrNoCredit      = errors.New("no credit left to set aside")
	// ErrSourceConflict: the source was credited before with another amount. It is never credited twice.
	ErrSourceConflict = errors.New("source was credited before with another amount")
)

// Grant is credit to be added. SourceRef makes it unique within the tenant: "topup:<id>", "promo:<code>", "adjust:<id>".
type Grant struct {
	Tenant      id.ID
	Source      string
	SourceRef   string
	Amount      money.Amount
	Tax         money.Amount // paid on top, for purchases
	Priority    int16        // zero: the usual one of the source
	EffectiveAt time.Time    // zero: now
	ExpiresAt   *time.Time   // nil: never
	Actor       string       // "user:<id>", "system:stripe"
}

// Lot is credit with its own source and end.
type Lot struct {
	ID          id.ID
	Tenant      id.ID
	Source      string
	SourceRef   string
	Amount      money.Amount
	EffectiveAt time.Time
	ExpiresAt   *time.Time
}

// Standing is what is known of a tenant's credit.
type Standing struct {
	Active   bool         // may spend at all
	Postpaid bool         // may spend on credit
	Epoch    int64        // highest of its holds, 0 if it never had one
	Avail    money.Amount // could be set aside now
	Holds    []Hold       // open ones
	At       time.Time
}

// Hold is a slice of credit set aside for relays.
type Hold struct {
	ID        id.ID
	Tenant    id.ID
	Amount    money.Amount
	Settled   money.Amount
	Epoch     int64
	ExpiresAt time.Time
}

// Timing of holds.
const (
	HoldTTL = 15 * time.Minute
	// ReleaseGrace is how long after its end a hold is kept for the events of requests that ran on it: the life of a lease
	// and the longest request.
	ReleaseGrace = 30*time.Second + 12*time.Minute
)
