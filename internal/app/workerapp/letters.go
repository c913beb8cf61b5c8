package workerapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"starlane/internal/billing/metering"
	"starlane/internal/platform/config"
	"starlane/internal/usage"
)

// deadLetters lists, repeats or gives up usage events that could not be posted. Until then they keep their month open.
func deadLetters(ctx context.Context, cfg *config.Config, args []string, out io.Writer) error {
	retry := len(args) == 1 && args[0] == "retry"
	drop := len(args) == 3 && args[0] == "drop" && args[2] != "" //nolint:gosec // the length was just checked
	if len(args) > 0 && !retry && !drop {
		return errors.New("want: worker dead-letters [retry | drop REF REASON]")
	}
	a, err := open(ctx, cfg, os.Stderr)
	if err != nil {
		return err
	}
	defer a.close()
	if drop {
		return a.meters.Resolve(ctx, args[1], "dropped: "+args[2])
	}
	letters, err := a.meters.OpenLetters(ctx)
	if err != nil {
		return err
	}
	for _, letter := range letters {
		what := letter.Reason
		if retry {
			if what, err = a.resend(ctx, letter); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", letter.Ref, what); err != nil {
			return err
		}
	}
	return nil
}

// resend puts an event on its stream again under its own id, and only then closes the letter. If the cause is still there
// the event comes back as a new letter.
func (a *App) resend(ctx context.Context, letter metering.Letter) (what string, err error) {
	fields := make(map[string]any, len(letter.Fields))
	for name, value := range letter.Fields {
		fields[name] = value
	}
	event, err := usage.ParseFields(fields)
	if err != nil {
		return "stays, as it is no event that can be read: " + err.Error(), nil
	}
	if err := a.redis.AddEvents(ctx, []usage.Event{event}); err != nil {
		return "", err
	}
	return "sent again", a.meters.Resolve(ctx, letter.Ref, "sent again")
}
