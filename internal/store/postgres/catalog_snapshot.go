package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/platform/id"
	"starlane/internal/tenancy/vkey"
)

// Snapshots reads what relays are told: the catalogue, and the records of virtual keys. It works for the api and the worker.
type Snapshots struct{ pool *pgxpool.Pool }

// NewSnapshots needs a pool of either role.
func NewSnapshots(pool *pgxpool.Pool) *Snapshots { return &Snapshots{pool: pool} }

// Head is the number of the last change.
func (s *Snapshots) Head(ctx context.Context) (int64, error) {
	var head int64
	if err := s.pool.QueryRow(ctx, `select coalesce(max(seq), 0) from config_change`).Scan(&head); err != nil {
		return 0, fmt.Errorf("read config changes: %w", err)
	}
	return head, nil
}

// CatalogChanged tells whether the catalogue changed after a number.
func (s *Snapshots) CatalogChanged(ctx context.Context, after int64) (bool, error) {
	var changed bool
	err := s.pool.QueryRow(ctx, `select exists (select from config_change where seq > $1 and kind = $2)`, after, changeCatalog).Scan(&changed)
	if err != nil {
		return false, fmt.Errorf("read config changes: %w", err)
	}
	return changed, nil
}

// snapshotTx reads everything as of one moment.
func (s *Snapshots) snapshotTx(ctx context.Context, f func(pgx.Tx) error) error {
	opts := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, s.pool, opts, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select set_config('starlane.operator', 'on', true)`); err != nil {
			return err
		}
		return f(tx)
	})
}

func collect[T any](ctx context.Context, tx pgx.Tx, into *[]T, sql string, args ...any) error {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	*into, err = pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	return err
}

// Catalog reads the whole catalogue. Its version is the number of the last change it holds.
func (s *Snapshots) Catalog(ctx context.Context) (catalog.Data, error) {
	var d catalog.Data
	err := s.snapshotTx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `select coalesce(max(seq), 0), now() from config_change`).Scan(&d.Version, &d.PublishedAt); err != nil {
			return err
		}
		for _, read := range []func() error{
			func() error {
				return collect(ctx, tx, &d.Providers, `select id, slug, name, dialect, vendor, simulated from provider order by id`)
			},
			func() error {
				return collect(ctx, tx, &d.Accounts, `select id, provider_id, name, base_url, state = 'active', region, project, api_version from provider_account order by id`)
			},
			func() error {
				return collect(ctx, tx, &d.Keys, `
					select id, account_id, sealed, weight, state = 'active' from upstream_key where state <> 'revoked' order by id`)
			},
			func() error {
				return collect(ctx, tx, &d.Models, `
					select name, display_name, description, capabilities, features, context_length, max_output, tokenizer, state, created_at
					from model order by name`)
			},
			func() error {
				return collect(ctx, tx, &d.Deployments, `
					select id, model_name, account_id, upstream_model, region, weight, state = 'active' from deployment order by id`)
			},
			func() error {
				return collect(ctx, tx, &d.Routes, `
					select r.alias, r.description,
						array(select c.model_name from route_candidate c where c.alias = r.alias order by c.position)
					from route r order by r.alias`)
			},
			func() error { return readPrices(ctx, tx, &d.Prices) },
		} {
			if err := read(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return catalog.Data{}, fmt.Errorf("read catalogue: %w", err)
	}
	return d, nil
}

// readPrices leaves out versions that a later one has replaced, as time never comes back to them. List prices carry the
// tenant Nil, contract prices that of the contract.
func readPrices(ctx context.Context, tx pgx.Tx, into *[]pricing.Version) error {
	rows, err := tx.Query(ctx, `
		select v.id, v.tenant_id, v.model_name, v.valid_from, v.recorded_at,
			(select json_object_agg(r.class, r.nano_per_million) from price_rate r where r.tenant_id = v.tenant_id and r.version_id = v.id)
		from price_version v join price_book b on b.tenant_id = v.tenant_id and b.id = v.book_id
		where b.kind in ('list', 'contract') and not exists (
			select from price_version y
			where y.tenant_id = v.tenant_id and y.book_id = v.book_id and y.model_name = v.model_name
				and y.valid_from <= now() and (y.valid_from, y.id) > (v.valid_from, v.id))
		order by v.id`)
	if err != nil {
		return err
	}
	*into, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (pricing.Version, error) {
		v := pricing.Version{Rates: map[string]money.Price{}}
		var rates []byte
		err := row.Scan(&v.ID, &v.Tenant, &v.Model, &v.ValidFrom, &v.RecordedAt, &rates)
		if err != nil || rates == nil {
			return v, err
		}
		return v, json.Unmarshal(rates, &v.Rates)
	})
	return err
}

// selectRecord takes the version as $1.
const selectRecord = `
	select k.public_id, k.digest, k.id, k.tenant_id, k.project_id, k.name,
		k.state = 'active' and t.status = 'active',
		case when k.state <> 'active' then k.state when t.status <> 'active' then 'tenant_' || t.status else '' end,
		t.billing_mode = 'postpaid', k.allowed_models, coalesce(k.rpm, 0), coalesce(k.tpm, 0), coalesce(k.concurrency, 0),
		coalesce(k.budget_nano, 0), coalesce(k.budget_window, ''), coalesce(k.expires_at, '0001-01-01'::timestamptz),
		coalesce(t.response_epoch, '00000000-0000-0000-0000-000000000000'), t.response_hours, $1::bigint
	from virtual_key k join tenant t on t.id = k.tenant_id `

const recordPage = 1000

// AllKeys walks over the records of all keys, those that do not work included, in one moment.
func (s *Snapshots) AllKeys(ctx context.Context, each func([]vkey.Record) error) (head int64, err error) {
	err = s.snapshotTx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `select coalesce(max(seq), 0) from config_change`).Scan(&head); err != nil {
			return err
		}
		tenant, key := id.Nil, id.Nil
		for {
			var batch []vkey.Record
			err := collect(ctx, tx, &batch, selectRecord+`where (k.tenant_id, k.id) > ($2, $3) order by k.tenant_id, k.id limit $4`,
				head, tenant, key, recordPage)
			if err != nil || len(batch) == 0 {
				return err
			}
			if err := each(batch); err != nil {
				return err
			}
			tenant, key = batch[len(batch)-1].Tenant, batch[len(batch)-1].Key
		}
	})
	if err != nil {
		return 0, fmt.Errorf("read key records: %w", err)
	}
	return head, nil
}

// ChangedKeys returns the records of the keys that changed after a number, by themselves or with their tenant.
func (s *Snapshots) ChangedKeys(ctx context.Context, after int64) (records []vkey.Record, head int64, err error) {
	err = s.snapshotTx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `select coalesce(max(seq), 0) from config_change`).Scan(&head); err != nil {
			return err
		}
		return collect(ctx, tx, &records, selectRecord+`
			where (k.tenant_id, k.id) in (select c.tenant_id, c.ref::uuid from config_change c where c.seq > $2 and c.kind = $3)
				or k.tenant_id in (select c.tenant_id from config_change c where c.seq > $2 and c.kind = $4)`,
			head, after, changeKey, changeTenant)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read key records: %w", err)
	}
	return records, head, nil
}
