package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"starlane/internal/devstack/stack"
	"starlane/migrations"
)

const checkTimeout = 10 * time.Second

func (a *app) databaseFindings(ctx context.Context) []finding {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	conn, err := a.connect(ctx)
	if err != nil {
		return []finding{fault("database", err.Error(), "")}
	}
	defer func() { _ = conn.Close(ctx) }()
	var version string
	var now time.Time
	asked := time.Now()
	if err := conn.QueryRow(ctx, "select current_setting('server_version'), clock_timestamp()").Scan(&version, &now); err != nil {
		return []finding{fault("database", err.Error(), "")}
	}
	out := []finding{okay("database", "Postgres "+version+" answers")}
	// The answer was made somewhere between asking and now.
	skew := max(asked.Sub(now), time.Until(now), 0)
	if skew > skewAllowed {
		out = append(out, fault("clock", fmt.Sprintf("this machine and the database are %s apart", skew.Round(time.Millisecond)), "synchronise the clocks: periods and prices depend on them"))
	} else {
		out = append(out, okay("clock", "agrees with the database"))
	}
	s := schema(ctx, conn)
	if s.Level != levelOK {
		return append(out, s)
	}
	return append(out, s, partitions(ctx, conn), ledgerBalances(ctx, conn), deadLetters(ctx, conn))
}

// schema compares what the database has with the migrations in this program.
func schema(ctx context.Context, conn *pgx.Conn) finding {
	newest, err := newestMigration()
	if err != nil {
		return fault("schema", err.Error(), "")
	}
	var has int64
	err = conn.QueryRow(ctx, "select coalesce(max(version_id), 0) from public.goose_db_version where is_applied").Scan(&has)
	switch {
	case err != nil:
		return fault("schema", "there is none: "+err.Error(), "`starlane up` migrates; elsewhere run `api migrate`")
	case has < newest:
		return fault("schema", fmt.Sprintf("version %d, this program needs %d", has, newest), "`starlane up` migrates; elsewhere run `api migrate`")
	case has > newest:
		return fault("schema", fmt.Sprintf("version %d is newer than this program, which knows %d", has, newest), "use the newer program; the data stays as it is")
	}
	return okay("schema", fmt.Sprintf("version %d, up to date", has))
}

func newestMigration() (int64, error) {
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil || len(files) == 0 {
		return 0, errors.New("this program carries no migrations")
	}
	number, _, _ := strings.Cut(files[len(files)-1], "_")
	return strconv.ParseInt(number, 10, 64)
}

// partitions checks that each table kept by month has room for the next one.
func partitions(ctx context.Context, conn *pgx.Conn) finding {
	const query = `
select parent.relname
from pg_partitioned_table p
join pg_class parent on parent.oid = p.partrelid
join pg_namespace n on n.oid = parent.relnamespace and n.nspname = 'starlane'
where to_regclass(n.nspname || '.' || parent.relname || to_char((now() at time zone 'utc') + interval '1 month', '_YYYY_MM')) is null
order by 1`
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return fault("partitions", err.Error(), "")
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	switch {
	case err != nil:
		return fault("partitions", err.Error(), "")
	case len(missing) > 0:
		return warning("partitions", "next month has none yet: "+strings.Join(missing, ", "), "the worker makes them ahead of time; see that one runs")
	}
	return okay("partitions", "ready for the next month")
}

// ledgerBalances asks for the one sum that must be zero at any time.
func ledgerBalances(ctx context.Context, conn *pgx.Conn) finding {
	var sum string
	if err := conn.QueryRow(ctx, "select coalesce(sum(amount_nano), 0)::text from starlane.ledger_entry").Scan(&sum); err != nil {
		return fault("ledger", err.Error(), "")
	}
	if sum != "0" {
		return fault("ledger", "entries sum to "+sum+" nano-USD, not to 0", "stop the worker and look for changes made by hand")
	}
	return okay("ledger", "all entries sum to 0")
}

// deadLetters asks the database: the copies in Redis go with it.
func deadLetters(ctx context.Context, conn *pgx.Conn) finding {
	var open int
	if err := conn.QueryRow(ctx, "select count(*) from starlane.dead_letter where resolved_at is null").Scan(&open); err != nil {
		return fault("dead letters", err.Error(), "")
	}
	if open > 0 {
		return warning("dead letters", fmt.Sprintf("%d usage events could not be posted", open), "see the operator's page, fix the cause, then: worker dead-letters retry")
	}
	return okay("dead letters", "none")
}

func redisFindings(ctx context.Context, run stack.Run) []finding {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	url := run.RedisURL
	if url == "" {
		url = os.Getenv("REDIS_URL")
	}
	if url == "" {
		return []finding{fault("queue", "no Redis is known", "start a stack or set REDIS_URL")}
	}
	opts, err := redis.ParseURL(url)
	if err != nil {
		return []finding{fault("queue", "REDIS_URL: want redis://:password@host:6379/0", "")}
	}
	client := redis.NewClient(opts)
	defer func() { _ = client.Close() }()
	info, err := client.InfoMap(ctx, "server").Result()
	if err != nil {
		return []finding{fault("queue", err.Error(), "see that Redis runs and that REDIS_URL is right")}
	}
	server := info["Server"]
	version := server["redis_version"]
	if v := server["valkey_version"]; v != "" {
		version = v
	}
	out := []finding{okay("queue", "Redis "+version+" answers")}
	if olderThan(version, 7, 0) {
		out[0] = fault("queue", "Redis "+version+" is too old", "7.0 or newer, or Valkey")
	}
	for _, want := range []struct{ setting, value, why string }{
		{"appendonly", "yes", "usage events that the worker has not read would be lost with the server"},
		{"maxmemory-policy", "noeviction", "a full server would throw away usage events instead of refusing new ones"},
	} {
		got, err := client.ConfigGet(ctx, want.setting).Result()
		switch {
		case err != nil:
			out = append(out, warning("queue", want.setting+" cannot be read: "+err.Error(), "see that it is "+want.value))
		case got[want.setting] != want.value:
			out = append(out, fault("queue", want.setting+" is "+got[want.setting]+": "+want.why, "set "+want.setting+" "+want.value))
		default:
			out = append(out, okay("queue", want.setting+" "+want.value))
		}
	}
	return out
}
