package usage

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

func genID(t *rapid.T, label string, nilToo bool) id.ID {
	if nilToo && rapid.Bool().Draw(t, label+" nil") {
		return id.Nil
	}
	var v id.ID
	copy(v[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label))
	v[0] |= 1
	return v
}

func genText(t *rapid.T, label string) string {
	return clean(rapid.StringN(0, 60, MaxText).Draw(t, label))
}

func genCounts(t *rapid.T) Counts {
	var c Counts
	for class := range NumClasses {
		if rapid.Bool().Draw(t, "has") {
			c.Set(class, rapid.Int64Range(0, MaxUnits).Draw(t, "units"), Provenance(rapid.IntRange(0, 3).Draw(t, "from")))
		}
	}
	return c
}

func genEvent(t *rapid.T) Event {
	e := Event{
		ID: genID(t, "id", false), Tenant: genID(t, "tenant", false), Project: genID(t, "project", true),
		Key: genID(t, "key", true), Hold: genID(t, "hold", true), Deployment: genID(t, "deployment", true),
		OccurredAt: time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(t, "at")).UTC(),
		Capability: genText(t, "capability"), Provider: genText(t, "provider"), RequestedModel: genText(t, "asked"),
		ServedModel: genText(t, "served"), ServiceTier: genText(t, "tier"),
		Outcome: rapid.SampledFrom([]Outcome{OK, ClientGone, UpstreamError, ClientError, Cut, Crashed}).Draw(t, "outcome"), HTTPStatus: rapid.IntRange(0, maxStatus).Draw(t, "status"),
		Streamed: rapid.Bool().Draw(t, "streamed"), Counts: genCounts(t),
		SellVersion:    rapid.Int64Range(0, 1<<60).Draw(t, "sell"),
		Reserved:       money.Amount(rapid.Int64Range(0, int64(MaxAmount)).Draw(t, "reserved")),
		Estimate:       money.Amount(rapid.Int64Range(0, int64(MaxAmount)).Draw(t, "estimate")),
		TTFTMillis:     rapid.Int64Range(-1, maxMillis).Draw(t, "ttft"),
		DurationMillis: rapid.Int64Range(0, maxMillis).Draw(t, "ms"), UpstreamRequestID: genText(t, "upstream id"),
		Relay: genText(t, "relay"), Boot: rapid.Int64Range(0, 1<<60).Draw(t, "boot"), Seq: rapid.Uint64().Draw(t, "seq"),
	}
	for range rapid.IntRange(0, MaxAttempts).Draw(t, "attempts") {
		e.Attempts = append(e.Attempts, Attempt{
			Deployment: genID(t, "tried", true), Status: rapid.IntRange(0, maxStatus).Draw(t, "tried status"),
			Fault:  rapid.SampledFrom([]string{"", "dial", "send", "status", "stream", "client"}).Draw(t, "fault"),
			Millis: rapid.Int64Range(0, maxMillis).Draw(t, "tried ms"),
		})
	}
	return e
}

func toMap(t testing.TB, fields []string) map[string]any {
	t.Helper()
	m := map[string]any{}
	for i := 0; i < len(fields); i += 2 {
		m[fields[i]] = fields[i+1]
	}
	if len(m) != NumFields || len(fields) != 2*NumFields {
		t.Fatalf("got %d strings with %d names, want %d pairs", len(fields), len(m), NumFields)
	}
	return m
}

func TestFieldsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		want := genEvent(rt)
		got, err := ParseFields(toMap(t, want.AppendFields(nil)))
		if err != nil {
			rt.Fatalf("ParseFields: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("round trip (-want +got):\n%s", diff)
		}
	})
}

func TestBinaryRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		want := genEvent(rt)
		b := want.AppendBinary(nil)
		got, err := ParseBinary(b)
		if err != nil {
			rt.Fatalf("ParseBinary: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("round trip (-want +got):\n%s", diff)
		}
		if cut := rapid.IntRange(0, len(b)-1).Draw(rt, "cut"); cut < len(b) {
			if _, err := ParseBinary(b[:cut]); err == nil {
				rt.Fatalf("%d of %d bytes are accepted", cut, len(b))
			}
		}
	})
}

func TestOpenRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		e := genEvent(rt)
		want := Open{
			ID: e.ID, Tenant: e.Tenant, Project: e.Project, Key: e.Key, Hold: e.Hold, OccurredAt: e.OccurredAt,
			Capability: e.Capability, RequestedModel: e.RequestedModel, ServedModel: e.ServedModel, Provider: e.Provider,
			Deployment: e.Deployment, Streamed: e.Streamed, InputEstimate: e.Counts.Units[InText], SellVersion: e.SellVersion,
			Reserved: e.Reserved, InputClass: Class(rapid.Uint8Range(0, uint8(NumClasses)-1).Draw(rt, "class")),
		}
		got, err := ParseOpen(want.AppendBinary(nil))
		if err != nil {
			rt.Fatalf("ParseOpen: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("round trip (-want +got):\n%s", diff)
		}
	})
}

func sample() Event {
	e := Event{
		ID: id.New(), Tenant: id.New(), Project: id.New(), Key: id.New(), Hold: id.New(), Deployment: id.New(),
		OccurredAt: time.UnixMicro(1_790_000_000_000_000).UTC(), Capability: "chat", Provider: "openai",
		RequestedModel: "demo/auto", ServedModel: "demo/echo", ServiceTier: "standard", Outcome: OK, HTTPStatus: 200,
		Streamed: true, SellVersion: 7, Reserved: 5 * money.Cent, Estimate: money.Cent, TTFTMillis: 51, DurationMillis: 2100,
		UpstreamRequestID: "req_1", Relay: "relay-1", Boot: 1_790_000_000_000, Seq: 12,
	}
	e.Attempts = []Attempt{{Deployment: id.New(), Status: 500, Fault: "status", Millis: 12}, {Deployment: e.Deployment, Status: 200, Millis: 2000}}
	e.Counts.Set(InText, 12, Reported)
	e.Counts.Set(OutText, 5, Derived)
	return e
}

func TestParseFieldsIsStrict(t *testing.T) {
	t.Parallel()
	tests := map[string]func(m map[string]any){
		"unknown version":     func(m map[string]any) { m["v"] = "2" },
		"missing field":       func(m map[string]any) { delete(m, "seq") },
		"surplus field":       func(m map[string]any) { m["prompt"] = "x" },
		"other field instead": func(m map[string]any) { delete(m, "seq"); m["prompt"] = "x" },
		"no tenant":           func(m map[string]any) { m["tenant"] = "" },
		"upper-case id":       func(m map[string]any) { m["id"] = strings.ToUpper(m["id"].(string)) + "" },
		"negative count":      func(m map[string]any) { m["units"] = "in_text:-1:reported" },
		"absurd count":        func(m map[string]any) { m["units"] = "in_text:1000000000001:reported" },
		"unknown class":       func(m map[string]any) { m["units"] = "in_txt:1:reported" },
		"unknown provenance":  func(m map[string]any) { m["units"] = "in_text:1:guessed" },
		"class twice":         func(m map[string]any) { m["units"] = "in_text:1:reported,in_text:1:reported" },
		"trailing comma":      func(m map[string]any) { m["units"] = "in_text:1:reported," },
		"unknown outcome":     func(m map[string]any) { m["out"] = "fine" },
		"number with a plus":  func(m map[string]any) { m["est"] = "+1" },
		"number with a zero":  func(m map[string]any) { m["est"] = "01" },
		"negative amount":     func(m map[string]any) { m["est"] = "-1" },
		"amount too large":    func(m map[string]any) { m["est"] = "1000000000000001" },
		"control character":   func(m map[string]any) { m["asked"] = "a\x00b" },
		"invalid UTF-8":       func(m map[string]any) { m["asked"] = "a\xff" },
		"long text":           func(m map[string]any) { m["asked"] = strings.Repeat("a", MaxText+1) },
		"17 attempts":         func(m map[string]any) { m["tries"] = strings.Repeat(":200::1;", MaxAttempts) + ":200::1" },
		"fault with text":     func(m map[string]any) { m["tries"] = ":200:no such:1" },
		"not a string":        func(m map[string]any) { m["seq"] = 12 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := sample()
			e.ID = id.ID{0xab, 15: 0xcd}
			m := toMap(t, e.AppendFields(nil))
			if _, err := ParseFields(m); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			change(m)
			if got, err := ParseFields(m); err == nil {
				t.Errorf("accepted: %+v", got)
			}
		})
	}
}

