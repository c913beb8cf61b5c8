package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// scenario is one kind of load. Budgets compare the relay with the reverse proxy of the same run; zero is no budget.
type scenario struct {
	name      string
	what      string
	model     string
	prompt    int // bytes
	stream    bool
	conns     int
	rate      int // requests a second, open loop; 0: closed loop
	ramp      time.Duration
	cpuBudget float64       // × reverse proxy
	ttftP50   time.Duration // added, against direct
	ttftP99   time.Duration
	rssMiB    int64
}

func scenarios() []scenario {
	return []scenario{
		{name: "small64", what: "JSON, small prompt, 64 connections, closed loop", model: "bench/json", prompt: 64, conns: 64, cpuBudget: 1.6},
		{name: "stream100", what: "100 chunks at once, 64 connections, closed loop", model: "bench/stream", prompt: 64, stream: true, conns: 64},
		{name: "open300", what: "JSON, 300 requests a second, upstream 5 ms, open loop", model: "bench/open", prompt: 64, rate: 300},
		{
			name: "users500", what: "500 users streaming, 50 ms to first token, 100 chunks 20 ms apart", model: "bench/users", prompt: 64, stream: true, conns: 500, ramp: 2 * time.Second,
			cpuBudget: 1.4, ttftP50: 5 * time.Millisecond, ttftP99: 30 * time.Millisecond, rssMiB: 120,
		},
		{name: "body64k", what: "JSON, prompt of 64 KiB, 16 connections", model: "bench/json", prompt: 64 << 10, conns: 16, cpuBudget: 2},
		{name: "body1m", what: "JSON, prompt of 1 MiB, 8 connections", model: "bench/json", prompt: 1 << 20, conns: 8, cpuBudget: 2},
	}
}

// row is one target in one scenario: medians over the rounds.
type row struct {
	Scenario  string  `json:"scenario"`
	What      string  `json:"what"`
	Target    string  `json:"target"` // direct, proxy, relay
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	TTFT50    float64 `json:"ttft_p50_ms"`
	TTFT99    float64 `json:"ttft_p99_ms"`
	CPU       float64 `json:"cpu_seconds_per_1000,omitempty"`
	PeakMiB   int64   `json:"peak_rss_mib,omitempty"`
	Failed    int     `json:"failed"`
	Success   float64 `json:"success_percent"`
	sent      int
	answered  int
	limits    scenario
}

type target struct {
	name string
	addr string
	raw  []byte
	end  string // of a stream
	pid  int
}

// words is a prompt of about n bytes that looks like prose to a splitter.
func words(n int) string {
	const text = "the relay carries every question to a model and brings the answer home while it counts each token on the way "
	return strings.Repeat(text, n/len(text)+1)[:n]
}

func (b *bench) measure(ctx context.Context, s scenario, rounds int, phase time.Duration) ([]row, error) {
	prompt := words(s.prompt)
	simKey, upstream := "sk-sim-bench", benchModels[s.model].upstream
	targets := []target{
		{"direct", b.simAddr(), request(chat, b.simAddr(), simKey, upstream, prompt, s.stream), chat.end(), 0},
		{"proxy", b.proxyAddr, request(chat, b.proxyAddr, simKey, upstream, prompt, s.stream), chat.end(), b.proxy.Process.Pid},
		{"relay", b.relayAddr(), request(chat, b.relayAddr(), b.secret, s.model, prompt, s.stream), chat.end(), b.pids["relay"]},
	}
	samples := make([][]row, len(targets))
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", s.name, round+1, rounds)
		for i, t := range targets {
			r, err := once(ctx, s, t, phase)
			if err != nil {
				return nil, err
			}
			samples[i] = append(samples[i], r)
		}
	}
	out := make([]row, len(targets))
	for i := range targets {
		out[i] = median(samples[i])
	}
	return out, nil
}

func once(ctx context.Context, s scenario, t target, phase time.Duration) (row, error) {
	var before time.Duration
	if t.pid != 0 {
		if err := resetPeak(t.pid); err != nil {
			return row{}, err
		}
		var err error
		if before, err = cpuTime(t.pid); err != nil {
			return row{}, err
		}
	}
	start := time.Now()
	var st *stats
	if s.rate > 0 {
		st = openLoop(ctx, t, s.rate, phase)
	} else {
		st = closedLoop(ctx, t, s.stream, s.conns, phase+s.ramp, s.ramp)
	}
	took := time.Since(start)
	for text, n := range st.errs {
		fmt.Fprintf(os.Stderr, "  %s: %d × %s\n", t.name, n, text)
	}
	r := row{
		Scenario: s.name, What: s.what, Target: t.name, limits: s, sent: st.ok + st.failed, answered: st.ok, Failed: st.failed,
		PerSecond: float64(st.ok) / took.Seconds(), P50: millis(percentile(st.total, 50)), P99: millis(percentile(st.total, 99)),
		TTFT50: millis(percentile(st.first, 50)), TTFT99: millis(percentile(st.first, 99)),
	}
	if t.pid == 0 || st.ok == 0 {
		return r, nil
	}
	after, err := cpuTime(t.pid)
	if err != nil {
		return row{}, err
	}
	r.CPU = (after - before).Seconds() / float64(st.ok) * 1000
	r.PeakMiB, err = peakMiB(t.pid)
	return r, err
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// median takes each figure's own median; failures, peaks and counts add up or take the worst.
func median(rows []row) row {
	out := rows[0]
	pick := func(get func(row) float64) float64 {
		values := make([]float64, len(rows))
		for i, r := range rows {
			values[i] = get(r)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	out.PerSecond = pick(func(r row) float64 { return r.PerSecond })
	out.P50, out.P99 = pick(func(r row) float64 { return r.P50 }), pick(func(r row) float64 { return r.P99 })
	out.TTFT50, out.TTFT99 = pick(func(r row) float64 { return r.TTFT50 }), pick(func(r row) float64 { return r.TTFT99 })
	out.CPU = pick(func(r row) float64 { return r.CPU })
	out.sent, out.answered, out.Failed, out.PeakMiB = 0, 0, 0, 0
	for _, r := range rows {
		out.sent += r.sent
		out.answered += r.answered
		out.Failed += r.Failed
		out.PeakMiB = max(out.PeakMiB, r.PeakMiB)
	}
	out.Success = 100 * float64(out.answered) / float64(max(out.sent, 1))
	return out
}
