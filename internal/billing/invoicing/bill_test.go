package invoicing

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

func account(uses ...money.Amount) Account {
	a := Account{Tenant: id.New(), Month: "2026-11", Start: time.Unix(0, 0), End: time.Unix(1, 0), Postpaid: true}
	for _, u := range uses {
		a.Uses = append(a.Uses, Use{Model: "m", Class: "in_text", Units: 1, Amount: u})
		a.Usage += u
	}
	return a
}

func TestBill(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		in       Account
		prepaid  bool
		credit   money.Amount
		carryIn  money.Amount
		cents    int64
		carryOut money.Amount
		state    string
	}{
		{"post-paid, cents rounded down", account(money.USD+5, 7), false, 0, 0, 100, 12, Drafted},
		{"carried in and over the cent", account(99*money.Cent + 9_999_999), false, 0, 1, 100, 0, Drafted},
		{"too small to collect", account(49 * money.Cent), false, 0, 0, 0, 49 * money.Cent, Finalized},
		{"just enough", account(50 * money.Cent), false, 0, 0, 50, 0, Drafted},
		{"prepaid and covered", account(3 * money.USD), true, 3 * money.USD, 0, 0, 0, Finalized},
		{"prepaid with a rest", account(3 * money.USD), true, 2 * money.USD, 0, 0, money.USD, Finalized},
		{"credit pays what was carried", account(), true, money.Cent, money.Cent, 0, 0, Finalized},
	} {
		tc.in.Postpaid, tc.in.Credit, tc.in.CarryIn = !tc.prepaid, tc.credit, tc.carryIn
		got, err := Bill(tc.in)
		if err != nil || got.BilledCents != tc.cents || got.CarryOut != tc.carryOut || got.State != tc.state {
			t.Errorf("%s: %d cents, carry %v, %s, %v; want %d, %v, %s", tc.name, got.BilledCents, got.CarryOut, got.State, err, tc.cents, tc.carryOut, tc.state)
		}
	}
}

func TestBillRefusesBooksThatDisagree(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Account){
		"uses and ledger differ": func(a *Account) { a.Usage++ },
		"more credit than use":   func(a *Account) { a.Credit = a.Usage + 1 },
		"negative credit":        func(a *Account) { a.Credit = -1 },
	} {
		a := account(money.USD)
		change(&a)
		if _, err := Bill(a); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: err = %v, want ErrMismatch", name, err)
		}
	}
}

// The identity, lines that sum to the bill in nano-USD and in cents, no line a cent or more away from its amount; and over
// twelve months nothing is lost in the carries.
func TestBillProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		postpaid := rapid.Bool().Draw(t, "postpaid")
		var carry, used, covered, billed money.Amount
		for range rapid.IntRange(1, 12).Draw(t, "months") {
			a := account(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) money.Amount {
				return money.Amount(rapid.Int64Range(0, 3_000_000_000).Draw(t, "use"))
			}), 0, 30).Draw(t, "uses")...)
			a.Postpaid, a.CarryIn = postpaid, carry
			a.Credit = money.Amount(rapid.Int64Range(0, int64(a.Usage+carry)).Draw(t, "credit"))
			inv, err := Bill(a)
			if err != nil {
				t.Fatal(err)
			}
			if a.Usage-a.Credit+a.CarryIn != money.Amount(inv.BilledCents)*money.Cent+inv.CarryOut {
				t.Fatalf("identity: %+v", inv)
			}
			if inv.CarryOut < 0 || (inv.BilledCents > 0 && inv.CarryOut >= money.Cent) || (!postpaid && inv.BilledCents != 0) {
				t.Fatalf("carry %v with a bill of %d cents", inv.CarryOut, inv.BilledCents)
			}
			var nano money.Amount
			var cents int64
			for _, l := range inv.Lines {
				nano, cents = nano+l.Amount, cents+l.Cents
				if d := money.Amount(l.Cents)*money.Cent - l.Amount; d >= money.Cent || d <= -money.Cent {
					t.Fatalf("line of %v shows %d cents", l.Amount, l.Cents)
				}
			}
			if nano != money.Amount(inv.BilledCents)*money.Cent || cents != inv.BilledCents {
				t.Fatalf("lines sum to %v and %d cents, want %d", nano, cents, inv.BilledCents)
			}
			carry = inv.CarryOut
			used, covered, billed = used+a.Usage, covered+a.Credit, billed+money.Amount(inv.BilledCents)*money.Cent
		}
		if used-covered != billed+carry {
			t.Fatalf("over the year: used %v, covered %v, billed %v, carry %v", used, covered, billed, carry)
		}
	})
}

func TestRemoteLines(t *testing.T) {
	t.Parallel()
	inv := Pending{ID: id.New()}
	var want int64
	for i := range 300 {
		inv.Lines = append(inv.Lines, Line{Kind: LineUsage, Model: "m", Class: "in_text", Amount: money.Amount(i) * money.Cent, Cents: int64(i)})
		want += int64(i)
	}
	inv.Lines = append(inv.Lines, Line{Kind: LineCredit, Amount: -500 * money.Cent, Cents: -500})
	lines := remoteLines(inv)
	var got int64
	for _, l := range lines {
		got += l.Cents
		if l.Cents == 0 || l.Description == "" {
			t.Errorf("line %+v should not be sent", l)
		}
	}
	if got != want-500 || len(lines) > maxLines {
		t.Errorf("%d lines of %d cents; want at most %d of %d", len(lines), got, maxLines, want-500)
	}
}
