package invoicing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
)

const (
	currency = "usd"
	// maxLines is how many lines the processor's invoice gets; the smallest are put together. Ours keeps them all.
	maxLines = 100
	// opMemory is how long the processor surely remembers an operation id. After that its objects are looked up.
	opMemory = 20 * time.Hour
)

// Pending is an invoice on its way to the processor.
type Pending struct {
	Tenant      id.ID
	ID          id.ID
	Number      string
	Month       string
	Start, End  time.Time
	State       string
	BilledCents int64
	Processor   string
	CreatedAt   time.Time
	Lines       []Line
}

// PushStore keeps what the processor has taken.
type PushStore interface {
	Unpushed(ctx context.Context) ([]Pending, error)
	Verified(ctx context.Context, tenant, invoice id.ID, processor string) error
	// Finalized notes that the invoice is to be paid and books its tax.
	Finalized(ctx context.Context, tenant, invoice id.ID, r Remote) error
	// Paid books the payment, once. Error: ErrNotYet while the invoice is not finalized here.
	Paid(ctx context.Context, tenant, invoice id.ID, r Remote) error
}

// ErrNotYet: the processor is ahead of us; try again.
var ErrNotYet = errors.New("the invoice is not finalized here yet")

// Remote is an invoice at the processor. Amounts are cents.
type Remote struct {
	ID            string
	Invoice       string // our id
	Tenant        string // our id
	Draft         bool
	Paid          bool
	SubtotalCents int64
	TaxCents      int64
	PaidCents     int64
	Currency      string
	URL           string
}

// RemoteLine is a line there.
type RemoteLine struct {
	ID          string // ours
	Description string
	Cents       int64
	Start, End  time.Time
}

// DraftRequest asks for an empty draft. The same operation id never makes two.
type DraftRequest struct {
	OpID        string
	Tenant      id.ID
	Invoice     id.ID
	Customer    string
	Currency    string
	Period      string
	Description string
}

// Processor is the payment processor's invoices.
type Processor interface {
	CreateDraft(ctx context.Context, r DraftRequest) (Remote, error)
	// FindDraft looks for the invoice of one of ours; ok is false when there is none.
	FindDraft(ctx context.Context, customer string, invoice id.ID) (r Remote, ok bool, err error)
	AddLines(ctx context.Context, opID, remote string, lines []RemoteLine) error
	Read(ctx context.Context, remote string) (Remote, error)
	Finalize(ctx context.Context, opID, remote string) (Remote, error)
}

// Pusher brings invoices to the processor and hears of their payment.
type Pusher struct {
	store     PushStore
	processor Processor
	customer  func(ctx context.Context, tenant id.ID) (string, error)
	clock     clock.Clock
	log       *slog.Logger
}

// NewPusher takes customer to find the processor's name of a tenant.
func NewPusher(store PushStore, p Processor, customer func(context.Context, id.ID) (string, error), c clock.Clock, log *slog.Logger) *Pusher {
	return &Pusher{store: store, processor: p, customer: customer, clock: c, log: log}
}

// Push takes every invoice as far as it goes: draft, lines, comparison to the cent, finalisation. It may be stopped and
// repeated at any point.
func (p *Pusher) Push(ctx context.Context) error {
	list, err := p.store.Unpushed(ctx)
	if err != nil {
		return fmt.Errorf("find invoices to push: %w", err)
	}
	var all error
	for _, inv := range list {
		if err := p.push(ctx, inv); err != nil {
			all = errors.Join(all, fmt.Errorf("push invoice %s: %w", inv.Number, err))
		}
	}
	return all
}

func (p *Pusher) push(ctx context.Context, inv Pending) error {
	if inv.State == Drafted {
		remote, err := p.draft(ctx, inv)
		if err != nil {
			return err
		}
		if err := p.store.Verified(ctx, inv.Tenant, inv.ID, remote.ID); err != nil {
			return fmt.Errorf("note draft: %w", err)
		}
		inv.Processor = remote.ID
	}
	remote, err := p.processor.Read(ctx, inv.Processor)
	if err != nil {
		return fmt.Errorf("read anew: %w", err)
	}
	if err := agree(inv, remote); err != nil {
		return err
	}
	if remote.Draft {
		if remote, err = p.processor.Finalize(ctx, "invfin:"+inv.ID.String(), inv.Processor); err != nil {
			return fmt.Errorf("finalize: %w", err)
		}
	}
	if err := p.store.Finalized(ctx, inv.Tenant, inv.ID, remote); err != nil {
		return fmt.Errorf("note finalisation: %w", err)
	}
	p.log.InfoContext(ctx, "invoice is to be paid", slog.String("invoice", inv.Number), slog.String("tenant", inv.Tenant.String()))
	return nil
}

