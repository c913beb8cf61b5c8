package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"starlane/internal/devstack/testcluster"
)

const (
	clonePrefix    = "starlane_test_"
	templatePrefix = "starlane_template_"
	cloneStrategy  = "file_copy" // the whole template is a few MB of files: cheaper than writing each page to the log
	keptTemplates  = 12
	// templateLock serialises the makers of templates: roles are cluster-wide, and Postgres does not like them changed by two at once.
	templateLock = 0x5354_4152
)

// ensureTemplate returns the name of the database that holds the schema, and makes it if it does not exist.
func ensureTemplate(ctx context.Context, conn *pgx.Conn, admin string, schema fs.FS) (string, error) {
	sum, err := digest(schema)
	if err != nil {
		return "", err
	}
	name := templatePrefix + sum
	if ok, err := exists(ctx, conn, name); ok || err != nil {
		return name, err
	}
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", templateLock); err != nil {
		return "", fmt.Errorf("lock: %w", err)
	}
	defer func() { _, _ = conn.Exec(ctx, "select pg_advisory_unlock($1)", templateLock) }()
	if ok, err := exists(ctx, conn, name); ok || err != nil {
		return name, err
	}
	if err := sweep(ctx, conn); err != nil {
		return "", err
	}
	// Made under another name and renamed, so that a half-made template is never cloned.
	draft := name + "_new"
	for _, sql := range []string{"drop database if exists " + draft + " with (force)", "create database " + draft + " template template0"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return "", fmt.Errorf("%s: %w", sql, err)
		}
	}
	if err := migrate(ctx, admin, draft, schema); err != nil {
		return "", err
	}
	if err := letRolesLogIn(ctx, conn, admin); err != nil {
		return "", err
	}
	for _, sql := range []string{
		"alter database " + draft + " rename to " + name,
		"alter database " + name + " with is_template true allow_connections false",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return "", fmt.Errorf("%s: %w", sql, err)
		}
	}
	return name, nil
}

func exists(ctx context.Context, conn *pgx.Conn, name string) (bool, error) {
	var ok bool
	err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1 and datistemplate)", name).Scan(&ok)
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", name, err)
	}
	return ok, nil
}

func digest(schema fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(schema, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(schema, path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(h, "%s\x00%d\x00%s", path, len(data), data)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the migrations: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

func migrate(ctx context.Context, admin, database string, schema fs.FS) error {
	dsn, err := as(admin, database, "")
	if err != nil {
		return err
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("connection string: %w", err)
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, schema, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func letRolesLogIn(ctx context.Context, conn *pgx.Conn, admin string) error {
	u, err := url.Parse(admin)
	if err != nil {
		return fmt.Errorf("connection string: %w", err)
	}
	for _, role := range []string{apiRole, workerRole} {
		if _, err := conn.Exec(ctx, "create role "+role); err != nil && !isCode(err, "42710", "23505") {
			return fmt.Errorf("role %s: %w", role, err)
		}
		if _, err := conn.Exec(ctx, "alter role "+role+" login password '"+rolePassword(u, role)+"'"); err != nil {
			return fmt.Errorf("role %s: %w", role, err)
		}
	}
	return nil
}

func isCode(err error, codes ...string) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return false
	}
	for _, c := range codes {
		if pgErr.Code == c {
			return true
		}
	}
	return false
}

// sweep drops the clones of processes that were killed, and the templates of all but the latest states of the migrations.
func sweep(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, "select datname, datistemplate from pg_database where datname like 'starlane\\_te%' order by oid desc")
	if err != nil {
		return fmt.Errorf("list databases: %w", err)
	}
	type database struct {
		Name     string
		Template bool
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[database])
	if err != nil {
		return fmt.Errorf("list databases: %w", err)
	}
	templates := 0
	for _, d := range all {
		switch pid, isClone := pidOf(d.Name); {
		case isClone && len(testcluster.DropDead([]int{pid})) == 1:
		case d.Template && strings.HasPrefix(d.Name, templatePrefix):
			if templates++; templates < keptTemplates {
				continue
			}
			if _, err := conn.Exec(ctx, "alter database "+d.Name+" with is_template false"); err != nil {
				return fmt.Errorf("drop %s: %w", d.Name, err)
			}
		default:
			continue
		}
		// Somebody may be cloning an old template this very moment; then it stays for the next time.
		if _, err := conn.Exec(ctx, "drop database if exists "+d.Name+" with (force)"); err != nil && !isCode(err, "55006") {
			return fmt.Errorf("drop %s: %w", d.Name, err)
		}
	}
	return nil
}

// cutPrefixes returns the part between the prefix and the next underscore.
func cutPrefixes(s, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return "", false
	}
	part, _, ok := strings.Cut(rest, "_")
	return part, ok
}
