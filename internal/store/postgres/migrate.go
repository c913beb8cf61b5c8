package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"starlane/internal/platform/secret"
	"starlane/migrations"
)

// Migrate brings the schema up to date and returns how many migrations it ran. Several processes may call it at once: one
// works, the others wait for it. The DSN must belong to a role that may create roles and schemas.
func Migrate(ctx context.Context, dsn secret.String) (int, error) {
	return MigrateFrom(ctx, dsn, migrations.FS)
}

// MigrateFrom is Migrate with the migrations given.
func MigrateFrom(ctx context.Context, dsn secret.String, schema fs.FS) (int, error) {
	cfg, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		return 0, errors.New("DATABASE_URL: want postgres://user:password@host:5432/database")
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, schema,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return len(results), fmt.Errorf("migrate: %w", err)
	}
	return len(results), nil
}

// Migrated tells whether the schema is the one this binary was built for; the error says what is missing.
func Migrated(ctx context.Context, pool *pgxpool.Pool) error {
	want, err := newest(migrations.FS)
	if err != nil {
		return err
	}
	var have int64
	err = pool.QueryRow(ctx, `select coalesce(max(version_id), 0) from goose_db_version where is_applied`).Scan(&have)
	if Code(err) == codeNoTable {
		err = nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("read schema version: %w", err)
	case have < want:
		return fmt.Errorf("the database schema is at version %d, this binary needs %d: run `api migrate`", have, want)
	}
	return nil
}

// newest is the highest number among the migrations.
func newest(schema fs.FS) (int64, error) {
	names, err := fs.Glob(schema, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	var highest int64
	for _, name := range names {
		n, err := goose.NumericComponent(name)
		if err != nil {
			return 0, fmt.Errorf("read migrations: %w", err)
		}
		highest = max(highest, n)
	}
	return highest, nil
}
