package apiapp

import (
	"context"
	"errors"
	"fmt"
	"io"

	"starlane/internal/adminapi"
	"starlane/internal/platform/config"
	"starlane/internal/store/postgres"
)

const usageText = `usage: api <act>

  serve          answer until told to stop
  migrate        bring the database schema up to date
  create-admin   add an operator of the platform; -h shows the flags
  openapi        print the contract of the admin API
`

// Main runs the act that the arguments name.
func Main(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	act := "serve"
	if len(args) > 0 {
		act, args = args[0], args[1:]
	}
	switch act {
	case "serve":
		return withConfig(func(cfg *config.Config) error { return Run(ctx, cfg) })
	case "migrate":
		return withConfig(func(cfg *config.Config) error { return migrate(ctx, cfg, out) })
	case "create-admin":
		return createAdmin(ctx, args, in, out)
	case "openapi":
		_, err := out.Write(adminapi.SpecYAML())
		return err
	case "help", "-h", "--help":
		_, err := io.WriteString(out, usageText)
		return err
	}
	return fmt.Errorf("unknown act %q\n%s", act, usageText)
}

func withConfig(f func(*config.Config) error) error {
	cfg, err := config.Load(config.API)
	if err != nil {
		return errors.Join(errors.New("configuration is incomplete"), err)
	}
	return f(cfg)
}

func migrate(ctx context.Context, cfg *config.Config, out io.Writer) error {
	n, err := postgres.Migrate(ctx, cfg.DatabaseURL)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d migrations applied, the schema is up to date\n", n)
	return err
}
