package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// printTable shows the rows and the budgets, and tells whether all budgets are met.
func printTable(w io.Writer, res *result) bool {
	fmt.Fprintf(w, "%s\n%s, %d rounds of %gs, medians; generator, provider and target share the machine\n\n",
		res.Machine, res.At.Format(time.RFC3339), res.Rounds, res.Seconds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "scenario\ttarget\treq/s\t+p50 ms\t+p99 ms\t+TTFT p50\t+TTFT p99\tCPU s/1k\t× proxy\tRSS MiB\tsuccess %\t")
	met := true
	var verdicts []string
	for i := 0; i+2 < len(res.Rows); i += 3 {
		direct, proxy, relay := res.Rows[i], res.Rows[i+1], res.Rows[i+2]
		for _, r := range []row{direct, proxy, relay} {
			ratio, cpu, rss := "-", "-", "-"
			if r.CPU > 0 {
				cpu, rss = fmt.Sprintf("%.3f", r.CPU), fmt.Sprint(r.PeakMiB)
				ratio = fmt.Sprintf("%.2f", r.CPU/max(proxy.CPU, 1e-9))
			}
			fmt.Fprintf(t, "%s\t%s\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%s\t%s\t%s\t%.3f\t\n", r.Scenario, r.Target, r.PerSecond,
				r.P50-direct.P50, r.P99-direct.P99, r.TTFT50-direct.TTFT50, r.TTFT99-direct.TTFT99, cpu, ratio, rss, r.Success)
		}
		verdicts = append(verdicts, budgets(direct, proxy, relay, &met)...)
	}
	_ = t.Flush()
	if len(res.Pairs) > 0 {
		fmt.Fprintln(w)
		met = printPairs(w, res.Pairs) && met
	}
	fmt.Fprintf(w, "\nrequests through the relay %d, whole answers %d, usage records %v\n\n", res.Sent, res.Answered, res.Recorded)
	for _, v := range verdicts {
		fmt.Fprintln(w, v)
	}
	return met
}

func budgets(direct, proxy, relay row, met *bool) []string {
	var out []string
	check := func(ok bool, format string, args ...any) {
		word := "met   "
		if !ok {
			word, *met = "MISSED", false
		}
		out = append(out, fmt.Sprintf("%s  %-9s  %s", word, relay.Scenario, fmt.Sprintf(format, args...)))
	}
	s := relay.limits
	if s.cpuBudget > 0 {
		ratio := relay.CPU / max(proxy.CPU, 1e-9)
		check(ratio <= s.cpuBudget, "CPU %.2f × reverse proxy, budget %.1f ×", ratio, s.cpuBudget)
	}
	if s.ttftP50 > 0 {
		p50, p99 := relay.TTFT50-direct.TTFT50, relay.TTFT99-direct.TTFT99
		check(p50 <= millis(s.ttftP50), "time to first token p50 +%.2f ms, budget %v", p50, s.ttftP50)
		check(p99 <= millis(s.ttftP99), "time to first token p99 +%.2f ms, budget %v", p99, s.ttftP99)
	}
	if s.rssMiB > 0 {
		check(relay.PeakMiB <= s.rssMiB, "peak memory %d MiB, budget %d MiB", relay.PeakMiB, s.rssMiB)
	}
	check(relay.Failed == 0, "%d of %d requests failed", relay.Failed, relay.sent)
	return out
}
