package relayapp

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	defaultGC = 100
	relayGC   = 200 // most memory is in pooled buffers, so collecting less often costs little
)

// limitMemory makes the collector know the container's limit and otherwise work less. What GOGC and GOMEMLIMIT say wins.
func limitMemory(log *slog.Logger) {
	if was := debug.SetGCPercent(relayGC); was != defaultGC {
		debug.SetGCPercent(was)
	}
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	b, err := os.ReadFile("/sys/fs/cgroup/memory.max")
	if err != nil {
		return
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || limit <= 0 {
		return // "max": no limit
	}
	debug.SetMemoryLimit(limit / 10 * 9)
	log.Info("memory limit taken from the container", "bytes", limit)
}
