package cli

import (
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"starlane/internal/sim/provider"
	"starlane/internal/sim/stripe"
)

func (a *app) simCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "sim", Short: "Run a simulator: a stand-in for a service outside", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return errors.New("name a simulator: provider or stripe") },
	}
	cmd.AddCommand(a.simProviderCommand(), a.simStripeCommand())
	return cmd
}

func (a *app) simProviderCommand() *cobra.Command {
	var cfg provider.Config
	cmd := &cobra.Command{
		Use:   "provider",
		Short: "A simulated LLM provider with faults on demand",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return provider.Run(cmd.Context(), cfg) },
	}
	cmd.Flags().StringVar(&cfg.Addr, "listen", "127.0.0.1:8082", "address to listen on")
	cmd.Flags().Uint64Var(&cfg.Seed, "seed", 1, "decides answers and faults")
	return cmd
}

func (a *app) simStripeCommand() *cobra.Command {
	var cfg stripe.Config
	cmd := &cobra.Command{
		Use:   "stripe",
		Short: "A simulated Stripe account that keeps its state",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.Logger = slog.New(slog.NewJSONHandler(a.err, nil))
			return stripe.Run(cmd.Context(), cfg)
		},
	}
	cmd.Flags().StringVar(&cfg.Addr, "listen", "127.0.0.1:8083", "address to listen on")
	cmd.Flags().StringVar(&cfg.SnapshotFile, "state", "", "file that keeps the account across restarts (default: memory only)")
	cmd.Flags().StringVar(&cfg.PublicURL, "public-url", "", "where browsers reach the pay page (default: the address they came to)")
	cmd.Flags().BoolVar(&cfg.AllowNonLoopback, "allow-non-loopback", false, "listen beyond this machine, as in a container")
	cmd.Flags().Uint64Var(&cfg.Seed, "seed", 1, "decides ids")
	return cmd
}
