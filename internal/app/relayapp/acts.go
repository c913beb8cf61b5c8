package relayapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"starlane/internal/platform/config"
)

const usageText = `usage: relay <act>

  serve         answer the model API until told to stop
  check-config  say whether the configuration is complete
`

// Main runs the act that the arguments name.
func Main(ctx context.Context, args []string, out io.Writer) error {
	act := "serve"
	if len(args) > 0 {
		act = args[0]
	}
	switch act {
	case "help", "-h", "--help":
		_, err := io.WriteString(out, usageText)
		return err
	case "serve", "check-config":
	default:
		return fmt.Errorf("unknown act %q\n%s", act, usageText)
	}
	if len(args) > 1 {
		return fmt.Errorf("%s takes no arguments\n%s", act, usageText)
	}
	cfg, err := config.Load(config.Relay)
	if err != nil {
		return errors.Join(errors.New("configuration is incomplete"), err)
	}
	if act == "check-config" {
		_, err := io.WriteString(out, "the configuration is complete\n")
		return err
	}
	return Run(ctx, cfg, os.Stderr)
}
