// Command loadgen measures the relay, with keys, limits, credit, metering and the usage log on, against the simulated
// provider called directly and through a tuned httputil.ReverseProxy, all in one run and interleaved. It prints a table and
// writes JSON. Figures belong to the machine they were taken on; the ratios within a run are what carries over.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) == 3 && os.Args[1] == "proxy" {
		err = runProxy(ctx, os.Args[2])
	} else {
		err = run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

// result is what a run writes as JSON.
type result struct {
	At         time.Time      `json:"at"`
	Machine    string         `json:"machine"`
	Seconds    float64        `json:"seconds_per_phase"`
	Rounds     int            `json:"rounds"`
	Rows       []row          `json:"rows"`
	Pairs      []pairRow      `json:"pairs,omitempty"`
	Sent       int            `json:"requests_sent_through_relay"`
	Answered   int            `json:"answers_whole"`
	Recorded   map[string]int `json:"usage_records"`
	BudgetsMet bool           `json:"budgets_met"`
}

func run(ctx context.Context) error {
	var (
		rounds  = flag.Int("rounds", 3, "repetitions of each scenario; medians are shown")
		phase   = flag.Duration("phase", 4*time.Second, "length of one measurement")
		only    = flag.String("only", "", "comma-separated scenarios, or pairs for the pairs of formats; empty: all")
		out     = flag.String("out", "", "file for the JSON result")
		dataDir = flag.String("data-dir", "", "data folder of the benchmark's stack (default: a temporary one)")
		port    = flag.Int("port", 18080, "port base of the benchmark's stack")
	)
	flag.Parse()
	dir := *dataDir
	if dir == "" {
		tmp, err := os.MkdirTemp("", "starlane-bench-")
		if err != nil {
			return fmt.Errorf("data folder: %w", err)
		}
		dir = filepath.Join(tmp, "data")
		defer func() { _ = os.RemoveAll(tmp) }()
	}
	b, err := startBench(ctx, dir, *port, os.Stderr)
	if b != nil {
		defer b.stop(os.Stderr)
	}
	if err != nil {
		return err
	}
	res := result{At: time.Now().UTC(), Machine: machine(), Seconds: phase.Seconds(), Rounds: *rounds}
	for _, s := range scenarios() {
		if !wanted(*only, s.name) {
			continue
		}
		rows, err := b.measure(ctx, s, *rounds, *phase)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Target == "relay" {
				res.Sent += r.sent
				res.Answered += r.answered
			}
		}
		res.Rows = append(res.Rows, rows...)
	}
	if wanted(*only, "pairs") {
		if res.Pairs, err = b.measurePairs(ctx, *rounds, *phase); err != nil {
			return err
		}
		for _, r := range res.Pairs {
			res.Sent += r.sent
			res.Answered += r.answered
		}
	}
	if err := b.reconcile(ctx, &res); err != nil {
		return err
	}
	res.BudgetsMet = printTable(os.Stdout, &res)
	if *out != "" {
		text, err := json.MarshalIndent(res, "", "  ")
		if err != nil {
			return fmt.Errorf("write result: %w", err)
		}
		if err := os.WriteFile(*out, append(text, '\n'), 0o644); err != nil {
			return fmt.Errorf("write result: %w", err)
		}
	}
	return nil
}

func wanted(only, name string) bool {
	return only == "" || strings.Contains(","+only+",", ","+name+",")
}

// reconcile waits until the worker has seen everything and fails when records and answers differ. A request that failed in
// transit has a record too, unless it never reached the relay; whole answers must have exactly one each.
func (b *bench) reconcile(ctx context.Context, res *result) error {
	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	warm := b.probes
	for {
		got, err := b.recorded(limit)
		if err != nil {
			return err
		}
		res.Recorded = got
		if got["ok"] >= res.Answered+warm {
			break
		}
		pause(limit, 500*time.Millisecond)
		if limit.Err() != nil {
			return fmt.Errorf("%d whole answers, but usage records are %v after a minute", res.Answered+warm, got)
		}
	}
	pause(ctx, 2*time.Second) // a second record of the same answer would come late
	got, err := b.recorded(ctx)
	if err != nil {
		return err
	}
	res.Recorded = got
	if extra := got["ok"] - res.Answered - warm; extra > res.Sent-res.Answered {
		return fmt.Errorf("%d more usage records than answers", extra)
	}
	return nil
}

func machine() string {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.TrimSpace(strings.TrimLeft(rest, "\t :"))
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, %s, %s/%s", runtime.NumCPU(), model, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
