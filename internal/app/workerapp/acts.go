package workerapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"starlane/internal/billing/reconcile"
	"starlane/internal/platform/config"
)

const usageText = `usage: worker <act>

  serve                          consume usage until told to stop
  close-period YYYY-MM [--force] make the invoices of a month; forced, without waiting, and up to now if it is not over
  dead-letters                   list the usage events that could not be posted
  dead-letters retry             send them again, once their cause is mended; what had been posted is not posted twice
  dead-letters drop REF REASON   give one up: it is never billed
  reconcile                      check the identities of the books; ends with 1 if one is broken
`

// Main runs the act that the arguments name.
func Main(ctx context.Context, args []string, out io.Writer) error {
	act := "serve"
	if len(args) > 0 {
		act, args = args[0], args[1:]
	}
	run := map[string]func(context.Context, *config.Config, []string, io.Writer) error{
		"serve":        func(ctx context.Context, cfg *config.Config, _ []string, _ io.Writer) error { return Run(ctx, cfg) },
		"close-period": closePeriod,
		"dead-letters": deadLetters,
		"reconcile":    checkIdentities,
	}[act]
	switch {
	case act == "help" || act == "-h" || act == "--help":
		_, err := io.WriteString(out, usageText)
		return err
	case run == nil:
		return fmt.Errorf("unknown act %q\n%s", act, usageText)
	}
	cfg, err := config.Load(config.Worker)
	if err != nil {
		return errors.Join(errors.New("configuration is incomplete"), err)
	}
	return run(ctx, cfg, args, out)
}

func closePeriod(ctx context.Context, cfg *config.Config, args []string, out io.Writer) error {
	force := slices.Contains(args, "--force")
	args = slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "--force" })
	if len(args) != 1 {
		return errors.New("want one month, for example: worker close-period 2026-11")
	}
	a, err := open(ctx, cfg, os.Stderr)
	if err != nil {
		return err
	}
	defer a.close()
	done, err := a.closer().Close(ctx, args[0], force, "system:command-line")
	if err != nil {
		return err
	}
	state := "the month stays open"
	if done.Closed {
		state = "the month is closed"
	}
	_, err = fmt.Fprintf(out, "%s: %d invoices up to %s, %s\n", args[0], done.Invoices, done.Until.Format(time.RFC3339), state)
	return err
}

func checkIdentities(ctx context.Context, cfg *config.Config, _ []string, out io.Writer) error {
	a, err := open(ctx, cfg, os.Stderr)
	if err != nil {
		return err
	}
	defer a.close()
	results, err := reconcile.Check(ctx, a.ledger)
	if err != nil {
		return err
	}
	broken := false
	for _, r := range results {
		state := "holds"
		if len(r.Breaks) > 0 {
			state, broken = "IS BROKEN", true
		}
		if _, err := fmt.Fprintf(out, "%-9s %-9s %s\n", r.Identity.Name, state, r.Identity.Says); err != nil {
			return err
		}
		for _, b := range r.Breaks {
			if _, err := fmt.Fprintf(out, "  %s is off by %s nano-USD\n", b.What, b.OffNano); err != nil {
				return err
			}
		}
	}
	if broken {
		return errBroken
	}
	return nil
}
