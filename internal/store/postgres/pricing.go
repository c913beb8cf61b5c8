package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/billing/metering"
	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/store/postgres/pgdb"
)

// monthsFresh is how long the list of partitions is believed.
const monthsFresh = time.Minute

// Prices is the source of prices and tenants for metering. It reads versions only when there are new ones.
type Prices struct {
	pool  *pgxpool.Pool
	clock clock.Clock
	q     *pgdb.Queries

	mu       sync.Mutex
	book     *pricing.Book
	count    int64          // of versions the book was made of
	tenants  map[id.ID]bool // tenants are never deleted
	from     time.Time
	until    time.Time
	monthsAt time.Time
}

// NewPrices reads nothing yet.
func NewPrices(pool *pgxpool.Pool, c clock.Clock) *Prices {
	return &Prices{pool: pool, clock: c, q: pgdb.New(), tenants: map[id.ID]bool{}, count: -1}
}

// Facts asks the database each time whether there are new prices, so that an event is never priced by an older book than
// the relay had.
func (p *Prices) Facts(ctx context.Context, tenants []id.ID) (metering.Facts, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refreshBook(ctx); err != nil {
		return metering.Facts{}, err
	}
	if err := p.refreshMonths(ctx); err != nil {
		return metering.Facts{}, err
	}
	known, err := p.known(ctx, tenants)
	if err != nil {
		return metering.Facts{}, err
	}
	return metering.Facts{Book: p.book, Tenants: known, From: p.from, Until: p.until}, nil
}

func (p *Prices) refreshBook(ctx context.Context) error {
	count, err := p.q.CountPriceVersions(ctx, p.pool)
	if err != nil {
		return fmt.Errorf("look for new prices: %w", err)
	}
	if count == p.count {
		return nil
	}
	versions, err := SellVersions(ctx, p.pool)
	if err != nil {
		return err
	}
	book, err := pricing.NewBook(versions)
	if err != nil {
		return fmt.Errorf("compile prices: %w", err)
	}
	p.book, p.count = book, count
	return nil
}

func (p *Prices) refreshMonths(ctx context.Context) error {
	now := p.clock.Now()
	if now.Sub(p.monthsAt).Abs() < monthsFresh {
		return nil
	}
	var first, final string
	err := p.pool.QueryRow(ctx, `
		select min(right(c.relname, 7)), max(right(c.relname, 7))
		from pg_inherits i
		join pg_class c on c.oid = i.inhrelid
		where i.inhparent = 'starlane.usage_event'::regclass and c.relname ~ '_\d{4}_\d{2}$'`).Scan(&first, &final)
	if err != nil {
		return fmt.Errorf("read partitions: %w", err)
	}
	const layout = "2006_01"
	if p.from, err = time.Parse(layout, first); err != nil {
		return fmt.Errorf("read partitions: %w", err)
	}
	last, err := time.Parse(layout, final)
	if err != nil {
		return fmt.Errorf("read partitions: %w", err)
	}
	p.until, p.monthsAt = last.AddDate(0, 1, 0), now
	return nil
}

func (p *Prices) known(ctx context.Context, tenants []id.ID) (map[id.ID]bool, error) {
	out := make(map[id.ID]bool, len(tenants))
	var ask []id.ID
	for _, t := range tenants {
		if p.tenants[t] {
			out[t] = true
		} else {
			ask = append(ask, t)
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	found, err := p.q.KnownTenants(ctx, p.pool, ask)
	if err != nil {
		return nil, fmt.Errorf("look up tenants: %w", err)
	}
	for _, t := range found {
		p.tenants[t], out[t] = true, true
	}
	return out, nil
}

// SellVersions reads all versions of the list and of contracts. Both snapshot and metering use it, so that relay and
// worker agree on prices.
func SellVersions(ctx context.Context, db pgdb.DBTX) ([]pricing.Version, error) {
	rows, err := pgdb.New().SellVersions(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("read prices: %w", err)
	}
	var out []pricing.Version
	for _, r := range rows {
		if len(out) == 0 || out[len(out)-1].ID != r.ID {
			v := pricing.Version{ID: r.ID, Model: r.ModelName, ValidFrom: r.ValidFrom.UTC(), RecordedAt: r.RecordedAt.UTC(), Rates: pricing.RatesByName{}}
			if r.Kind == "contract" {
				v.Tenant = r.TenantID
			}
			out = append(out, v)
		}
		out[len(out)-1].Rates[r.Class] = money.Price(r.NanoPerMillion)
	}
	return out, nil
}