// draft makes the draft with its lines and reads it anew. Every step may have happened before.
func (p *Pusher) draft(ctx context.Context, inv Pending) (Remote, error) {
	customer, err := p.customer(ctx, inv.Tenant)
	if err != nil {
		return Remote{}, err
	}
	var remote Remote
	found := false
	if p.clock.Now().Sub(inv.CreatedAt) > opMemory {
		if remote, found, err = p.processor.FindDraft(ctx, customer, inv.ID); err != nil {
			return Remote{}, fmt.Errorf("find draft: %w", err)
		}
	}
	if !found {
		remote, err = p.processor.CreateDraft(ctx, DraftRequest{
			OpID: "inv:" + inv.ID.String(), Tenant: inv.Tenant, Invoice: inv.ID, Customer: customer, Currency: currency, Period: inv.Month,
			Description: "Starlane usage " + inv.Month + " (" + inv.Number + ")",
		})
		if err != nil {
			return Remote{}, fmt.Errorf("create draft: %w", err)
		}
	}
	if remote, err = p.processor.Read(ctx, remote.ID); err != nil {
		return Remote{}, fmt.Errorf("read draft: %w", err)
	}
	if remote.SubtotalCents != inv.BilledCents {
		if err := p.processor.AddLines(ctx, "invlines:"+inv.ID.String(), remote.ID, remoteLines(inv)); err != nil {
			return Remote{}, fmt.Errorf("add lines: %w", err)
		}
		if remote, err = p.processor.Read(ctx, remote.ID); err != nil {
			return Remote{}, fmt.Errorf("read draft: %w", err)
		}
	}
	return remote, agree(inv, remote)
}

// agree compares the processor's invoice with the ledger's. Nothing is finalised that differs by a cent.
func agree(inv Pending, r Remote) error {
	if r.SubtotalCents != inv.BilledCents || r.Currency != currency || r.Invoice != inv.ID.String() {
		return fmt.Errorf("%w: the processor has %d cents %s for %q, the ledger %d", ErrMismatch, r.SubtotalCents, r.Currency, r.Invoice, inv.BilledCents)
	}
	return nil
}

// remoteLines leaves out lines of no cents and puts the smallest together when there are too many.
func remoteLines(inv Pending) []RemoteLine {
	var list []Line
	for _, l := range inv.Lines {
		if l.Cents != 0 {
			list = append(list, l)
		}
	}
	if len(list) > maxLines {
		slices.SortStableFunc(list, func(a, b Line) int { return cmp.Compare(abs(b.Cents), abs(a.Cents)) })
		other := Line{Kind: LineUsage, Model: "Other models"}
		for _, l := range list[maxLines-1:] {
			other.Cents += l.Cents
		}
		list = append(list[:maxLines-1], other)
	}
	out := make([]RemoteLine, 0, len(list))
	for i, l := range list {
		if l.Cents == 0 {
			continue
		}
		out = append(out, RemoteLine{ID: fmt.Sprintf("%s/%d", inv.ID, i+1), Description: describe(l), Cents: l.Cents, Start: inv.Start, End: inv.End})
	}
	return out
}

func abs(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}

func describe(l Line) string {
	switch {
	case l.Kind == LineCredit:
		return "Covered by prepaid credit"
	case l.Kind == LineCarry && l.Amount < 0:
		return "Carried to the next invoice"
	case l.Kind == LineCarry:
		return "Carried from the last invoice"
	case l.Class == "":
		return l.Model
	}
	return fmt.Sprintf("%s, %s: %d (%v USD)", l.Model, l.Class, l.Units, l.Amount)
}

// Changed is called when the processor says that something happened to an invoice: it is read anew, and a payment is
// booked. Error: ErrNotYet, to be tried again.
func (p *Pusher) Changed(ctx context.Context, remote string) error {
	r, err := p.processor.Read(ctx, remote)
	if err != nil {
		return fmt.Errorf("read invoice: %w", err)
	}
	tenant, errTenant := id.Parse(r.Tenant)
	invoice, errInvoice := id.Parse(r.Invoice)
	if errTenant != nil || errInvoice != nil || !r.Paid {
		return nil // not one of ours, or nothing to book
	}
	if _, err := money.FromCents(r.PaidCents); err != nil {
		return fmt.Errorf("amount paid: %w", err)
	}
	return p.store.Paid(ctx, tenant, invoice, r)
}
