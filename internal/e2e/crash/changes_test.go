package crash

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// What an administrator changes about a key is in force at the relay within two seconds: a budget, a limit, its end. A
// Redis that was emptied and a relay that was killed in between make no difference to what the budget has used.
func TestChangesOfAKeyReachTheRelay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1000*money.USD)
	const soon = 5 * time.Second // the promise is two; but tests share their processors
	change := func(set string) {
		t.Helper()
		_, err := w.db.Pool.Exec(t.Context(), `update starlane.virtual_key set `+set+` where tenant_id = $1`, w.tenant)
		check(t, err)
		_, err = w.db.Pool.Exec(t.Context(), `insert into starlane.config_change (kind, tenant_id, ref) select 'virtual_key', tenant_id, id::text from starlane.virtual_key where tenant_id = $1`, w.tenant)
		check(t, err)
	}
	l := &load{w: w, whole: map[string]bool{}, partial: map[string]bool{}, refused: map[string]int{}}
	expect := func(within time.Duration, how string) {
		t.Helper()
		began := time.Now()
		eventually(t, within, how, func() error {
			whole, refused := l.count(), l.times(how)
			l.ask(http.DefaultClient, false, "hello")
			if (how == "" && l.count() > whole) || (how != "" && l.times(how) > refused) {
				return nil
			}
			return fmt.Errorf("refused so far: %v", l.refused)
		})
		t.Logf("%q after %v", how, time.Since(began).Round(time.Millisecond))
	}
	const broke = "402 Payment Required budget_exceeded"
	expect(settleTimeout, "")
	spentBefore := func() int64 {
		return w.number(t, `select coalesce(sum(charge_nano), 0)::bigint from starlane.usage_event where tenant_id = $1`, w.tenant)
	}
	change(`budget_nano = 2000000, budget_window = 'month'`) // 0.002 USD
	expect(settleTimeout, broke)
	if spent := spentBefore(); spent > int64(2*money.Cent)/10 {
		t.Errorf("%s spent of a budget of 0.002", money.Amount(spent))
	}
	check(t, w.redis.Client.FlushAll(t.Context()).Err())
	w.relay.kill(t)
	w.relay.start(t)
	expect(settleTimeout, broke)
	change(`budget_nano = null, budget_window = null, rpm = 5`)
	expect(soon, "")
	expect(settleTimeout, "429 Too Many Requests rate_limit_exceeded")
	change(`rpm = null`)
	expect(soon, "")
	change(`state = 'revoked', revoked_at = now()`)
	expect(soon, "401 Unauthorized invalid_api_key")
	w.checkBooks(t, l, map[id.ID]bool{})
}
