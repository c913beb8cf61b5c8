package crash

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/relay/spool"
	"starlane/internal/usage"
)

const (
	clients       = 16
	defaultKills  = 20
	settleTimeout = 90 * time.Second
)

// kills is how often each binary dies; STARLANE_TEST_KILLS asks for another number.
func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("STARLANE_TEST_KILLS")
	if text == "" {
		return defaultKills
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("STARLANE_TEST_KILLS: %v", err)
	}
	return n
}

// While clients ask without pause, relay and worker are killed at random moments and started again. In the end every
// answer that came whole is billed exactly once, every request that was open is settled exactly once, and the books
// balance.
func TestKillsLoseNothingAndDoubleNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1000*money.USD)
	l := w.startLoad(clients)
	opened, cut := map[id.ID]bool{}, 0 // admitted, and those of them that had not ended, as the log said after each crash
	var wg sync.WaitGroup
	n := kills(t)
	wg.Go(func() {
		for range n {
			pause(50, 600)
			w.relay.kill(t)
			cut += w.note(t, opened)
			w.relay.start(t)
		}
	})
	wg.Go(func() {
		for range n {
			pause(50, 600)
			w.worker.kill(t)
			w.worker.start(t)
		}
	})
	wg.Wait()
	pause(200, 300)
	l.end()
	t.Logf("%d answers came whole, %d were cut off, %d requests got no reply, %d were open at a crash; refused: %v",
		len(l.whole), len(l.partial), l.noReply, cut, l.refused)
	if len(l.whole) < 10*n || (n >= defaultKills && cut == 0) {
		t.Errorf("too little happened between the kills for this to prove anything")
	}
	w.checkBooks(t, l, opened)
	w.checkTidy(t)
}

// checkTidy looks whether the log has let go of everything that is in Postgres, and both processes stop cleanly.
func (w *world) checkTidy(t *testing.T) {
	t.Helper()
	eventually(t, settleTimeout, "the log holds nothing but its last segment", func() error {
		segments, err := filepath.Glob(filepath.Join(w.spool, "*.wal"))
		check(t, err)
		if len(segments) > 1 {
			return fmt.Errorf("%d segments", len(segments))
		}
		return nil
	})
	if damaged, err := filepath.Glob(filepath.Join(w.spool, "*.damaged")); err != nil || len(damaged) > 0 {
		t.Errorf("damaged segments: %v %v", damaged, err)
	}
	w.relay.stop(t)
	w.worker.stop(t)
}

// Redis holds nothing that cannot be lost: it is restarted, killed and emptied under load. Requests are refused meanwhile,
// then served again, and the books are right.
func TestLossOfRedisCostsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1000*money.USD)
	l := w.startLoad(clients)
	for _, trouble := range []func(){
		func() { w.redis.Restart(t) },
		func() { w.redis.Kill(t); pause(200, 500); w.redis.Start(t) },
		func() { check(t, w.redis.Client.FlushAll(t.Context()).Err()) },
		func() { check(t, w.redis.Client.FlushAll(t.Context()).Err()); w.relay.kill(t); w.relay.start(t) },
	} {
		pause(200, 500)
		trouble()
		before := l.count()
		eventually(t, settleTimeout, "requests are served again", func() error {
			if n := l.count() - before; n < clients {
				return fmt.Errorf("%d served since", n)
			}
			return nil
		})
	}
	l.end()
	t.Logf("%d answers came whole, %d were cut off; refused: %v", len(l.whole), len(l.partial), l.refused)
	w.checkBooks(t, l, nil)
	w.checkTidy(t)
}

// A crowd spends the last cent: it is told so, spends not a nano more than there is, and is served again after a top-up.
func TestCreditEndsWhereItEnds(t *testing.T) {
	t.Parallel()
	const funds = money.Cent
	w := newWorld(t, funds)
	l := w.startLoad(clients)
	broke := "402 Payment Required insufficient_credit"
	for _, ref := range []string{"promo:second", ""} {
		last, since := l.count(), l.times(broke)
		eventually(t, settleTimeout, "the credit is used up", func() error {
			if n := l.count(); n > last {
				last, since = n, l.times(broke) // somebody could still pay
			}
			if n := l.times(broke) - since; n < 20*clients {
				return fmt.Errorf("%d refusals in a row", n)
			}
			return nil
		})
		if ref == "" {
			break
		}
		served := l.count()
		w.grant(t, ref, funds)
		eventually(t, 5*time.Second, "requests are served after the top-up", func() error {
			if l.count() < served+clients {
				return fmt.Errorf("%d served since", l.count()-served)
			}
			return nil
		})
	}
	l.end()
	t.Logf("%d answers came whole; refused: %v", len(l.whole), l.refused)
	w.checkBooks(t, l, nil)
	if spent := w.number(t, `select sum(charge_nano)::bigint from starlane.usage_event`); spent > int64(2*funds) || spent < int64(2*funds)*8/10 {
		t.Errorf("%s of %s are spent", money.Amount(spent), 2*funds)
	}
}

