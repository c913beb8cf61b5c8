package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// startProduct migrates, seeds and starts the processes; the relay comes last, when there is something for it to know.
func (u *up) startProduct(ctx context.Context) error {
	step := u.Report.Begin("migrate+seed")
	out, err := u.apiAct(ctx, "", "migrate")
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return u.sup.start(gctx, u.simProvider()) })
	g.Go(func() error { return u.sup.start(gctx, u.simStripe()) })
	g.Go(func() error { return u.createOperator(gctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	for _, svc := range []service{u.api(), u.worker()} {
		if err := u.sup.start(ctx, svc); err != nil {
			return err
		}
	}
	detail := strings.TrimSpace(lastLine(out))
	if u.Seed {
		if err := u.seed(ctx); err != nil {
			return err
		}
		detail += ", demo tenant"
	}
	if err := u.sup.start(ctx, u.relay()); err != nil {
		return err
	}
	if u.Seed {
		switch n, err := u.traffic(ctx); {
		case err != nil:
			return errors.Join(err, fmt.Errorf("logs: %s", u.dir.Path("logs")))
		case n > 0:
			detail += fmt.Sprintf(", %d requests", n)
		}
	}
	step.Done(strings.TrimPrefix(detail, ", "))
	return nil
}

// createOperator makes the first login; the API cannot, because it lets nobody in yet.
func (u *up) createOperator(ctx context.Context) error {
	if u.secrets.OperatorToken != "" {
		return nil // an earlier start did
	}
	_, err := u.apiAct(ctx, u.secrets.OperatorPassword+"\n", "create-admin", "--operator", "--email", u.secrets.OperatorEmail, "--password-stdin")
	if err != nil {
		return fmt.Errorf("create the operator: %w", err)
	}
	return nil
}

// apiAct runs one of the api binary's short acts, as an operator of a real installation would.
func (u *up) apiAct(ctx context.Context, input string, args ...string) (string, error) {
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, u.dir.Path("bin", "api"), args...)
	cmd.Env, cmd.Stdin = u.environ(true), strings.NewReader(input)
	cmd.Dir, cmd.Stdout, cmd.Stderr = u.dir.Root, &out, &problems
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("api %s: %w\n%s", args[0], err, indent(strings.TrimSpace(problems.String()+out.String())))
	}
	return out.String(), nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

func (u *up) proveAndSum(ctx context.Context) (*Summary, error) {
	step := u.Report.Begin("ready")
	s := u.summary()
	if u.Seed {
		proof, err := u.prove(ctx)
		if err != nil {
			return nil, errors.Join(err, fmt.Errorf("logs: %s", u.dir.Path("logs")))
		}
		s.Proof = proof
		if err := u.writeDemoEnv(); err != nil {
			return nil, err
		}
	}
	step.Done("relay api worker " + map[bool]string{true: "console ", false: ""}[u.consoleBuilt] + "simulators all healthy")
	return s, nil
}
