// Package allowance has the words in which a relay asks for what it may spend, and a store answers: money out of slices of
// credit, shares of a key's budget, shares of a key's limits. Amounts are nano-USD.
package allowance

import (
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// LeaseRequest asks for money of a tenant. Relay is the instance with its boot, so that a restarted relay starts afresh.
type LeaseRequest struct {
	Tenant id.ID
	Relay  string
	Want   money.Amount // as much as there is up to this; 0: only renew
	Need   money.Amount // below this the worker is asked for more
	TTL    time.Duration
	Renew  []id.ID // holds on which the relay has leases
}

// Lease is money of one hold that a relay may spend for some time.
type Lease struct {
	Hold   id.ID
	Amount money.Amount  // newly granted, 0: only renewed
	For    time.Duration // from the moment of asking
}

// LeaseReply answers a LeaseRequest.
type LeaseReply struct {
	Leases     []Lease
	Free       money.Amount // left in the store
	Avail      money.Amount // what the worker could still slice, by its last word
	AvailKnown bool
	State      string // by the worker's last word: CreditOK, CreditExhausted, CreditSuspended or empty
	More       bool   // the worker should bring another slice: push it to the wanted queue
	Answered   bool   // no earlier call for more is still unanswered by the worker, so its word is fresh
}

// Credit states that the worker publishes for a tenant.
const (
	CreditOK        = "ok"
	CreditExhausted = "exhausted"
	CreditSuspended = "suspended"
)

// Wanted is something that a relay waits for and only the worker can bring. With Key Nil it is a slice of the tenant's
// credit; otherwise the use of a key's budget since Window.
type Wanted struct {
	Tenant id.ID
	Key    id.ID
	Window time.Time // start of the budget window; zero for a budget without one
}

// BudgetPart is what a relay says of its part of a budget whenever it speaks of it. The worker corrects budgets by it.
type BudgetPart struct {
	Tenant, Key id.ID
	Window      time.Time    // its start; zero for a budget without a window
	Relay       string       // instance and boot
	Held        money.Amount // what it may still spend without asking, running requests included
	Logged      uint64       // last event in its log: whatever it spent and no longer holds is among these
	Turn        int64        // grows with every call of this relay, so that one that arrives late is known
	TTL         time.Duration
}

// BudgetRequest asks for a part of what a key may spend in a window, and renews what the relay has.
type BudgetRequest struct {
	BudgetPart
	Leased            bool // the relay counts on what it has; false: it starts with nothing
	Limit, Want, Need money.Amount
}

// BudgetReply answers a BudgetRequest: at least what was needed, or nothing.
type BudgetReply struct {
	Granted money.Amount
	Used    money.Amount // used or leased by anybody, before this grant
	Known   bool         // false: ask the worker for the use so far. What the relay has is lost then
	Lost    bool         // the worker took back what the relay has: it was not heard of for too long
}

// BudgetReturn gives back a part of a budget. Unspent may be negative: more was spent than leased.
type BudgetReturn struct {
	BudgetPart // after the return
	Unspent    money.Amount
}

// Bucket asks for a share of a limit a minute.
type Bucket struct {
	Limit int64 // a minute; 0: no limit
	Want  int64
	Need  int64 // this much or nothing
	Used  int64 // spent without asking, because an estimate was too low; negative: given back
}

// LimitRequest asks for shares of a key's limits on behalf of a relay.
type LimitRequest struct {
	Tenant, Key id.ID
	Relay       string
	Slots       int64 // concurrency limit; 0: none
	WantSlots   int64 // requests at once that this relay would like to be able to run
	TTL         time.Duration
	Requests    Bucket
	Tokens      Bucket
}

// Share of a bucket.
type Share struct {
	Granted int64
	Wait    time.Duration // until the need could be met, if it was not
	Left    int64         // in the bucket after the grant; negative while it is in debt
}

// LimitReply answers a LimitRequest.
type LimitReply struct {
	Slots    int64
	Requests Share
	Tokens   Share
}
