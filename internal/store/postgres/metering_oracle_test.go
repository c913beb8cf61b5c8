package postgres

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/ledger"
	"starlane/internal/billing/metering"
	"starlane/internal/billing/money"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/usage"
)

// oracle prices with exact rationals and rounds each event half to even, independently of package pricing.
func oracle(e usage.Event) int64 {
	said := e.Counts.Units[usage.OutText] + e.Counts.Units[usage.OutReasoning]
	switch {
	case e.Outcome == usage.UpstreamError, e.Outcome == usage.ClientError, e.Outcome == usage.ClientGone && said == 0,
		e.Outcome != usage.OK && e.Counts.Empty():
		return 0
	}
	prices := map[string]map[usage.Class]string{
		testModel: {usage.InText: "1", usage.OutText: "2", usage.InCached: "0.1", usage.OutReasoning: "2"},
		"odd":     {usage.InText: "0.546875333", usage.OutText: "0.244140777", usage.InCached: "0.546875333", usage.OutReasoning: "0.244140777"},
	}[e.ServedModel]
	sum := new(big.Rat)
	for class, usd := range prices {
		price, _ := new(big.Rat).SetString(usd) // USD per million units
		sum.Add(sum, new(big.Rat).Mul(price, big.NewRat(e.Counts.Units[class], 1_000_000)))
	}
	if e.ServedModel == "odd" { // 0.0015 USD per million requests, one request
		sum.Add(sum, big.NewRat(1_500_000, 1_000_000_000*1_000_000))
	}
	sum.Mul(sum, big.NewRat(1_000_000_000, 1))
	floor := new(big.Int).Quo(sum.Num(), sum.Denom())
	switch new(big.Rat).Sub(sum, new(big.Rat).SetInt(floor)).Cmp(big.NewRat(1, 2)) {
	case 1:
		floor.Add(floor, big.NewInt(1))
	case 0:
		if floor.Bit(0) == 1 {
			floor.Add(floor, big.NewInt(1))
		}
	}
	return floor.Int64()
}

func randomEvent(rng *rand.Rand, tenants []id.ID, holds map[id.ID][]id.ID, seq uint64) usage.Event {
	tenant := tenants[rng.IntN(len(tenants))]
	e := testEvent(tenant, []string{testModel, "odd"}[rng.IntN(2)], rng.Int64N(200_000), rng.Int64N(50_000))
	e.Counts.Set(usage.InCached, rng.Int64N(1000), usage.Derived)
	e.Counts.Set(usage.OutReasoning, rng.Int64N(1000), usage.Estimated)
	e.Outcome = []usage.Outcome{usage.OK, usage.OK, usage.OK, usage.Cut, usage.Crashed, usage.ClientGone, usage.UpstreamError, usage.ClientError}[rng.IntN(8)]
	switch rng.IntN(20) {
	case 0:
		e.Counts, e.Outcome = usage.Counts{}, usage.ClientGone
	case 1: // it left before the answer
		e.Counts.Units[usage.OutText], e.Counts.Units[usage.OutReasoning], e.Outcome = 0, 0, usage.ClientGone
	}
	if list := holds[tenant]; len(list) > 0 && rng.IntN(3) > 0 {
		e.Hold = list[rng.IntN(len(list))]
	}
	e.Seq = seq
	return e
}

