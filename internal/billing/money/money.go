// Package money is the arithmetic of the product: amounts are whole nano-USD, prices are whole nano-USD per million
// units, and there is one rounding rule (half to even), applied once per priced event. There is no floating point.
package money

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// Amount is a sum of money in nano-USD (10⁻⁹ USD).
type Amount int64

// Price is nano-USD per one million units, which is femto-USD per unit: fine enough for every published list price.
type Price int64

// Units of Amount.
const (
	Nano Amount = 1
	Cent Amount = 10_000_000
	USD  Amount = 1_000_000_000
)

// MaxEntry bounds a single ledger entry: ten million dollars.
const MaxEntry = 10_000_000 * USD

// PriceScale is the number of units that a Price is quoted for.
const PriceScale = 1_000_000

// ErrOverflow means that a result does not fit an Amount. Nothing ever wraps.
var ErrOverflow = errors.New("amount overflows")

// Add returns a+b.
func Add(a, b Amount) (Amount, error) {
	s := a + b
	if (s > a) != (b > 0) && b != 0 {
		return 0, ErrOverflow
	}
	return s, nil
}

// Sum adds up any number of amounts.
func Sum(amounts ...Amount) (Amount, error) {
	var total Amount
	for _, a := range amounts {
		var err error
		if total, err = Add(total, a); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// Acc accumulates quantity × price products in 128 bits, so that a whole event is rounded once. The zero value is empty.
type Acc struct {
	hi, lo uint64
	over   bool
}

// Mul adds units × price. Both must not be negative; a negative value marks the accumulator as overflowed, because no
// bill may ever go down by a broken count.
func (a *Acc) Mul(units int64, price Price) {
	if units < 0 || price < 0 {
		a.over = true
		return
	}
	hi, lo := bits.Mul64(uint64(units), uint64(price))
	var carry uint64
	a.lo, carry = bits.Add64(a.lo, lo, 0)
	a.hi, carry = bits.Add64(a.hi, hi, carry)
	a.over = a.over || carry != 0
}

// Amount rounds the sum to nano-USD, half to even.
func (a *Acc) Amount() (Amount, error) {
	if a.over || a.hi >= PriceScale {
		return 0, ErrOverflow
	}
	q, r := bits.Div64(a.hi, a.lo, PriceScale)
	if r > PriceScale/2 || (r == PriceScale/2 && q&1 == 1) {
		q++
	}
	if q > math.MaxInt64 {
		return 0, ErrOverflow
	}
	return Amount(q), nil
}

// Split returns the whole nano-USD of the sum, rounded down, and the femto-USD left over, below PriceScale.
func (a *Acc) Split() (Amount, uint64, error) {
	if a.over || a.hi >= PriceScale {
		return 0, 0, ErrOverflow
	}
	q, r := bits.Div64(a.hi, a.lo, PriceScale)
	if q > math.MaxInt64 {
		return 0, 0, ErrOverflow
	}
	return Amount(q), r, nil
}

// FloorCents returns the whole cents in a, rounded towards minus infinity, and the remainder in [0, Cent).
func FloorCents(a Amount) (cents int64, rest Amount) {
	cents = int64(a / Cent)
	rest = a % Cent
	if rest < 0 {
		cents--
		rest += Cent
	}
	return cents, rest
}

// FromCents converts whole cents.
func FromCents(cents int64) (Amount, error) {
	if cents > math.MaxInt64/int64(Cent) || cents < math.MinInt64/int64(Cent) {
		return 0, ErrOverflow
	}
	return Amount(cents) * Cent, nil
}

// String renders USD with the digits it needs and at least two places: "12.50", "0.000000075", "-3.00".
func (a Amount) String() string {
	neg := a < 0
	u := uint64(a)
	if neg {
		u = -u
	}
	frac := strings.TrimRight(fmt.Sprintf("%09d", u%uint64(USD)), "0")
	for len(frac) < 2 {
		frac += "0"
	}
	sign := ""
	if neg {
		sign = "-"
	}
	return fmt.Sprintf("%s%d.%s", sign, u/uint64(USD), frac)
}

// Parse reads a decimal number of USD with up to nine places, the form String writes. No exponent, no grouping, no sign
// but a leading minus.
func Parse(s string) (Amount, error) {
	v, err := parseDecimal(s, 9)
	return Amount(v), err
}

// ParsePrice reads USD per million units with up to nine places.
func ParsePrice(s string) (Price, error) {
	v, err := parseDecimal(s, 9)
	if err == nil && v < 0 {
		return 0, fmt.Errorf("price %q is negative", s)
	}
	return Price(v), err
}

// String renders USD per million units.
func (p Price) String() string { return Amount(p).String() }

func parseDecimal(s string, places int) (int64, error) {
	text, neg := strings.CutPrefix(s, "-")
	whole, frac, dotted := strings.Cut(text, ".")
	if whole == "" || (dotted && frac == "") || len(frac) > places || len(whole) > 19 {
		return 0, fmt.Errorf("amount %q: want digits with at most %d places, such as 12.50", s, places)
	}
	var v uint64
	for _, c := range whole + frac + strings.Repeat("0", places-len(frac)) {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("amount %q: want digits with at most %d places, such as 12.50", s, places)
		}
		hi, lo := bits.Mul64(v, 10)
		sum, carry := bits.Add64(lo, uint64(c-'0'), 0)
		if hi != 0 || carry != 0 || sum > math.MaxInt64 {
			return 0, fmt.Errorf("amount %q: %w", s, ErrOverflow)
		}
		v = sum
	}
	if neg {
		return -int64(v), nil
	}
	return int64(v), nil
}