func TestForeignTextIsTrimmed(t *testing.T) {
	t.Parallel()
	e := sample()
	e.UpstreamRequestID = "a\r\nb" + strings.Repeat("é", 300) + "\xff"
	e.Attempts = append(e.Attempts, Attempt{Fault: "Odd: one;", Millis: -4})
	e.DurationMillis = -1 // the wall clock was set back
	for len(e.Attempts) < MaxAttempts+3 {
		e.Attempts = append(e.Attempts, Attempt{})
	}
	fields, err := ParseFields(toMap(t, e.AppendFields(nil)))
	if err != nil {
		t.Fatalf("ParseFields: %v", err)
	}
	logged, err := ParseBinary(e.AppendBinary(nil))
	if err != nil {
		t.Fatalf("ParseBinary: %v", err)
	}
	if diff := cmp.Diff(fields, logged); diff != "" {
		t.Errorf("stream and log differ (-stream +log):\n%s", diff)
	}
	if want := "ab" + strings.Repeat("é", 127); fields.UpstreamRequestID != want {
		t.Errorf("UpstreamRequestID = %q, want %q", fields.UpstreamRequestID, want)
	}
	if got, want := fields.Attempts[2].Fault, "_dd__one_"; got != want {
		t.Errorf("Fault = %q, want %q", got, want)
	}
}

func TestRepairMakesAnyEventValid(t *testing.T) {
	t.Parallel()
	e := sample()
	e.Outcome, e.HTTPStatus, e.Reserved, e.Estimate, e.TTFTMillis = "odd", 4000, -1, MaxAmount+1, -7
	e.SellVersion, e.Boot, e.RequestedModel, e.Relay = -1, -1, strings.Repeat("x", 999), "a\nb"
	e.Counts.Set(InText, -5, 9)
	e.Counts.Set(OutText, MaxUnits+1, Reported)
	e.Attempts = make([]Attempt, MaxAttempts+1)
	e.Attempts[0] = Attempt{Status: -1, Fault: "Not a word", Millis: -1}
	if e.Validate() == nil {
		t.Fatal("the event is valid before the repair")
	}
	e.Repair()
	if err := e.Validate(); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

func TestAppendBinaryDoesNotAllocate(t *testing.T) {
	e, buf := sample(), make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { buf = e.AppendBinary(buf[:0]) }); n != 0 {
		t.Errorf("AppendBinary allocates %v times, want 0", n)
	}
}

func FuzzParseFields(f *testing.F) {
	e := sample()
	f.Add(strings.Join(e.AppendFields(nil), "\n"))
	e.Attempts, e.Counts = nil, Counts{}
	f.Add(strings.Join(e.AppendFields(nil), "\n"))
	f.Fuzz(func(t *testing.T, text string) {
		parts, m := strings.Split(text, "\n"), map[string]any{}
		for i := 0; i+1 < len(parts); i += 2 {
			m[parts[i]] = parts[i+1]
		}
		e, err := ParseFields(m)
		if err != nil {
			return
		}
		if diff := cmp.Diff(m, toMap(t, e.AppendFields(nil))); diff != "" {
			t.Errorf("an accepted record is written differently (-read +written):\n%s", diff)
		}
	})
}

func FuzzParseBinary(f *testing.F) {
	e := sample()
	f.Add(e.AppendBinary(nil))
	o := Open{ID: id.New(), Tenant: id.New(), InputEstimate: 3, Capability: "chat"}
	f.Add(o.AppendBinary(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := ParseBinary(b); err == nil {
			again, err := ParseBinary(e.AppendBinary(nil))
			if err != nil || !cmp.Equal(e, again) {
				t.Errorf("second reading: %v\n%s", err, cmp.Diff(e, again))
			}
		}
		if o, err := ParseOpen(b); err == nil {
			again, err := ParseOpen(o.AppendBinary(nil))
			if err != nil || o != again {
				t.Errorf("second reading: %v\n%s", err, cmp.Diff(o, again))
			}
		}
	})
}

func BenchmarkAppendBinary(b *testing.B) {
	e, buf := sample(), make([]byte, 0, 1024)
	for b.Loop() {
		buf = e.AppendBinary(buf[:0])
	}
	b.ReportMetric(float64(len(bytes.TrimSpace(buf))), "bytes/record")
}

func BenchmarkAppendFields(b *testing.B) {
	e, fields := sample(), make([]string, 0, 2*NumFields)
	for b.Loop() {
		fields = e.AppendFields(fields[:0])
	}
}