func pause(fromMS, toMS int) {
	timer := time.NewTimer(time.Duration(fromMS+rand.IntN(toMS-fromMS)) * time.Millisecond)
	<-timer.C
}

// note adds the open records in the log of a dead relay and returns how many have no end in it.
func (w *world) note(t *testing.T, opened map[id.ID]bool) int {
	t.Helper()
	cut := map[id.ID]bool{}
	err := spool.Read(w.spool, func(o *usage.Open, e *usage.Event) error {
		if o != nil {
			opened[o.ID], cut[o.ID] = true, true
		} else {
			delete(cut, e.ID)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read the log of the dead relay: %v", err)
	}
	return len(cut)
}

// row is one event as Postgres has it.
type row struct {
	times   int
	charge  int64
	outcome string
}

func (w *world) events(t *testing.T) map[string]row {
	t.Helper()
	rows, err := w.db.Pool.Query(t.Context(), `
		select event_id::text, count(*), max(charge_nano), max(outcome) from starlane.usage_event where tenant_id = $1 group by event_id`, w.tenant)
	check(t, err)
	defer rows.Close()
	out := map[string]row{}
	for rows.Next() {
		var v string
		var r row
		check(t, rows.Scan(&v, &r.times, &r.charge, &r.outcome))
		out[v] = r
	}
	check(t, rows.Err())
	return out
}

func (w *world) number(t *testing.T, sql string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := w.db.Pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return n
}

func (w *world) checkBooks(t *testing.T, l *load, opened map[id.ID]bool) {
	t.Helper()
	want := map[string]bool{}
	for v := range l.whole {
		want[v] = true
	}
	for v := range l.partial {
		want[v] = true
	}
	for v := range opened {
		want[v.String()] = true
	}
	var got map[string]row
	eventually(t, settleTimeout, "every request is in the books", func() error {
		got = w.events(t)
		missing := 0
		for v := range want {
			if got[v].times == 0 {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Errorf("%d of %d are missing", missing, len(want))
		}
		return nil
	})
	outcomes := map[string]int{}
	for v, r := range got {
		outcomes[r.outcome]++
		if r.times != 1 {
			t.Errorf("request %s is in the books %d times", v, r.times)
		}
		if l.whole[v] && (r.outcome != string(usage.OK) || r.charge <= 0) {
			t.Errorf("request %s was answered whole and is booked as %s for %d nano-USD", v, r.outcome, r.charge)
		}
	}
	t.Logf("%d requests in the books: %v", len(got), outcomes)

	eventually(t, settleTimeout, "nothing waits ahead of a gap", func() error {
		if n := w.number(t, `select count(*) from starlane.relay_ahead`); n > 0 {
			return fmt.Errorf("%d sequence numbers wait", n)
		}
		return nil
	})
	charged := w.number(t, `select coalesce(sum(charge_nano), 0)::bigint from starlane.usage_event`)
	zero := map[string]int64{
		"the sum of all ledger entries":     w.number(t, `select coalesce(sum(amount_nano), 0)::bigint from starlane.ledger_entry`),
		"charges less revenue":              charged + w.number(t, `select coalesce(sum(e.amount_nano), 0)::bigint from starlane.ledger_entry e join starlane.account a on a.tenant_id = e.tenant_id and a.id = e.account_id where a.kind = 'revenue:usage'`),
		"dead letters":                      w.number(t, `select count(*) from starlane.dead_letter`),
		"holds charged beyond their amount": w.number(t, `select count(*) from starlane.hold where settled_nano > amount_nano`),
		"balances that differ from their entries": w.number(t, `
			select count(*) from starlane.balance b
			where b.posted_nano <> (select coalesce(sum(e.amount_nano), 0) from starlane.ledger_entry e where e.tenant_id = b.tenant_id and e.account_id = b.account_id)`),
	}
	for what, n := range zero {
		if n != 0 {
			t.Errorf("%s = %d, want 0", what, n)
		}
	}
}
