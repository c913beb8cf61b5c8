package money

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestString(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in   Amount
		want string
	}{
		{0, "0.00"},
		{75, "0.000000075"},
		{12 * USD, "12.00"},
		{12*USD + 50*Cent, "12.50"},
		{-3 * USD, "-3.00"},
		{math.MinInt64, "-9223372036.854775808"},
		{math.MaxInt64, "9223372036.854775807"},
	} {
		if got := tc.in.String(); got != tc.want {
			t.Errorf("Amount(%d).String() = %q, want %q", int64(tc.in), got, tc.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", ".", "1.", ".5", "1e3", "1,000", "+1", "--1", "1.0000000001", "9999999999999", "0x10", "1 "} {
		if got, err := Parse(in); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", in, got)
		}
	}
}

func TestParseReadsWhatStringWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := Amount(rapid.Int64Range(-math.MaxInt64, math.MaxInt64).Draw(t, "amount"))
		if got, err := Parse(want.String()); err != nil || got != want {
			t.Fatalf("Parse(%q) = %v, %v; want %v", want.String(), got, err, want)
		}
	})
}

// The oracle is exact rational arithmetic, rounded half to even once.
func TestAccMatchesRationalOracle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var acc Acc
		sum := new(big.Int)
		for range rapid.IntRange(0, 8).Draw(t, "parts") {
			units := rapid.Int64Range(0, math.MaxInt64).Draw(t, "units")
			price := rapid.Int64Range(0, math.MaxInt64).Draw(t, "price")
			if rapid.Bool().Draw(t, "small") {
				units, price = units%10_000_000, price%100_000_000_000
			}
			acc.Mul(units, Price(price))
			sum.Add(sum, new(big.Int).Mul(big.NewInt(units), big.NewInt(price)))
		}
		want := roundHalfEven(sum)
		got, err := acc.Amount()
		if !want.IsInt64() {
			if !errors.Is(err, ErrOverflow) {
				t.Fatalf("Amount() = %v, %v; want overflow for %v", got, err, want)
			}
			return
		}
		if err != nil || int64(got) != want.Int64() {
			t.Fatalf("Amount() = %v, %v; want %v", got, err, want)
		}
	})
}

func roundHalfEven(sum *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(sum, big.NewInt(PriceScale), new(big.Int))
	switch r.Cmp(big.NewInt(PriceScale / 2)) {
	case 1:
		q.Add(q, big.NewInt(1))
	case 0:
		if q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
	}
	return q
}

func TestAccRefusesNegative(t *testing.T) {
	t.Parallel()
	var acc Acc
	acc.Mul(-1, 5)
	if _, err := acc.Amount(); !errors.Is(err, ErrOverflow) {
		t.Errorf("negative units: err = %v, want ErrOverflow", err)
	}
}

func TestAddNeverWraps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		want := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		got, err := Add(Amount(a), Amount(b))
		if want.IsInt64() != (err == nil) || (err == nil && int64(got) != want.Int64()) {
			t.Fatalf("Add(%d, %d) = %d, %v; want %v", a, b, got, err, want)
		}
	})
}

func TestFloorCents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := Amount(rapid.Int64().Draw(t, "a"))
		cents, rest := FloorCents(a)
		if rest < 0 || rest >= Cent {
			t.Fatalf("FloorCents(%d) rest = %d, want in [0, %d)", a, rest, Cent)
		}
		back := new(big.Int).Add(new(big.Int).Mul(big.NewInt(cents), big.NewInt(int64(Cent))), big.NewInt(int64(rest)))
		if !back.IsInt64() || back.Int64() != int64(a) {
			t.Fatalf("FloorCents(%d) = %d, %d which adds up to %v", a, cents, rest, back)
		}
	})
}
