package invoicing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
)

// MonthLayout is the form of a month's name.
const MonthLayout = "2006-01"

// States of a period.
const (
	PeriodOpen    = "open"
	PeriodClosing = "closing"
	PeriodClosed  = "closed"
)

// Period is a month of the platform.
type Period struct {
	Month string
	State string
	Force bool
}

// Store keeps periods and invoices.
type Store interface {
	Period(ctx context.Context, month string) (Period, error)
	ClosingPeriods(ctx context.Context) ([]Period, error)
	// EarlierOpen names a month before the given one that has use and is not closed; empty if there is none.
	EarlierOpen(ctx context.Context, month time.Time) (string, error)
	// OpenLetters counts unresolved dead letters received before a time.
	OpenLetters(ctx context.Context, before time.Time) (int64, error)
	// Cut returns a time such that every posting before it is committed and every later posting has a later time: until, or
	// now if until is still to come.
	Cut(ctx context.Context, until time.Time) (time.Time, error)
	// Billable lists the tenants with postings or something carried since their last invoice, up to the cut.
	Billable(ctx context.Context, start, cut time.Time) ([]id.ID, error)
	// BillTenant makes the invoice of a tenant up to the cut, once; false means that there was nothing to do.
	BillTenant(ctx context.Context, tenant id.ID, month string, start, cut time.Time) (bool, error)
	SetClosing(ctx context.Context, month string, force bool, by string) error
	// EndClose writes down how an attempt ended.
	EndClose(ctx context.Context, month, state string, cut *time.Time, problem string) error
}

// Barrier waits until all usage that relays have sent before now is posted.
type Barrier func(ctx context.Context) error

// Closer turns the usage of months into invoices.
type Closer struct {
	store   Store
	barrier Barrier
	clock   clock.Clock
	grace   time.Duration
	log     *slog.Logger
}

// NewCloser takes the time of grace: how long after its end a month may be closed.
func NewCloser(store Store, barrier Barrier, c clock.Clock, grace time.Duration, log *slog.Logger) *Closer {
	return &Closer{store: store, barrier: barrier, clock: c, grace: grace, log: log}
}

// Outcome of a close.
type Outcome struct {
	Invoices int       // made by this run
	Until    time.Time // postings before it are on invoices
	Closed   bool      // the month takes no more postings
}

// Close makes the invoices of a month. A month that is over is closed for good. With force, the time of grace and open dead
// letters are not waited for, and a month that is not over is invoiced up to now and stays open: what comes later is on
// the next invoice. Repeating it makes no second invoice for anything. Errors for people are apperr.
func (c *Closer) Close(ctx context.Context, month string, force bool, by string) (Outcome, error) {
	start, err := time.Parse(MonthLayout, month)
	if err != nil {
		return Outcome{}, apperr.New(apperr.InvalidRequest, "A month looks like 2026-11, not %q.", month)
	}
	p, err := c.store.Period(ctx, month)
	if err != nil {
		return Outcome{}, fmt.Errorf("read period: %w", err)
	}
	if p.State == PeriodClosed {
		return Outcome{Closed: true, Until: start.AddDate(0, 1, 0)}, nil
	}
	if err := c.store.SetClosing(ctx, month, force, by); err != nil {
		return Outcome{}, fmt.Errorf("begin close: %w", err)
	}
	out, err := c.run(ctx, month, start, force)
	state, problem, cut := PeriodOpen, "", (*time.Time)(nil)
	switch {
	case ctx.Err() != nil:
		return out, fmt.Errorf("close %s: %w", month, ctx.Err()) // it stays in closing and is resumed
	case err != nil:
		problem = apperr.From(err).Message
		if !isShown(err) {
			problem = err.Error()
		}
	default:
		cut = &out.Until
		if out.Closed {
			state = PeriodClosed
		}
	}
	if end := c.store.EndClose(ctx, month, state, cut, problem); end != nil {
		return out, errors.Join(err, fmt.Errorf("end close: %w", end))
	}
	if err != nil {
		return out, fmt.Errorf("close %s: %w", month, err)
	}
	c.log.InfoContext(ctx, "invoices were made", slog.String("month", month), slog.Int("invoices", out.Invoices), slog.Bool("closed", out.Closed))
	return out, nil
}

func isShown(err error) bool {
	var e *apperr.Error
	return errors.As(err, &e)
}

func (c *Closer) run(ctx context.Context, month string, start time.Time, force bool) (Outcome, error) {
	end := start.AddDate(0, 1, 0)
	now := c.clock.Now()
	switch {
	case now.Before(start):
		return Outcome{}, apperr.New(apperr.Unprocessable, "%s has not begun.", month)
	case now.Before(end) && !force:
		return Outcome{}, apperr.New(apperr.Unprocessable, "%s is not over. Forced, it is invoiced up to now and stays open.", month)
	case now.Before(end.Add(c.grace)) && !force:
		return Outcome{}, apperr.New(apperr.Unprocessable, "%s can be closed from %s on, when late usage has had its time.", month, end.Add(c.grace).Format(time.RFC3339))
	}
	if earlier, err := c.store.EarlierOpen(ctx, start); err != nil {
		return Outcome{}, fmt.Errorf("look for earlier months: %w", err)
	} else if earlier != "" {
		return Outcome{}, apperr.New(apperr.Unprocessable, "Close %s first: it has usage that is not invoiced.", earlier)
	}
	if err := c.barrier(ctx); err != nil {
		return Outcome{}, fmt.Errorf("wait for usage that is on its way: %w", err)
	}
	if !force {
		letters, err := c.store.OpenLetters(ctx, end)
		if err != nil {
			return Outcome{}, fmt.Errorf("look for dead letters: %w", err)
		}
		if letters > 0 {
			return Outcome{}, apperr.New(apperr.Unprocessable, "%d usage events could not be posted. Resolve these dead letters first.", letters)
		}
	}
	cut, err := c.store.Cut(ctx, end)
	if err != nil {
		return Outcome{}, fmt.Errorf("choose the cut: %w", err)
	}
	out := Outcome{Until: cut, Closed: cut.Equal(end)}
	tenants, err := c.store.Billable(ctx, start, cut)
	if err != nil {
		return out, fmt.Errorf("find tenants to bill: %w", err)
	}
	var all error
	for _, t := range tenants {
		made, err := c.store.BillTenant(ctx, t, month, start, cut)
		if err != nil {
			// One tenant's trouble must not keep the others from their invoices, but the month stays open.
			c.log.ErrorContext(ctx, "a tenant cannot be billed", slog.String("tenant", t.String()), slog.Any("error", err))
			all = errors.Join(all, fmt.Errorf("tenant %s: %w", t, err))
			continue
		}
		if made {
			out.Invoices++
		}
	}
	return out, all
}

// CloseRequested closes the months that somebody has asked for. It is a duty of the worker.
func (c *Closer) CloseRequested(ctx context.Context) error {
	list, err := c.store.ClosingPeriods(ctx)
	if err != nil {
		return fmt.Errorf("find periods to close: %w", err)
	}
	var all error
	for _, p := range list {
		_, err := c.Close(ctx, p.Month, p.Force, "")
		if isShown(err) {
			c.log.WarnContext(ctx, "a month cannot be closed", slog.String("month", p.Month), slog.String("reason", apperr.From(err).Message))
			continue
		}
		all = errors.Join(all, err)
	}
	return all
}
