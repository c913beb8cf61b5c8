package postgres

import (
	"errors"
	"testing"
	"time"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/ledger"
	"starlane/internal/billing/metering"
	"starlane/internal/billing/money"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/usage"
)

// creditRig is a meter and credit under a clock that the test moves.
type creditRig struct {
	*meterRig
	clock  *clock.Fake
	credit *Credit
	seq    uint64
}

func newCreditRig(t testing.TB) *creditRig {
	t.Helper()
	r := newMeterRig(t)
	c := clock.NewFake(time.Now())
	r.ledger = NewLedgerAt(r.ledger.pool, c)
	r.store = NewMetering(r.ledger, 0)
	r.meter = metering.New(r.store, NewPrices(r.ledger.pool, c))
	return &creditRig{meterRig: r, clock: c, credit: NewCredit(r.ledger)}
}

// spend posts an event of so many nano-USD; a prompt token costs 1000.
func (r *creditRig) spend(t testing.TB, tenant, hold id.ID, amount money.Amount) metering.Result {
	t.Helper()
	e := testEvent(tenant, testModel, int64(amount/1000), 0)
	e.Hold = hold
	r.seq++
	e.Seq = r.seq
	got, err := r.meter.Process(t.Context(), messagesOf(e), r.fence)
	if err != nil || got.New != 1 {
		t.Fatalf("spend: %+v, %v", got, err)
	}
	return got
}

