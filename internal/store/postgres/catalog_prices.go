package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"starlane/internal/billing/money"
	"starlane/internal/catalog/registry"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
)

const selectBook = `select b.id, b.kind, b.name, b.tenant_id, t.name, b.currency from price_book b join tenant t on t.id = b.tenant_id `

func bookID(b *registry.PriceBook) string { return strconv.FormatInt(b.ID, 10) }

func afterNumber(a page.Ask) (int64, error) {
	if a.After == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(a.After, 10, 64)
	if err != nil {
		return 0, badCursor()
	}
	return n, nil
}

// PriceBooks lists the books.
func (r *Registry) PriceBooks(ctx context.Context, ask page.Ask) (page.List[registry.PriceBook], error) {
	after, err := afterNumber(ask)
	if err != nil {
		return page.List[registry.PriceBook]{}, err
	}
	return list(ctx, r, "price books", ask, bookID, selectBook+`where b.id > $1 order by b.id limit $2`, after, ask.Fetch())
}

// CreateContract adds the contract book of a tenant; there is at most one.
func (r *Registry) CreateContract(ctx context.Context, by audit.Actor, t id.ID, name string) (registry.PriceBook, error) {
	var out registry.PriceBook
	err := operatorTx(ctx, r.pool, func(tx pgx.Tx) error {
		// Numbers are given by hand, so books are made one at a time; the lock is that of all catalogue changes.
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(configLock)); err != nil {
			return fmt.Errorf("lock price books: %w", err)
		}
		var there bool
		err := tx.QueryRow(ctx, `select exists (select from price_book where kind = 'contract' and tenant_id = $1)`, t).Scan(&there)
		if err != nil {
			return fmt.Errorf("look for contract: %w", err)
		}
		if there {
			return apperr.New(apperr.Conflict, "The tenant already has a contract price book.")
		}
		var n int64
		err = tx.QueryRow(ctx, `
			insert into price_book (tenant_id, id, kind, name) values ($1, (select max(id) + 1 from price_book), 'contract', $2) returning id`, t, name).Scan(&n)
		if err != nil {
			return refused(err, "price book")
		}
		rows, err := tx.Query(ctx, selectBook+`where b.tenant_id = $1 and b.id = $2`, t, n)
		if err != nil {
			return fmt.Errorf("read price book: %w", err)
		}
		if out, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[registry.PriceBook]); err != nil {
			return found(err, "price book")
		}
		return write(ctx, tx, t, by, "price_book.create", bookID(&out), audit.Detail{"name": name})
	})
	return out, err
}

// PriceVersions lists the versions of a book, newest first; of one model unless it is empty.
func (r *Registry) PriceVersions(ctx context.Context, book int64, model string, ask page.Ask) (page.List[registry.PriceVersion], error) {
	after, err := afterNumber(ask)
	if err != nil {
		return page.List[registry.PriceVersion]{}, err
	}
	var rows []registry.PriceVersion
	err = operatorTx(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := bookTenant(ctx, tx, book); err != nil {
			return err
		}
		got, err := tx.Query(ctx, selectVersion+`
			where v.book_id = $1 and ($2 = '' or v.model_name = $2) and ($3 = 0 or v.id < $3)
			order by v.id desc limit $4`, book, model, after, ask.Fetch())
		if err != nil {
			return fmt.Errorf("list price versions: %w", err)
		}
		rows, err = pgx.CollectRows(got, scanVersion)
		return err
	})
	return page.Cut(ask, rows, func(v *registry.PriceVersion) string { return strconv.FormatInt(v.ID, 10) }), err
}

const selectVersion = `
	select v.id, v.book_id, v.model_name, v.valid_from, v.recorded_at, v.source, v.proposed_by,
		(select json_object_agg(r.class, r.nano_per_million) from price_rate r where r.tenant_id = v.tenant_id and r.version_id = v.id)
	from price_version v `

func scanVersion(row pgx.CollectableRow) (registry.PriceVersion, error) {
	v := registry.PriceVersion{Rates: map[string]money.Price{}}
	var rates []byte
	err := row.Scan(&v.ID, &v.Book, &v.Model, &v.ValidFrom, &v.RecordedAt, &v.Source, &v.ProposedBy, &rates)
	if err != nil || rates == nil {
		return v, err
	}
	return v, json.Unmarshal(rates, &v.Rates)
}

func bookTenant(ctx context.Context, tx pgx.Tx, book int64) (id.ID, error) {
	var t id.ID
	err := tx.QueryRow(ctx, `select tenant_id from price_book where id = $1`, book).Scan(&t)
	return t, found(err, "price book")
}

// CreatePriceVersion adds a version. A version of a public model must name one that exists.
func (r *Registry) CreatePriceVersion(ctx context.Context, by audit.Actor, v registry.PriceVersion) (registry.PriceVersion, error) {
	var out registry.PriceVersion
	err := operatorTx(ctx, r.pool, func(tx pgx.Tx) error {
		t, err := bookTenant(ctx, tx, v.Book)
		if err != nil {
			return err
		}
		var fits bool
		err = tx.QueryRow(ctx, `
			select b.kind = 'provider_cost' or exists (select from model where name = $2) from price_book b where b.id = $1`,
			v.Book, v.Model).Scan(&fits)
		if err != nil {
			return fmt.Errorf("check model: %w", err)
		}
		if !fits {
			return found(pgx.ErrNoRows, "model")
		}
		classes, prices := make([]string, 0, len(v.Rates)), make([]int64, 0, len(v.Rates))
		for class, p := range v.Rates {
			classes, prices = append(classes, class), append(prices, int64(p))
		}
		var version int64
		err = tx.QueryRow(ctx, `
			insert into price_version (tenant_id, book_id, model_name, valid_from, source, proposed_by, approved_by)
			values ($1, $2, $3, $4, $5, $6, $6) returning id`,
			t, v.Book, v.Model, v.ValidFrom, v.Source, string(by)).Scan(&version)
		if err != nil {
			return refused(err, "price version")
		}
		_, err = tx.Exec(ctx, `
			insert into price_rate (tenant_id, version_id, class, nano_per_million)
			select $1, $2, class, price from unnest($3::text[], $4::bigint[]) as x (class, price)`, t, version, classes, prices)
		if err != nil {
			return refused(err, "price")
		}
		rows, err := tx.Query(ctx, selectVersion+`where v.tenant_id = $1 and v.id = $2`, t, version)
		if err != nil {
			return fmt.Errorf("read price version: %w", err)
		}
		if out, err = pgx.CollectExactlyOneRow(rows, scanVersion); err != nil {
			return fmt.Errorf("read price version: %w", err)
		}
		detail := audit.Detail{"book": v.Book, "model": v.Model, "valid_from": out.ValidFrom, "rates_nano_per_million": out.Rates}
		if err := write(ctx, tx, id.Nil, by, "price.create", strconv.FormatInt(version, 10), detail); err != nil {
			return err
		}
		return configChanged(ctx, tx, changeCatalog, t, v.Model)
	})
	return out, err
}