// Thousands of events, each sent one to three times in any order and batching, by several workers at once over the same
// tenants, while credit is sliced, released and granted: to the nano what exact arithmetic says, and no deadlock.
func TestMeteringMatchesOracle(t *testing.T) {
	t.Parallel()
	r := newMeterRig(t)
	lots := NewCredit(r.ledger)
	rng := rand.New(rand.NewPCG(1, 2))
	var tenants []id.ID
	holds := map[id.ID][]id.ID{}
	for i := range 12 {
		tenant := addTenant(t, r.db, []string{"prepaid", "postpaid"}[i%2], 50*money.USD)
		tenants = append(tenants, tenant)
		for j, source := range []string{credit.Promo, credit.Purchase, credit.Adjustment} {
			grant(t, lots, tenant, source, fmt.Sprintf("%s:%d", source, j), money.Amount(1+rng.Int64N(int64(3*money.USD))), nil)
		}
		for range 3 {
			h, _, err := lots.Slice(t.Context(), tenant, 1, money.Amount(1+rng.Int64N(int64(money.USD))))
			if err != nil {
				t.Fatal(err)
			}
			holds[tenant] = append(holds[tenant], h.ID)
		}
	}
	const events = 4000
	want := map[id.ID]int64{}
	var sent []usage.Event
	for i := range events {
		e := randomEvent(rng, tenants, holds, uint64(i+1))
		want[e.Tenant] += oracle(e)
		for range 1 + rng.IntN(3) {
			sent = append(sent, e)
		}
	}
	rng.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })

	group, ctx := errgroup.WithContext(t.Context())
	queue := make(chan []metering.Message, len(sent))
	for rest := messagesOf(sent...); len(rest) > 0; {
		n := min(1+rng.IntN(400), len(rest))
		queue <- rest[:n]
		rest = rest[n:]
	}
	close(queue)
	results := make([]metering.Result, 3)
	for w := range results {
		meter := metering.New(NewMetering(r.ledger, w), NewPrices(r.ledger.pool, clock.System{}))
		group.Go(func() error {
			for batch := range queue {
				got, err := meter.Process(ctx, batch, r.fence)
				if err != nil {
					return err
				}
				results[w].New += got.New
				results[w].Duplicates += got.Duplicates
				results[w].Letters = append(results[w].Letters, got.Letters...)
			}
			return nil
		})
	}
	group.Go(func() error { // money moves meanwhile
		for i := range 60 {
			tenant := tenants[i%len(tenants)]
			if _, _, err := lots.Slice(ctx, tenant, 1, 100_000_000); err != nil && !strings.Contains(err.Error(), credit.ErrNoCredit.Error()) {
				return err
			}
			_, _, err := lots.Grant(ctx, credit.Grant{Tenant: tenant, Source: credit.Promo, SourceRef: fmt.Sprintf("late:%d", i), Amount: 1 + money.Amount(i), Actor: "test"})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	var fresh, repeats int
	for _, res := range results {
		fresh, repeats = fresh+res.New, repeats+res.Duplicates
		if len(res.Letters) > 0 {
			t.Errorf("dead letters: %+v", res.Letters[0])
		}
	}
	if fresh != events || repeats != len(sent)-events {
		t.Errorf("%d new and %d repeats; want %d and %d", fresh, repeats, events, len(sent)-events)
	}
	r.checkCharges(t, tenants, want)
	checkDeadlocks(t, r)
	var seq int64
	if err := r.db.Pool.QueryRow(t.Context(), `select seq from starlane.relay_watermark`).Scan(&seq); err != nil || seq != events {
		t.Errorf("watermark = %d, %v; want %d", seq, err, events)
	}
}

// checkCharges compares events, roll-up and ledger with what each tenant should have been charged.
func (r *meterRig) checkCharges(t testing.TB, tenants []id.ID, want map[id.ID]int64) {
	t.Helper()
	for _, tenant := range tenants {
		for name, sql := range map[string]string{
			"events":  `select coalesce(sum(charge_nano), 0)::bigint from starlane.usage_event where tenant_id = $1`,
			"roll-up": `select coalesce(sum(charge_nano), 0)::bigint from starlane.usage_rollup where tenant_id = $1`,
			"classes": `select coalesce(sum(v::bigint), 0)::bigint from starlane.usage_event, jsonb_each_text(charges) as c (k, v) where tenant_id = $1`,
			"ledger": `select coalesce(sum(e.amount_nano), 0)::bigint from starlane.ledger_entry e join starlane.ledger_txn x on x.id = e.txn_id
				where e.tenant_id = $1 and x.kind = 'usage'`,
		} {
			var got int64
			if err := r.db.Pool.QueryRow(t.Context(), sql, tenant).Scan(&got); err != nil || got != want[tenant] {
				t.Errorf("%s of tenant: %d, %v; want %d", name, got, err, want[tenant])
			}
		}
	}
	// What is in escrow is what the holds have not settled, and no lot is below zero or above its amount.
	var broken int
	err := r.db.Pool.QueryRow(t.Context(), `
		select count(*) from (
			select a.tenant_id from starlane.account a join starlane.balance b on b.account_id = a.id
			where a.kind = 'escrow' and -b.posted_nano <> (select coalesce(sum(amount_nano - settled_nano), 0) from starlane.hold h
				where h.tenant_id = a.tenant_id and h.lot_id is not null and h.state <> 'released')
			union all
			select l.tenant_id from starlane.credit_lot l
			join starlane.account a on a.tenant_id = l.tenant_id and a.lot_id = l.id
			join starlane.balance b on b.account_id = a.id
			where -b.posted_nano + coalesce((select sum(amount_nano) from starlane.lot_burn u where u.lot_id = l.id), 0)
				+ coalesce((select sum(amount_nano - settled_nano) from starlane.hold h where h.lot_id = l.id and h.state <> 'released'), 0) <> l.amount_nano
				or b.posted_nano > 0
		) x`).Scan(&broken)
	if err != nil || broken != 0 {
		t.Errorf("%d escrows or lots do not add up (%v)", broken, err)
	}
	soundBooks(t.Context(), t, r.ledger)
}

func checkDeadlocks(t testing.TB, r *meterRig) {
	t.Helper()
	var n int64
	if err := r.db.Pool.QueryRow(t.Context(), `select deadlocks from pg_stat_database where datname = current_database()`).Scan(&n); err != nil || n != 0 {
		t.Errorf("deadlocks = %d, %v; want none", n, err)
	}
}

func grant(t testing.TB, c *Credit, tenant id.ID, source, ref string, amount money.Amount, expires *time.Time) credit.Lot {
	t.Helper()
	lot, _, err := c.Grant(t.Context(), credit.Grant{Tenant: tenant, Source: source, SourceRef: ref, Amount: amount, ExpiresAt: expires, Actor: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return lot
}

// One bad message in a batch does not keep the others from being posted, and stays to be looked at.
func TestPoisonBecomesDeadLetter(t *testing.T) {
	t.Parallel()
	r := newMeterRig(t)
	tenant := addTenant(t, r.db, "postpaid", money.USD)
	var events []usage.Event
	for i := range 20 {
		e := testEvent(tenant, testModel, 10, 0)
		e.Seq = uint64(i + 1)
		events = append(events, e)
	}
	events[3].Tenant = id.New()
	events[5].ServedModel = "nobody/knows"
	events[7].Counts.Set(usage.InAudio, 5, usage.Reported)              // no price
	events[9].Counts.Set(usage.OutText, usage.MaxUnits, usage.Reported) // two million dollars
	events[11].OccurredAt = time.Now().AddDate(0, 0, -3)                // not the time in the identifier
	events[13].ID = id.At(time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC))  // no such partition
	events[13].ID[6], events[13].ID[8], events[13].ID[15] = 0x70, 0x80, 1
	events[13].OccurredAt = time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)
	messages := messagesOf(events...)
	messages[15].Fields["units"] = "in_text:-5:reported"
	_, messages[15].Err = usage.ParseFields(messages[15].Fields)
	messages[15].Event = usage.Event{}
	messages[17].Fields = map[string]any{"x": "\x00\xff"}
	messages[17].Event, messages[17].Err = usage.ParseFields(messages[17].Fields)

	got, err := r.meter.Process(t.Context(), messages, r.fence)
	if err != nil || got.New != 12 || len(got.Letters) != 8 {
		t.Fatalf("Process = %d new, %d letters, %v; want 12 and 8", got.New, len(got.Letters), err)
	}
	var kept int
	if err := r.db.Pool.QueryRow(t.Context(), `select count(*) from starlane.dead_letter where resolved_at is null and reason <> ''`).Scan(&kept); err != nil || kept != 8 {
		t.Errorf("dead letters = %d, %v; want 8", kept, err)
	}
	// All but the one that could not be read at all are safe, so the relay may forget up to the gap.
	if len(got.Committed) != 1 || got.Committed[0].Seq != 17 {
		t.Errorf("watermark = %+v; want 17", got.Committed)
	}
	if again, err := r.meter.Process(t.Context(), messages, r.fence); err != nil || again.New != 0 || again.Duplicates != 12 {
		t.Errorf("again: %+v, %v; want 12 duplicates", again, err)
	}
}

// What only the database refuses is found by splitting the batch.
func TestRefusedBatchIsSplit(t *testing.T) {
	t.Parallel()
	r := newMeterRig(t)
	tenant := addTenant(t, r.db, "postpaid", money.USD)
	// A constraint that no code knows of.
	if _, err := r.db.Pool.Exec(t.Context(), `alter table starlane.usage_event add check (http_status <> 299)`); err != nil {
		t.Fatal(err)
	}
	var events []usage.Event
	for i := range 50 {
		e := testEvent(tenant, testModel, 1000, 0)
		e.Seq = uint64(i + 1)
		if i == 17 || i == 40 {
			e.HTTPStatus = 299
		}
		events = append(events, e)
	}
	got, err := r.meter.Process(t.Context(), messagesOf(events...), r.fence)
	if err != nil || got.New != 48 || len(got.Letters) != 2 {
		t.Fatalf("Process = %+v, %v; want 48 new and 2 letters", got, err)
	}
	if owed := r.balance(t, ledger.ReceivableOf(tenant)); owed != 48*1_000_000 {
		t.Errorf("owed = %v, want 0.048", owed)
	}
	soundBooks(t.Context(), t, r.ledger)
}

func TestFormerOwnerIsFenced(t *testing.T) {
	t.Parallel()
	r := newMeterRig(t)
	tenant := addTenant(t, r.db, "postpaid", money.USD)
	old := r.fence
	r.fence = takeAll(t, r, "worker-b")
	messages := messagesOf(testEvent(tenant, testModel, 10, 0))
	if _, err := r.meter.Process(t.Context(), messages, old); err == nil || !strings.Contains(err.Error(), metering.ErrFenced.Error()) {
		t.Errorf("former owner: err = %v, want ErrFenced", err)
	}
	if got, err := r.meter.Process(t.Context(), messages, r.fence); err != nil || got.New != 1 {
		t.Errorf("new owner: %+v, %v; want one new", got, err)
	}
}

// Sequence numbers come in any order and from several batches; the watermark waits for the gap.
func TestWatermarkWaitsForGaps(t *testing.T) {
	t.Parallel()
	r := newMeterRig(t)
	tenant := addTenant(t, r.db, "postpaid", money.USD)
	send := func(seqs ...uint64) uint64 {
		var events []usage.Event
		for _, s := range seqs {
			e := testEvent(tenant, testModel, 1, 0)
			e.Seq = s
			events = append(events, e)
		}
		got, err := r.meter.Process(t.Context(), messagesOf(events...), r.fence)
		if err != nil {
			t.Fatal(err)
		}
		return got.Committed[0].Seq
	}
	for _, tc := range []struct {
		seqs []uint64
		want uint64
	}{
		{[]uint64{2, 3}, 0}, {[]uint64{5}, 0}, {[]uint64{1}, 3}, {[]uint64{7, 9}, 3}, {[]uint64{4}, 5}, {[]uint64{3, 4}, 5}, {[]uint64{8, 6}, 9},
	} {
		if got := send(tc.seqs...); got != tc.want {
			t.Errorf("after %v: watermark %d, want %d", tc.seqs, got, tc.want)
		}
	}
	var ahead int
	if err := r.db.Pool.QueryRow(t.Context(), `select count(*) from starlane.relay_ahead`).Scan(&ahead); err != nil || ahead != 0 {
		t.Errorf("numbers kept ahead = %d, %v; want none", ahead, err)
	}
}
