package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
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
func Migrated(ctx context.Context, dsn secret.String) error {
	cfg, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		return errors.New("DATABASE_URL: want postgres://user:password@host:5432/database")
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	pending, err := provider.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if pending {
		return errors.New("the database schema is behind this binary: run `api migrate`")
	}
	return nil
}