func (r *creditRig) slice(t testing.TB, tenant id.ID, amount money.Amount) credit.Hold {
	t.Helper()
	h, _, err := r.credit.Slice(t.Context(), tenant, 1, amount)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (r *creditRig) left(t testing.TB, lot credit.Lot) money.Amount {
	t.Helper()
	return -r.balance(t, ledger.CreditOf(lot.Tenant, lot.ID))
}

// Given credit goes first, within it what expires first; expired credit is not touched, without anybody sweeping; what no
// credit covers is owed.
func TestBurnOrder(t *testing.T) {
	t.Parallel()
	r := newCreditRig(t)
	tenant := addTenant(t, r.db, "prepaid", 0)
	soon, later := r.clock.Now().Add(time.Hour), r.clock.Now().Add(48*time.Hour)
	bought := grant(t, r.credit, tenant, credit.Purchase, "topup:1", 30*money.Cent, nil)
	gone := grant(t, r.credit, tenant, credit.Promo, "promo:soon", 50*money.Cent, &soon)
	stays := grant(t, r.credit, tenant, credit.Promo, "promo:later", 20*money.Cent, &later)
	forever := grant(t, r.credit, tenant, credit.Promo, "promo:forever", 10*money.Cent, nil)

	check := func(when string, want ...money.Amount) {
		t.Helper()
		for i, lot := range []credit.Lot{gone, stays, forever, bought} {
			if got := r.left(t, lot); got != want[i] {
				t.Errorf("%s: %s has %v left, want %v", when, lot.SourceRef, got, want[i])
			}
		}
	}
	r.spend(t, tenant, id.Nil, 5*money.Cent)
	check("first", 45*money.Cent, 20*money.Cent, 10*money.Cent, 30*money.Cent)
	r.clock.Advance(2 * time.Hour)
	r.spend(t, tenant, id.Nil, 25*money.Cent)
	check("after an expiry", 45*money.Cent, 0, 5*money.Cent, 30*money.Cent)
	if st, err := r.credit.Standing(t.Context(), tenant); err != nil || st.Avail != 35*money.Cent {
		t.Errorf("available = %v, %v; want 0.35", st.Avail, err)
	}
	r.spend(t, tenant, id.Nil, 40*money.Cent)
	check("beyond", 45*money.Cent, 0, 0, 0)
	if owed := r.balance(t, ledger.ReceivableOf(tenant)); owed != 5*money.Cent {
		t.Errorf("owed = %v, want 0.05", owed)
	}
	// The next credit pays for it first.
	next := grant(t, r.credit, tenant, credit.Purchase, "topup:2", 20*money.Cent, nil)
	if got, owed := r.left(t, next), r.balance(t, ledger.ReceivableOf(tenant)); got != 15*money.Cent || owed != 0 {
		t.Errorf("after a purchase: %v left and %v owed, want 0.15 and 0", got, owed)
	}
	soundBooks(t.Context(), t, r.ledger)
}

// A hold: charged up to its amount, the rest goes to lots; closed at its end, released after grace; a late event is charged
// to lots; a hold of a lot that expires ends with it.
func TestLifeOfAHold(t *testing.T) {
	t.Parallel()
	r := newCreditRig(t)
	tenant := addTenant(t, r.db, "prepaid", 0)
	lot := grant(t, r.credit, tenant, credit.Purchase, "topup:1", money.USD, nil)
	h := r.slice(t, tenant, 40*money.Cent)
	if got := r.left(t, lot); h.Amount != 40*money.Cent || got != 60*money.Cent {
		t.Fatalf("hold of %v leaves %v, want 0.40 and 0.60", h.Amount, got)
	}
	if got := r.spend(t, tenant, h.ID, 30*money.Cent); len(got.Refresh) != 0 {
		t.Errorf("a charge within the hold asks for a refresh of %v", got.Refresh)
	}
	if got := r.spend(t, tenant, h.ID, 15*money.Cent); len(got.Refresh) != 1 {
		t.Error("a charge beyond the hold does not say that the lots have changed")
	}
	if escrow, got := r.balance(t, ledger.EscrowOf(tenant)), r.left(t, lot); escrow != 0 || got != 55*money.Cent {
		t.Errorf("escrow %v, lot %v; want 0 and 0.55", escrow, got)
	}

	second := r.slice(t, tenant, 50*money.Cent)
	r.spend(t, tenant, second.ID, 10*money.Cent)
	r.clock.Advance(credit.HoldTTL + time.Second)
	if closed, err := r.credit.CloseExpired(t.Context()); err != nil || len(closed) != 2 {
		t.Fatalf("closed %v, %v; want both", closed, err)
	}
	r.spend(t, tenant, second.ID, 5*money.Cent) // requests that ran on it still come in
	if early, err := r.credit.ReleaseDue(t.Context()); err != nil || len(early) != 0 {
		t.Errorf("released before its grace was over: %v, %v", early, err)
	}
	r.clock.Advance(credit.ReleaseGrace)
	if tenants, err := r.credit.ReleaseDue(t.Context()); err != nil || len(tenants) != 2 {
		t.Errorf("released %v, %v; want two", tenants, err)
	}
	if escrow, got := r.balance(t, ledger.EscrowOf(tenant)), r.left(t, lot); escrow != 0 || got != 40*money.Cent {
		t.Errorf("after release: escrow %v, lot %v; want 0 and 0.40", escrow, got)
	}
	r.spend(t, tenant, second.ID, 10*money.Cent) // later than anything
	if got := r.left(t, lot); got != 30*money.Cent {
		t.Errorf("a late event leaves %v, want 0.30", got)
	}
	if again, err := r.credit.ReleaseDue(t.Context()); err != nil || len(again) != 0 {
		t.Errorf("released twice: %v, %v", again, err)
	}

	end := r.clock.Now().Add(time.Minute)
	grant(t, r.credit, tenant, credit.Promo, "promo:short", money.Cent, &end)
	if short := r.slice(t, tenant, money.USD); short.Amount != money.Cent || !short.ExpiresAt.Equal(end.Truncate(time.Microsecond)) && !short.ExpiresAt.Equal(end) {
		t.Errorf("hold of %v until %v; want one cent until the lot ends at %v", short.Amount, short.ExpiresAt, end)
	}
	soundBooks(t.Context(), t, r.ledger)
}

// Post-paid: holds take room under the limit and post nothing; what is charged is owed.
func TestCreditLine(t *testing.T) {
	t.Parallel()
	r := newCreditRig(t)
	tenant := addTenant(t, r.db, "postpaid", money.USD)
	h := r.slice(t, tenant, 70*money.Cent)
	if st, err := r.credit.Standing(t.Context(), tenant); err != nil || st.Avail != 30*money.Cent {
		t.Errorf("available = %v, %v; want 0.30", st.Avail, err)
	}
	r.spend(t, tenant, h.ID, 50*money.Cent)
	if st, err := r.credit.Standing(t.Context(), tenant); err != nil || st.Avail != 30*money.Cent {
		t.Errorf("available after use of the hold = %v, %v; want 0.30", st.Avail, err)
	}
	if rest := r.slice(t, tenant, money.USD); rest.Amount != 30*money.Cent {
		t.Errorf("second hold of %v, want what is left: 0.30", rest.Amount)
	}
	if _, _, err := r.credit.Slice(t.Context(), tenant, 1, money.USD); !errors.Is(err, credit.ErrNoCredit) {
		t.Errorf("third hold: err = %v, want ErrNoCredit", err)
	}
	// Given credit is used before the line, also by a post-paid tenant.
	grant(t, r.credit, tenant, credit.Promo, "promo:1", 20*money.Cent, nil)
	promo := r.slice(t, tenant, money.USD)
	r.spend(t, tenant, promo.ID, 20*money.Cent)
	if owed := r.balance(t, ledger.ReceivableOf(tenant)); promo.Amount != 20*money.Cent || owed != 50*money.Cent {
		t.Errorf("hold of %v, owed %v; want 0.20 and 0.50", promo.Amount, owed)
	}
	soundBooks(t.Context(), t, r.ledger)
}

func TestGrantOncePerSource(t *testing.T) {
	t.Parallel()
	r := newCreditRig(t)
	tenant := addTenant(t, r.db, "prepaid", 0)
	g := credit.Grant{Tenant: tenant, Source: credit.Purchase, SourceRef: "topup:x", Amount: 20 * money.USD, Tax: 4 * money.USD, Actor: "test"}
	first, fresh, err := r.credit.Grant(t.Context(), g)
	if err != nil || !fresh {
		t.Fatalf("Grant = %v, %v", fresh, err)
	}
	again, fresh, err := r.credit.Grant(t.Context(), g)
	if err != nil || fresh || again.ID != first.ID {
		t.Errorf("repeat = %+v, %v, %v; want the first lot", again, fresh, err)
	}
	g.Amount++
	if _, _, err := r.credit.Grant(t.Context(), g); !errors.Is(err, credit.ErrSourceConflict) {
		t.Errorf("other amount: err = %v, want ErrSourceConflict", err)
	}
	g.Tenant, g.SourceRef = id.New(), "topup:y"
	if _, _, err := r.credit.Grant(t.Context(), g); !errors.Is(err, credit.ErrUnknownTenant) {
		t.Errorf("unknown tenant: err = %v, want ErrUnknownTenant", err)
	}
	cash, tax := r.balance(t, ledger.Platform(ledger.Cash)), r.balance(t, ledger.Platform(ledger.TaxPayable))
	if cash != 24*money.USD || tax != -4*money.USD {
		t.Errorf("cash %v, tax %v; want 24 and -4", cash, tax)
	}
}

// Suspension closes what is open; relays' events on it are still charged to it.
func TestCloseTenantHolds(t *testing.T) {
	t.Parallel()
	r := newCreditRig(t)
	tenant := addTenant(t, r.db, "prepaid", 0)
	grant(t, r.credit, tenant, credit.Purchase, "topup:1", money.USD, nil)
	h := r.slice(t, tenant, 40*money.Cent)
	if kept, err := r.credit.CloseHolds(t.Context(), tenant, 1); err != nil || len(kept) != 0 {
		t.Errorf("closed %v of the same epoch, %v; want none", kept, err)
	}
	if closed, err := r.credit.CloseHolds(t.Context(), tenant, 2); err != nil || len(closed) != 1 {
		t.Errorf("closed %v, %v; want the hold", closed, err)
	}
	r.spend(t, tenant, h.ID, 10*money.Cent)
	if got := r.balance(t, ledger.EscrowOf(tenant)); got != -30*money.Cent {
		t.Errorf("escrow = %v, want -0.30", got)
	}
	// A lease granted in the hold's last second may live on: the hold is kept until even that request is over.
	r.clock.Advance(credit.ReleaseGrace + time.Minute)
	if early, err := r.credit.ReleaseDue(t.Context()); err != nil || len(early) != 0 {
		t.Errorf("released %v, %v; want none before the hold's own end and grace", early, err)
	}
}

// What no relay has a lease on comes back when the hold is closed; the rest waits for the events that may come.
func TestReleaseFree(t *testing.T) {
	t.Parallel()
	r := newCreditRig(t)
	tenant := addTenant(t, r.db, "prepaid", 0)
	lot := grant(t, r.credit, tenant, credit.Purchase, "topup:1", money.USD, nil)
	idle, busy := r.slice(t, tenant, 40*money.Cent), r.slice(t, tenant, 40*money.Cent)
	r.spend(t, tenant, busy.ID, 10*money.Cent)
	if err := r.credit.ReleaseFree(t.Context(), tenant, idle.ID, 40*money.Cent); err != nil {
		t.Fatal(err)
	}
	if got := r.left(t, lot); got != 20*money.Cent {
		t.Errorf("an open hold gave back %v", got-20*money.Cent)
	}
	if _, err := r.credit.CloseHolds(t.Context(), tenant, 2); err != nil {
		t.Fatal(err)
	}
	for range 2 { // also when it is repeated
		if err := r.credit.ReleaseFree(t.Context(), tenant, idle.ID, 40*money.Cent); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // ten of the thirty cents are with a relay
		if err := r.credit.ReleaseFree(t.Context(), tenant, busy.ID, 20*money.Cent); err != nil {
			t.Fatal(err)
		}
	}
	if got, escrow := r.left(t, lot), r.balance(t, ledger.EscrowOf(tenant)); got != 80*money.Cent || escrow != -10*money.Cent {
		t.Errorf("lot %v, escrow %v; want 0.80 and -0.10", got, escrow)
	}
	r.spend(t, tenant, busy.ID, 5*money.Cent)
	r.clock.Advance(credit.HoldTTL + credit.ReleaseGrace)
	if tenants, err := r.credit.ReleaseDue(t.Context()); err != nil || len(tenants) != 1 {
		t.Errorf("released %v, %v; want one", tenants, err)
	}
	if got, escrow := r.left(t, lot), r.balance(t, ledger.EscrowOf(tenant)); got != 85*money.Cent || escrow != 0 {
		t.Errorf("at the end: lot %v, escrow %v; want 0.85 and 0", got, escrow)
	}
	soundBooks(t.Context(), t, r.ledger)
}

func TestKeyUse(t *testing.T) {
	t.Parallel()
	r := newCreditRig(t)
	tenant := addTenant(t, r.db, "postpaid", 10*money.USD)
	e := testEvent(tenant, testModel, 5000, 0)
	e.Outcome = usage.Cut
	if _, err := r.meter.Process(t.Context(), messagesOf(e), r.fence); err != nil {
		t.Fatal(err)
	}
	day := r.clock.Now().Truncate(24 * time.Hour)
	for since, want := range map[time.Time]money.Amount{{}: 5_000_000, day: 5_000_000, day.Add(24 * time.Hour): 0} {
		if got, err := r.credit.KeyUse(t.Context(), tenant, e.Key, since); err != nil || got != want {
			t.Errorf("use since %v = %v, %v; want %v", since, got, err, want)
		}
	}
}
