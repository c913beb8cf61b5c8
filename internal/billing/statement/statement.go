// Package statement is what people are shown about use and money: read models of the ledger, of usage and of invoices. It
// holds no rules; it names what the figures mean.
package statement

import (
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// Balance is what a tenant has. Spendable = Credit + Escrow − Receivable.
type Balance struct {
	Spendable   money.Amount
	Credit      money.Amount // in lots that have not expired
	Escrow      money.Amount // set aside for relays and not spent yet
	Receivable  money.Amount // spent and not covered by credit
	CreditLimit money.Amount
	Mode        string // prepaid, postpaid
	AsOf        time.Time
}

// Lot is a piece of credit with its own source and end.
type Lot struct {
	ID          id.ID
	Source      string // purchase, promo, adjustment
	SourceRef   string
	Amount      money.Amount
	Remaining   money.Amount
	EffectiveAt time.Time
	ExpiresAt   *time.Time
}

// Holds sums up the slices of credit that are set aside for relays.
type Holds struct {
	Count   int64
	Amount  money.Amount
	Settled money.Amount
}

// Topup is a purchase of credit.
type Topup struct {
	ID          id.ID
	Amount      money.Amount
	State       string
	CheckoutURL *string
	CreatedBy   string
	CreatedAt   time.Time
	CreditedAt  *time.Time
}

// Dimension is what use can be grouped by.
type Dimension string

// The dimensions. Days are UTC days of posting.
const (
	ByDay     Dimension = "day"
	ByModel   Dimension = "model"
	ByKey     Dimension = "key"
	ByProject Dimension = "project"
	ByClass   Dimension = "class"
)

// UsageFilter narrows a usage report. Both days are included.
type UsageFilter struct {
	From, To time.Time
	Model    string // empty: any
	Key      id.ID  // Nil: any
	Project  id.ID  // Nil: any
	GroupBy  []Dimension
}

// UsageRow is one group. Only the grouped dimensions are set.
type UsageRow struct {
	Day         *time.Time
	Model       *string
	KeyID       *id.ID
	KeyName     *string
	ProjectID   *id.ID
	ProjectName *string
	Class       *string
	Requests    int64
	Input       int64 // tokens
	Output      int64 // tokens
	Units       int64
	Charge      money.Amount
}

// RequestFilter narrows a list of requests.
type RequestFilter struct {
	Model    string
	Key      id.ID
	Project  id.ID
	Outcome  string
	From, To *time.Time // From is included, To is not
	Invoice  id.ID
	Class    string // with units of this class; with an invoice too, charged for it
}

// Request is a finished request as it was billed.
type Request struct {
	ID                id.ID
	OccurredAt        time.Time
	PostedAt          time.Time
	KeyID             id.ID
	KeyName           string
	ProjectID         id.ID
	Capability        string
	RequestedModel    string
	ServedModel       string
	Provider          string
	Outcome           string
	HTTPStatus        int
	Streamed          bool
	Units             map[string]int64
	Provenance        map[string]string
	Charges           map[string]money.Amount
	Charge            money.Amount
	TTFT              *int64 // milliseconds
	Duration          int64  // milliseconds
	ServiceTier       string
	PriceVersion      int64
	Estimate          money.Amount
	Attempts          []Attempt
	UpstreamRequestID string
	Deployment        *id.ID
	Transaction       *int64
	Rates             map[string]money.Price // of the price version; only in single reads
	PriceFrom         *time.Time             // since when the price version is valid; only in single reads, nil without one
}

// Attempt is one upstream call of a request.
type Attempt struct {
	Deployment id.ID  `json:"deployment"`
	Status     int    `json:"status"` // 0 when no answer came
	Fault      string `json:"fault"`  // phase of the failure; empty for success
	Millis     int64  `json:"ms"`
}

// Invoice is a bill. Usage − Credit + CarryIn = Billed + CarryOut.
type Invoice struct {
	ID                     id.ID
	Number                 string
	Month                  string
	PeriodStart, PeriodEnd time.Time
	State                  string
	Usage                  money.Amount
	Credit                 money.Amount
	CarryIn                money.Amount
	BilledCents            int64
	CarryOut               money.Amount
	TaxCents               int64
	HostedURL              *string
	Lines                  int64
	CreatedAt              time.Time
	FinalizedAt            *time.Time
	PaidAt                 *time.Time
}

// Line is a line of an invoice.
type Line struct {
	Position    int
	Kind        string // usage, credit, carry
	Model       string
	Class       string
	Units       int64
	Amount      money.Amount
	BilledCents int64
}

// Period is a month of the platform.
type Period struct {
	Month         string // 2026-11
	State         string // open, closing, closed
	Forced        bool
	InvoicedUntil *time.Time
	ClosedAt      *time.Time
	LastError     string
	Invoices      int64
	Usage         money.Amount
	BilledCents   int64
}

// DeadLetter is a usage event that could not be posted.
type DeadLetter struct {
	StreamRef  string
	ReceivedAt time.Time
	Reason     string
	Payload    map[string]any
	ResolvedAt *time.Time
	Resolution *string
}

// Backlog counts what waits to be dealt with.
type Backlog struct {
	DeadLetters int64
	Webhooks    int64
}
