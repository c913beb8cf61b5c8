package redisstore

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/testkit/redistest"
	"starlane/internal/usage"
	"starlane/internal/usage/allowance"
)

func open(t *testing.T, r *redistest.Redis) *Store {
	t.Helper()
	s, err := Open(secret.New(r.URL), Options{Name: "test"})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeysOfOneScriptShareASlot(t *testing.T) {
	t.Parallel()
	tenant, key := id.New(), id.New()
	responses := []string{keyResponse(tenant, "a"), keyResponseExpiry(tenant), keyResponseSizes(tenant)}
	sets := map[string][]string{
		"put_hold": escrowKeys(tenant), "extend_hold": escrowKeys(tenant), "close_hold": escrowKeys(tenant), "lease": escrowKeys(tenant), "return_lease": escrowKeys(tenant),
		"set_avail": escrowKeys(tenant), "budget_lease": {keyBudget(tenant)}, "budget_return": {keyBudget(tenant)},
		"budget_seed": {keyBudget(tenant)}, "budget_correct": {keyBudget(tenant)},
		"limits": {keyLimits(tenant, key)}, "publish_catalog": {keyCatalog, keyCatalogVersion},
		"publish_keys": {keyRecords, keyRecordVersions, keyRecordLog, keyRecordVersion, keyRecordSeq},
		"committed":    {keyCommitted}, "trim": {keyUsage(7)},
		"put_response": responses, "drop_responses": responses,
	}
	s, err := New(nil)
	check(t, err)
	tagOf := regexp.MustCompile(`\{([^}]+)\}`)
	for name := range s.scripts {
		keys := sets[name]
		if len(keys) == 0 {
			t.Errorf("script %s: its keys are not listed in this test", name)
		}
		for _, k := range keys {
			first, this := tagOf.FindString(keys[0]), tagOf.FindString(k)
			if len(keys) > 1 && (this == "" || this != first) {
				t.Errorf("script %s: key %s has tag %q, want %q", name, k, this, first)
			}
		}
	}
	for _, k := range []string{keyEscrow(tenant), keyBudget(tenant), keyLimits(tenant, key), keyUsage(id.Shard(tenant))} {
		if got, want := tagOf.FindString(k), "{"+id.Tag(id.Shard(tenant))+"}"; got != want {
			t.Errorf("key %s has tag %s, want the tenant's %s", k, got, want)
		}
	}
}

func TestLeaseTakesOldestHoldFirst(t *testing.T) {
	t.Parallel()
	s, ctx, tenant := open(t, redistest.New(t)), t.Context(), id.New()
	first, second := id.New(), id.New()
	soon, later := time.Now().Add(10*time.Minute), time.Now().Add(15*time.Minute)
	if ok := must(s.PutHold(ctx, tenant, 1, second, 500, later))(t); !ok {
		t.Fatal("hold of the first epoch is refused")
	}
	must(s.PutHold(ctx, tenant, 1, first, 300, soon))(t)
	must(s.PutHold(ctx, tenant, 1, first, 300, soon))(t) // a repeat adds nothing

	reply := must(s.Lease(ctx, allowance.LeaseRequest{Tenant: tenant, Relay: "r:1", Want: 400, Need: 1, TTL: 30 * time.Second}))(t)
	want := []allowance.Lease{{Hold: first, Amount: 300}, {Hold: second, Amount: 100}}
	if len(reply.Leases) != 2 || reply.Leases[0].Hold != want[0].Hold || reply.Leases[0].Amount != 300 || reply.Leases[1].Amount != 100 {
		t.Fatalf("leases = %+v, want %+v", reply.Leases, want)
	}
	if reply.Free != 400 {
		t.Errorf("Free = %d, want 400", reply.Free)
	}
	if ttl := reply.Leases[0].For; ttl < 25*time.Second || ttl > 31*time.Second {
		t.Errorf("lease ends in %v, want about 30 s", ttl)
	}

	if back := must(s.ReturnLease(ctx, tenant, "r:1", first, 120, false))(t); back != 120 {
		t.Errorf("returned %d, want 120", back)
	}
	if back := must(s.ReturnLease(ctx, tenant, "r:1", first, 500, true))(t); back != 180 {
		t.Errorf("returned %d, want the 180 that were leased", back)
	}
	if back := must(s.ReturnLease(ctx, tenant, "r:1", first, 10, true))(t); back != 0 {
		t.Errorf("returned %d from a lease that has ended, want 0", back)
	}
	e := must(s.Escrow(ctx, tenant))(t)
	if e.Epoch != 1 || len(e.Holds) != 2 || e.Leased != 100 {
		t.Errorf("escrow = %+v, want epoch 1, 2 holds, 100 leased", e)
	}
	if free := must(s.CloseHold(ctx, tenant, first))(t); free != 300 {
		t.Errorf("CloseHold = %d, want 300", free)
	}
}

func TestLeaseRenewsAndExpires(t *testing.T) {
	t.Parallel()
	s, ctx, tenant, hold := open(t, redistest.New(t)), t.Context(), id.New(), id.New()
	must(s.PutHold(ctx, tenant, 1, hold, 1000, time.Now().Add(time.Minute)))(t)
	ask := allowance.LeaseRequest{Tenant: tenant, Relay: "r:1", Want: 100, TTL: 40 * time.Millisecond}
	must(s.Lease(ctx, ask))(t)
	ask.Want, ask.Renew, ask.TTL = 0, []id.ID{hold}, time.Minute
	if reply := must(s.Lease(ctx, ask))(t); len(reply.Leases) != 1 || reply.Leases[0].Amount != 0 {
		t.Fatalf("renewal = %+v, want the lease with nothing granted", reply)
	}
	ask.TTL = time.Millisecond
	must(s.Lease(ctx, ask))(t)
	waitFor(t, func() bool { return len(must(s.Lease(ctx, ask))(t).Leases) == 0 })
	if e := must(s.Escrow(ctx, tenant))(t); e.Leased != 0 || e.Holds[0].Free != 900 {
		t.Errorf("escrow = %+v, want an expired lease to return nothing", e)
	}
	if reply := must(s.Lease(ctx, allowance.LeaseRequest{Tenant: tenant, Relay: "r:1", Want: 1e9, Need: 1e9, TTL: time.Second}))(t); !reply.More {
		t.Errorf("reply = %+v, want More when the need is not met", reply)
	}
	if e := must(s.Escrow(ctx, tenant))(t); e.Want != 1e9 || e.Need != 1e9 {
		t.Errorf("Want = %d, Need = %d, want what was not met", e.Want, e.Need)
	}
}

func TestExtendHold(t *testing.T) {
	t.Parallel()
	s, ctx, tenant, hold := open(t, redistest.New(t)), t.Context(), id.New(), id.New()
	until := time.Now().Add(time.Minute).Truncate(time.Millisecond).UTC()
	must(s.PutHold(ctx, tenant, 3, hold, 100, until))(t)
	later := until.Add(time.Hour)
	if !must(s.ExtendHold(ctx, tenant, 3, hold, later))(t) || !must(s.ExtendHold(ctx, tenant, 3, hold, until))(t) {
		t.Error("a hold that is there is not extended")
	}
	if must(s.ExtendHold(ctx, tenant, 2, hold, later))(t) || must(s.ExtendHold(ctx, tenant, 3, id.New(), later))(t) {
		t.Error("a hold that is not there, or of another epoch, is extended")
	}
	if e := must(s.Escrow(ctx, tenant))(t); len(e.Holds) != 1 || !e.Holds[0].ExpiresAt.Equal(later) {
		t.Errorf("holds = %+v, want one until %v", e.Holds, later)
	}
}

func TestNewEpochDropsOldSlices(t *testing.T) {
	t.Parallel()
	s, ctx, tenant := open(t, redistest.New(t)), t.Context(), id.New()
	expires := time.Now().Add(time.Minute)
	must(s.PutHold(ctx, tenant, 1, id.New(), 100, expires))(t)
	must(s.PutHold(ctx, tenant, 2, id.New(), usage.MaxAmount, expires))(t)
	if must(s.PutHold(ctx, tenant, 1, id.New(), 100, expires))(t) {
		t.Error("a hold of an older epoch is accepted")
	}
	if must(s.SetAvail(ctx, tenant, 1, 5, CreditOK))(t) {
		t.Error("SetAvail of an older epoch is accepted")
	}
	must(s.SetAvail(ctx, tenant, 2, 77, CreditOK))(t)
	reply := must(s.Lease(ctx, allowance.LeaseRequest{Tenant: tenant, Relay: "r", Want: usage.MaxAmount - 1, TTL: time.Second}))(t)
	if len(reply.Leases) != 1 || reply.Leases[0].Amount != usage.MaxAmount-1 || reply.Free != 1 {
		t.Errorf("reply = %+v, want one lease of all but one nano", reply)
	}
	if !reply.AvailKnown || reply.Avail != 77 || reply.State != CreditOK {
		t.Errorf("avail = %d %q, want 77 ok", reply.Avail, reply.State)
	}
}

func TestWantedQueueKeepsOneOfEach(t *testing.T) {
	t.Parallel()
	s, ctx := open(t, redistest.New(t)), t.Context()
	credit := Wanted{Tenant: id.New()}
	budget := Wanted{Tenant: id.New(), Key: id.New(), Window: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	total := Wanted{Tenant: id.New(), Key: id.New()}
	for _, w := range []Wanted{credit, credit, budget, total, credit} {
		check(t, s.PushWanted(ctx, w))
	}
	var got []Wanted
	for {
		w, ok, err := s.PopWanted(ctx, time.Second)
		check(t, err)
		if got = append(got, w); !ok || len(got) == 3 {
			break
		}
	}
	for _, w := range []Wanted{credit, budget, total} {
		if !slices.Contains(got, w) {
			t.Errorf("queue gave %+v, want %+v among them", got, w)
		}
	}
}

func TestLimitsAreShared(t *testing.T) {
	t.Parallel()
	s, ctx := open(t, redistest.New(t)), t.Context()
	ask := allowance.LimitRequest{
		Tenant: id.New(), Key: id.New(), Relay: "a", Slots: 5, WantSlots: 3, TTL: time.Minute,
		Requests: allowance.Bucket{Limit: 60, Want: 50, Need: 1}, Tokens: allowance.Bucket{},
	}
	if r := must(s.BorrowLimits(ctx, ask))(t); r.Slots != 3 || r.Requests.Granted != 50 {
		t.Errorf("first = %+v, want 3 slots and 50 requests", r)
	}
	ask.Relay = "b"
	if r := must(s.BorrowLimits(ctx, ask))(t); r.Slots != 2 || r.Requests.Granted < 10 || r.Requests.Granted > 11 {
		t.Errorf("second = %+v, want the other 2 slots and 10 requests", r)
	}
	ask.Requests.Need = 30
	r := must(s.BorrowLimits(ctx, ask))(t)
	if r.Requests.Granted != 0 || r.Requests.Wait < 25*time.Second || r.Requests.Wait > 31*time.Second {
		t.Errorf("third = %+v, want to wait about 30 s", r)
	}
	ask.Requests = allowance.Bucket{Limit: 60, Used: 30} // the debt delays the next
	must(s.BorrowLimits(ctx, ask))(t)
	ask.Requests = allowance.Bucket{Limit: 60, Want: 1, Need: 1}
	if r := must(s.BorrowLimits(ctx, ask))(t); r.Requests.Wait < 25*time.Second {
		t.Errorf("after a debt = %+v, want to wait", r)
	}
	ask.Relay, ask.WantSlots = "a", 0
	must(s.BorrowLimits(ctx, ask))(t)
	ask.Relay, ask.WantSlots = "b", 9
	if r := must(s.BorrowLimits(ctx, ask))(t); r.Slots != 5 {
		t.Errorf("after a gave its slots back = %+v, want all 5", r)
	}
}

func TestPublishIsMonotonic(t *testing.T) {
	t.Parallel()
	r := redistest.New(t)
	s, ctx := open(t, r), t.Context()
	if c, k, err := s.Published(ctx); c != -1 || k != -1 || err != nil {
		t.Errorf("Published = %d %d %v, want -1 -1", c, k, err)
	}
	if data, v, err := s.Catalog(ctx); data != nil || v != -1 || err != nil {
		t.Errorf("Catalog = %q %d %v, want none", data, v, err)
	}
	if !must(s.PublishCatalog(ctx, 5, []byte("five")))(t) || must(s.PublishCatalog(ctx, 5, []byte("x")))(t) || must(s.PublishCatalog(ctx, 4, []byte("x")))(t) {
		t.Error("only the newer catalog may be stored")
	}
	if data, v, err := s.Catalog(ctx); string(data) != "five" || v != 5 || err != nil {
		t.Errorf("Catalog = %q %d %v, want five 5", data, v, err)
	}
	records := []vkey.Record{{PublicID: "aaaaaaaa", Version: 3, Active: true}, {PublicID: "bbbbbbbb", Version: 7, Active: true}}
	if n := must(s.PublishKeys(ctx, records))(t); n != 2 {
		t.Errorf("stored %d, want 2", n)
	}
	_, end, generation, err := s.Versions(ctx)
	check(t, err)
	// A record with a lower number than others published before it is still seen by a reader that is up to date.
	late := vkey.Record{PublicID: "cccccccc", Version: 6}
	old := vkey.Record{PublicID: "bbbbbbbb", Version: 6}
	if n := must(s.PublishKeys(ctx, []vkey.Record{late, old}))(t); n != 1 {
		t.Errorf("stored %d, want 1", n)
	}
	got, to, err := s.KeysSince(ctx, end, 100)
	check(t, err)
	if len(got) != 1 || got[0].PublicID != "cccccccc" || to != end+1 {
		t.Errorf("KeysSince = %+v %d, want the late one", got, to)
	}
	if rec, ok, err := s.Key(ctx, "bbbbbbbb"); !ok || err != nil || rec.Version != 7 {
		t.Errorf("Key = %+v %v %v, want version 7", rec, ok, err)
	}
	if _, ok, err := s.Key(ctx, "zzzzzzzz"); ok || err != nil {
		t.Errorf("Key of an unknown id = %v %v, want none", ok, err)
	}
	check(t, r.Client.FlushDB(ctx).Err())
	must(s.PublishKeys(ctx, records))(t)
	if _, _, again, err := s.Versions(ctx); err != nil || again == generation {
		t.Errorf("generation after a flush = %q %v, want a new one", again, err)
	}
	n := 0
	check(t, s.AllKeys(ctx, func(vkey.Record) error { n++; return nil }))
	if n != 2 {
		t.Errorf("AllKeys gave %d records, want 2", n)
	}
}

func event(tenant id.ID, seq uint64) usage.Event {
	return usage.Event{
		ID: id.New(), Tenant: tenant, OccurredAt: time.UnixMicro(1_790_000_000_000_000).UTC(), Outcome: usage.OK, TTFTMillis: -1,
		Relay: "r", Boot: 1, Seq: seq,
	}
}

func TestStreamsFromEventToTrim(t *testing.T) {
	t.Parallel()
	r := redistest.New(t)
	s, ctx := open(t, r), t.Context()
	tenant := id.New()
	shard := id.Shard(tenant)
	shards := []int{shard, (shard + 1) % id.Shards}
	var events []usage.Event
	for i := range 100 {
		events = append(events, event(tenant, uint64(i+1)))
	}
	check(t, s.AddEvents(ctx, events))
	check(t, r.Client.XAdd(ctx, xadd(keyUsage(shard), "v", "9")).Err())

	got, err := s.ReadGroup(ctx, "w1", shards, 60, time.Second) // makes the group
	check(t, err)
	if len(got) < 60 {
		t.Errorf("read %d, want 60 although they are all in one shard", len(got))
	}
	rest, err := s.ReadGroup(ctx, "w1", shards, 200, time.Second)
	check(t, err)
	got = append(got, rest...)
	if len(got) != 101 {
		t.Fatalf("read %d in all, want 101", len(got))
	}
	for i := range events {
		if got[i].Err != nil || got[i].Event.ID != events[i].ID {
			t.Fatalf("message %d = %+v, want event %v", i, got[i], events[i].ID)
		}
	}
	bad := got[100]
	if bad.Err == nil {
		t.Error("an entry of an unknown version is no error")
	}
	if n := must(s.TrimCommitted(ctx, shard, -time.Hour))(t); n != 0 {
		t.Errorf("trimmed %d of what nobody has acknowledged, want 0", n)
	}
	check(t, s.Ack(ctx, got[:50]))
	if lag := must(s.Lags(ctx, shards))(t)[0]; lag.Pending != 51 || lag.Length != 101 || lag.OldestUnread.IsZero() {
		t.Errorf("lag = %+v, want 51 pending of 101", lag)
	}
	if n := must(s.TrimCommitted(ctx, shard, time.Hour))(t); n != 0 {
		t.Errorf("trimmed %d younger than an hour, want 0", n)
	}
	if n := must(s.TrimCommitted(ctx, shard, -time.Hour))(t); n != 50 {
		t.Errorf("trimmed %d, want 50", n)
	}
	claimed, next, deleted, err := s.AutoClaim(ctx, "w2", shard, 0, "0-0", 100)
	check(t, err)
	if len(claimed) != 51 || next != "0-0" || len(deleted) != 0 {
		t.Errorf("claimed %d, next %s, deleted %v; want 51, 0-0, none", len(claimed), next, deleted)
	}
	if d := must(s.Deliveries(ctx, shard, 100))(t); d[bad.ID] != 2 {
		t.Errorf("deliveries of %s = %d, want 2", bad.ID, d[bad.ID])
	}
	check(t, s.DeadLetter(ctx, &bad, "unknown version"))
	if n := r.Client.XLen(ctx, keyDeadLetters).Val(); n != 1 {
		t.Errorf("%d dead letters, want 1", n)
	}
	if none, err := s.ReadGroup(ctx, "w1", shards, 10, 5*time.Millisecond); err != nil || len(none) != 0 {
		t.Errorf("ReadGroup of nothing = %v %v", none, err)
	}
}

func TestWatermarksOnlyRise(t *testing.T) {
	t.Parallel()
	s, ctx := open(t, redistest.New(t)), t.Context()
	check(t, s.SetCommitted(ctx, map[Producer]uint64{{"r", 1}: 10, {"r", 2}: 3, {"q", 1}: 9}))
	check(t, s.SetCommitted(ctx, map[Producer]uint64{{"r", 1}: 7, {"r", 2}: 4}))
	got := must(s.Committed(ctx, "r", []int64{1, 2, 3}))(t)
	if len(got) != 2 || got[1] != 10 || got[2] != 4 {
		t.Errorf("Committed = %v, want 1:10 2:4", got)
	}
}

func TestUnavailableIsToldApart(t *testing.T) {
	t.Parallel()
	r := redistest.New(t)
	s := open(t, r)
	check(t, s.Wait(t.Context()))
	before := must(s.RunID(t.Context()))(t)
	r.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := s.AddEvents(ctx, []usage.Event{event(id.New(), 1)}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("error of a stopped server = %v, want ErrUnavailable", err)
	}
	r.Start(t)
	check(t, s.Wait(t.Context()))
	if after := must(s.RunID(t.Context()))(t); after == before {
		t.Error("a restarted server has the same run id")
	}
}

func TestBadURLShowsNoPassword(t *testing.T) {
	t.Parallel()
	_, err := Open(secret.New("redis://user:hunter2@host:notaport"), Options{})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error = %v, want one without the password", err)
	}
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	s, ctx := open(t, redistest.New(t)), t.Context()
	want := usage.RelayState{ID: "r", Boot: 4, At: time.UnixMilli(5).UTC(), SpoolBytes: 6, Open: 7, Seq: 8, Unsent: 9}
	check(t, s.Heartbeat(ctx, want))
	if got := must(s.Relays(ctx))(t); len(got) != 1 || got[0] != want {
		t.Errorf("Relays = %+v, want %+v", got, want)
	}
}
