package redisstore

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func xadd(stream string, values ...string) *redis.XAddArgs {
	return &redis.XAddArgs{Stream: stream, Values: values}
}

// waitFor polls something that another process does in its own time.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(5 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatal("did not happen within 5 s")
		}
	}
}
