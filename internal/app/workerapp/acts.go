package workerapp

import (
	"context"
	"errors"
	"fmt"
	"io"

	"starlane/internal/platform/config"
)

const usageText = `usage: worker <act>

  serve                     consume usage until told to stop
`

// Main runs the act that the arguments name.
func Main(ctx context.Context, args []string, out io.Writer) error {
	act := "serve"
	if len(args) > 0 {
		act = args[0]
	}
	switch act {
	case "serve":
	case "help", "-h", "--help":
		_, err := io.WriteString(out, usageText)
		return err
	default:
		return fmt.Errorf("unknown act %q\n%s", act, usageText)
	}
	cfg, err := config.Load(config.Worker)
	if err != nil {
		return errors.Join(errors.New("configuration:"), err)
	}
	return Run(ctx, cfg)
}
