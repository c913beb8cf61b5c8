package workerapp

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"starlane/internal/platform/id"
	"starlane/internal/testkit/pgtest"
	"starlane/internal/testkit/redistest"
)

// TestDeadLetters: an event that could not be posted is billed once after its cause is mended, or given up by name.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	cfg := testConfig(t, db, rds)
	a, stop := startApp(t, cfg)
	defer stop()
	seedTenant(t, db)
	late := id.New()
	event := usageOf([]id.ID{late}, 1)
	if err := a.redis.AddEvents(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	letters := func() int {
		open, err := a.meters.OpenLetters(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	eventually(t, 5*time.Second, "a dead letter", func() bool { return letters() == 1 })
	var out bytes.Buffer
	if err := deadLetters(t.Context(), cfg, nil, &out); err != nil || !strings.Contains(out.String(), ": unknown tenant") {
		t.Fatalf("list: %q, %v; want the letter and its reason", out.String(), err)
	}
	if _, err := db.Pool.Exec(t.Context(), `insert into starlane.tenant (id, name) values ($1, 'Late')`, late); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := deadLetters(t.Context(), cfg, []string{"retry"}, &out); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 5*time.Second, "the event", func() bool { n, _ := charged(t, db); return n == 1 && letters() == 0 })

	if err := a.redis.AddEvents(t.Context(), usageOf([]id.ID{id.New()}, 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "another dead letter", func() bool { return letters() == 1 })
	open, err := a.meters.OpenLetters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := deadLetters(t.Context(), cfg, []string{"drop", open[0].Ref, "nobody's"}, &out); err != nil || letters() != 0 {
		t.Errorf("drop: %v, %d letters left", err, letters())
	}
	if err := deadLetters(t.Context(), cfg, []string{"drop", open[0].Ref, "again"}, &out); err == nil {
		t.Error("a letter is dropped twice")
	}
	if err := deadLetters(t.Context(), cfg, []string{"burn"}, &out); err == nil {
		t.Error("an unknown wish is no error")
	}
}
