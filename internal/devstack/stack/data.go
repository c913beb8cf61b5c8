package stack

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"starlane/internal/devstack/pgserver"
	"starlane/internal/devstack/redisserver"
)

const databaseName = "starlane"

// postgres starts the private cluster, unless DATABASE_URL names another server.
func (u *up) postgres(ctx context.Context) error {
	step := u.Report.Begin("postgres")
	if given := u.DatabaseURL; given != "" && !u.ownDatabase(given) {
		if err := pgserver.Ping(ctx, given); err != nil {
			return fmt.Errorf("DATABASE_URL: %w (unset it to use a private Postgres)", err)
		}
		u.databaseURL = given
		step.Done("the server of DATABASE_URL")
		return nil
	}
	dir := u.dir.Path("postgres")
	major := pgserver.DataMajor(dir)
	bin, err := pgserver.Finder{Cache: u.Cache, Fetch: true, Say: step.Note}.Find(ctx, major)
	if err != nil {
		return err
	}
	if major == 0 {
		step.Note("making a new cluster")
	}
	cfg := pgserver.Config{Binaries: bin, Dir: dir}
	var server *pgserver.Server
	svc := service{
		name: "postgres", log: u.dir.Path("postgres", "postgres.log"), grace: 20 * time.Second,
		start: func(ctx context.Context) (child, error) {
			s, err := pgserver.Start(ctx, cfg)
			if err != nil {
				return nil, err
			}
			server, cfg.KeepPort = s, true // the other processes know it by now
			return s, nil
		},
		stop: stopWith(syscall.SIGINT, syscall.SIGQUIT),
	}
	if err := u.sup.start(ctx, svc); err != nil {
		return err
	}
	if err := createDatabase(ctx, server.DSN(pgserver.Superuser())); err != nil {
		return err
	}
	u.databaseURL = server.DSN(databaseName)
	u.secrets.DatabasePassword = server.Password
	step.Done(fmt.Sprintf("%s from %s, private cluster, port %d", bin.Version, bin.Source, server.Port))
	return nil
}

func createDatabase(ctx context.Context, admin string) error {
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return fmt.Errorf("connect to the private Postgres: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, "create database "+databaseName)
	var pgErr *pgconn.PgError
	if err != nil && (!errors.As(err, &pgErr) || pgErr.Code != "42P04") { // it exists
		return fmt.Errorf("create the database: %w", err)
	}
	return nil
}

// ownDatabase tells whether a connection string is the one of our own demo.env, which people source into their shell.
func (u *up) ownDatabase(given string) bool { return hasPassword(given, u.secrets.DatabasePassword) }

func (u *up) ownRedis(given string) bool { return hasPassword(given, u.secrets.RedisPassword) }

func hasPassword(raw, password string) bool {
	parsed, err := url.Parse(raw)
	if err != nil || password == "" {
		return false
	}
	got, _ := parsed.User.Password()
	return got == password
}

// redis starts the private Redis, unless REDIS_URL names another server.
func (u *up) redis(ctx context.Context) error {
	step := u.Report.Begin("redis")
	if given := u.RedisURL; given != "" && !u.ownRedis(given) {
		u.redisURL = given
		step.Done("the server of REDIS_URL")
		return nil
	}
	bin, err := redisserver.Finder{Cache: u.Cache, Fetch: true, Say: step.Note}.Find(ctx)
	if err != nil {
		return err
	}
	cfg := redisserver.Config{
		Binary: bin, Dir: u.dir.Path("redis"), Append: true, Password: u.secrets.RedisPassword, Port: u.secrets.RedisPort,
	}
	var server *redisserver.Server
	svc := service{
		name: "redis", log: u.dir.Path("redis", "redis.log"), grace: 10 * time.Second,
		start: func(ctx context.Context) (child, error) {
			s, err := redisserver.Start(ctx, cfg)
			if err != nil {
				return nil, err
			}
			server, cfg.Port, cfg.KeepPort = s, s.Port, true // the other processes know it by now
			return s, nil
		},
		stop: stopWith(syscall.SIGTERM, syscall.SIGKILL),
	}
	if err := u.sup.start(ctx, svc); err != nil {
		return err
	}
	u.redisURL = server.URL(0)
	u.secrets.RedisPort = server.Port
	step.Done(fmt.Sprintf("%s from %s, append-only file on, port %d", bin.Version, bin.Source, server.Port))
	return nil
}
