// Package cli is the command line of cmd/starlane.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"starlane/internal/devstack/stack"
)

// app is what the commands share.
type app struct {
	in       io.Reader
	out, err io.Writer
	dataDir  string
	asJSON   bool
}

// errSilent ends with a failure that has been explained already.
var errSilent = errors.New("")

// Main runs a command line and returns the exit code: 0, or 1 after an error that stands on err.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	root := newRoot(&app{in: in, out: out, err: errOut})
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	if err := root.ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errSilent) {
			_, _ = fmt.Fprintln(errOut, "starlane: "+strings.ReplaceAll(err.Error(), "\n", "\n  "))
		}
		return 1
	}
	return 0
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "starlane",
		Short:         "Run and look after a Starlane on this machine",
		Long:          "Starlane relays requests for language models and bills every token.\nThis program runs a whole Starlane on one machine: `starlane up` is all a first look needs.",
		SilenceUsage:  true,
		SilenceErrors: true, // no Args: only without them does cobra refuse a command that it does not know
	}
	root.PersistentFlags().StringVar(&a.dataDir, "data-dir", "", "folder with everything private to the stack (default: var in the checkout)")
	root.PersistentFlags().BoolVar(&a.asJSON, "json", false, "print JSON for programs")
	root.AddCommand(a.upCommand(), a.downCommand(), a.statusCommand(), a.logsCommand(), a.credentialsCommand(),
		a.doctorCommand(), a.sqlCommand(), a.resetCommand(), a.simCommand(), a.versionCommand())
	return root
}

// data returns the folder that the flags and the current folder lead to, and the checkout if we are in one.
func (a *app) data() (dir stack.DataDir, checkout string, err error) {
	cwd, err := os.Getwd()
	if err != nil {
		return dir, "", fmt.Errorf("current folder: %w", err)
	}
	checkout, err = stack.FindCheckout(cwd)
	if a.dataDir != "" {
		abs, absErr := filepath.Abs(a.dataDir)
		if absErr != nil {
			return dir, "", fmt.Errorf("--data-dir: %w", absErr)
		}
		return stack.DataDir{Root: abs}, checkout, nil
	}
	if err != nil {
		return dir, "", err
	}
	return stack.DataDir{Root: filepath.Join(checkout, "var")}, checkout, nil
}

// portBase takes the flag, then the environment, then the default.
func portBase(flag int) (int, error) {
	if flag != 0 {
		return flag, nil
	}
	text := os.Getenv("STARLANE_PORT_BASE")
	if text == "" {
		return stack.DefaultPortBase, nil
	}
	base, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("STARLANE_PORT_BASE: want a number such as 8080, got %q", text)
	}
	return base, nil
}
