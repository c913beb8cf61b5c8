package provider

import (
	"strconv"
	"strings"
	"time"
)

const (
	defaultBenchTTFT = 50 * time.Millisecond
	maxBenchChunks   = 100_000
	maxBenchMS       = 600_000
)

// benchSpec is the answer that a bench model's name asks for.
type benchSpec struct {
	chunks int
	pace   Pace
}

// parseBench reads demo-bench-<chunks>x<gap ms>[x<ttft ms>].
func parseBench(model string) (benchSpec, bool) {
	rest, ok := strings.CutPrefix(model, BenchPrefix)
	if !ok {
		return benchSpec{}, false
	}
	parts := strings.Split(rest, "x")
	if len(parts) != 2 && len(parts) != 3 {
		return benchSpec{}, false
	}
	limits := [3]int{maxBenchChunks, maxBenchMS, maxBenchMS}
	var v [3]int
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || n > limits[i] {
			return benchSpec{}, false
		}
		v[i] = n
	}
	spec := benchSpec{chunks: v[0], pace: Pace{Gap: time.Duration(v[1]) * time.Millisecond, TTFT: defaultBenchTTFT}}
	if len(parts) == 3 {
		spec.pace.TTFT = time.Duration(v[2]) * time.Millisecond
	}
	return spec, true
}

// vocabulary gives the words of generated answers; each is one simulated token and safe inside a JSON string.
func vocabulary() []string {
	return []string{
		" the", " star", " lane", " runs", " from", " one", " light", " to", " another", " and", " each", " token",
		" counts", " as", " it", " passes", " by", " in", " order", " over", " a", " quiet", " line", " of", " glass",
		" where", " nothing", " waits", " but", " time", " itself", ".",
	}
}

// generated gives n words that follow from the random numbers.
func generated(words []string, rng random, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = words[rng.below(len(words))]
	}
	return out
}
