package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
)

// Tenancy keeps tenants, people, keys and tokens, and the log of who changed them.
type Tenancy struct{ pool *pgxpool.Pool }

// NewTenancy needs a pool of the api role.
func NewTenancy(pool *pgxpool.Pool) *Tenancy { return &Tenancy{pool: pool} }

// More values of SQLSTATE, see pool.go.
const (
	codeForeignKey = "23503"
	codeCheck      = "23514"
)

// found turns an absent row into apperr.NotFound; what names the thing, "key".
func found(err error, what string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return apperr.New(apperr.NotFound, "There is no such %s.", what)
	}
	return err
}

// refused turns violated constraints into failures that a user can act on.
func refused(err error, what string) error {
	switch Code(err) {
	case codeUnique:
		return apperr.Wrap(err, apperr.Conflict, "There is already such a %s.", what)
	case codeForeignKey:
		return apperr.Wrap(err, apperr.Unprocessable, "The %s names something that does not exist.", what)
	case codeCheck:
		return apperr.Wrap(err, apperr.Unprocessable, "The %s is not valid.", what)
	}
	return err
}

// write records who did what, in the transaction of the change.
func write(ctx context.Context, tx pgx.Tx, tenant id.ID, by audit.Actor, action, target string, detail audit.Detail) error {
	if detail == nil {
		detail = audit.Detail{}
	}
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	_, err = tx.Exec(ctx, `insert into audit_log (tenant_id, id, actor, action, target, detail) values ($1, $2, $3, $4, $5, $6)`,
		tenant, id.New(), string(by), action, target, b)
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	return nil
}

// Kinds of config_change.
const (
	changeKey     = "virtual_key"
	changeTenant  = "tenant"
	changeCatalog = "catalog"
)

// configLock is held from the numbering of a change to its commit, so that changes become visible in the order of their
// numbers and the publisher never steps over one.
const configLock = 0x5354_4152_4c43_4647

// configChanged tells relays, through the publisher, that something they hold is out of date. It is the last statement of a
// transaction, as it makes other changes wait.
func configChanged(ctx context.Context, tx pgx.Tx, kind string, tenant id.ID, ref string) error {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(configLock)); err != nil {
		return fmt.Errorf("note change of %s: %w", kind, err)
	}
	if _, err := tx.Exec(ctx, `insert into config_change (kind, tenant_id, ref) values ($1, $2, $3)`, kind, tenant, ref); err != nil {
		return fmt.Errorf("note change of %s: %w", kind, err)
	}
	return nil
}

// afterID reads the cursor of a list that is ordered by id.
func afterID(a page.Ask) (*id.ID, error) {
	if a.After == "" {
		return nil, nil // no cursor is a case of its own
	}
	v, err := id.Parse(a.After)
	if err != nil {
		return nil, badCursor()
	}
	return &v, nil
}

func badCursor() error {
	return apperr.New(apperr.InvalidRequest, "The cursor is not one that this list gave.").WithParam("cursor")
}

// like makes a pattern that finds text anywhere.
func like(text string) string {
	if text == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}

// orNil passes an absent filter as null.
func orNil(v id.ID) *id.ID {
	if v == id.Nil {
		return nil
	}
	return &v
}
