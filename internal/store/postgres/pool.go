// Package postgres keeps the product's truth: one file per store, queries checked against the schema by sqlc in
// queries/*.sql, and hand-written statements where arrays, locks and partitions are the point.
//
// A store method is one transaction and one business act. The tenant comes first in every query; row-level security is
// the second wall.
package postgres

//go:generate env CGO_ENABLED=0 go tool -modfile=../../tools/go.mod sqlc generate -f sqlc.yaml

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
)

// Role is what a process works as; the credential in the DSN only opens the door.
type Role string

// The roles, see migrations/00001_roles.sql.
const (
	API    Role = "starlane_api"
	Worker Role = "starlane_worker"
)

const (
	connectTimeout = 10 * time.Second
	maxIdle        = 5 * time.Minute
	poolMin        = 2
	poolMax        = 16
)

// Pool is what every store of a process works on.
type Pool = pgxpool.Pool

// Open makes the pool of a process. Every connection takes the role, the schema and UTC from its first byte on.
func Open(ctx context.Context, dsn secret.String, role Role) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn.Reveal())
	if err != nil {
		// The parser's own error quotes the connection string, which may hold a password.
		return nil, errors.New("DATABASE_URL: want postgres://user:password@host:5432/database")
	}
	params := cfg.ConnConfig.RuntimeParams
	params["role"] = string(role)
	params["search_path"] = "starlane,public"
	params["TimeZone"] = "UTC"
	params["application_name"] = string(role)
	// A process that hangs inside a transaction must not hold its locks for ever.
	params["idle_in_transaction_session_timeout"] = "60s"
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	cfg.AfterConnect = speakUUID
	cfg.MaxConnIdleTime = maxIdle
	cfg.MinConns = poolMin
	cfg.MaxConns = max(cfg.MaxConns, poolMax)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	return pool, nil
}

// Code returns the SQLSTATE of an error that Postgres sent, or "".
func Code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

func isNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// SQLSTATE values that the stores act on.
const (
	codeUnique        = "23505"
	codeNoTable       = "42P01"
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
)

// txAttempts bounds how often a transaction that lost a race is tried again.
const txAttempts = 4

// operatorTx runs f in a transaction that sees all tenants, and runs it again when Postgres says that only the timing was
// bad. Callers have authorised what they do: for the api role this lifts the tenant wall.
func operatorTx(ctx context.Context, pool *pgxpool.Pool, f func(pgx.Tx) error) error {
	return runTx(ctx, pool, "starlane.operator", "on", f)
}

// tenantTx is operatorTx behind the wall of one tenant.
func tenantTx(ctx context.Context, pool *pgxpool.Pool, tenant id.ID, f func(pgx.Tx) error) error {
	return runTx(ctx, pool, "starlane.tenant", tenant.String(), f)
}

func runTx(ctx context.Context, pool *pgxpool.Pool, setting, value string, f func(pgx.Tx) error) error {
	var err error
	for range txAttempts {
		err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "select set_config($1, $2, true)", setting, value); err != nil {
				return fmt.Errorf("begin: %w", err)
			}
			return f(tx)
		})
		if code := Code(err); code != codeSerialization && code != codeDeadlock {
			return err
		}
	}
	return err
}
