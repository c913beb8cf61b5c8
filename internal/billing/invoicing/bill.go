// Package invoicing makes bills out of what the ledger says, and sees them through the payment processor.
//
// Usage − Credit + CarryIn = Billed + CarryOut holds to the nano-dollar on every invoice: credit is what prepaid credit has
// covered, the carries are what was too small to bill. The invoices of a tenant follow each other without gap or overlap;
// each covers the postings from its start to before its end.
package invoicing

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// MinBill is the smallest bill; less is carried to the next invoice, because the processor would refuse to collect it.
const MinBill = 50 * money.Cent

// Kinds of lines.
const (
	LineUsage  = "usage"
	LineCredit = "credit" // what prepaid credit has covered, negative
	LineCarry  = "carry"  // carried from the last invoice, and, negative, to the next
)

// States of an invoice.
const (
	Drafted   = "drafted"   // made, not yet with the processor
	Verified  = "verified"  // the processor's draft says the same to the cent
	Finalized = "finalized" // to be paid, or nothing to pay
	Paid      = "paid"
)

// ErrMismatch means that two records that must agree do not. Nothing is billed then.
var ErrMismatch = errors.New("the books do not agree")

// Use is what a tenant used of a class of tokens of a model.
type Use struct {
	Model  string
	Class  string
	Units  int64
	Amount money.Amount
}

// Account is what there is to bill to a tenant.
type Account struct {
	Tenant   id.ID
	Month    string // 2026-11
	Start    time.Time
	End      time.Time
	Postpaid bool
	Uses     []Use
	Usage    money.Amount // by the ledger
	Credit   money.Amount // by the ledger: what lots covered, at once or later
	CarryIn  money.Amount
}

// Line of an invoice. Amounts sum to the bill to the nano, cents to the cent.
type Line struct {
	Kind   string
	Model  string
	Class  string
	Units  int64
	Amount money.Amount
	Cents  int64
}

// Invoice is a bill.
type Invoice struct {
	Account
	ID          id.ID
	Number      string
	State       string
	BilledCents int64
	TaxCents    int64
	CarryOut    money.Amount
	Lines       []Line
	Processor   string // its name at the processor, empty if it is not there
}

// Bill computes the invoice. A prepaid tenant is never billed: what its credit did not cover is carried, and the next credit
// it buys pays for it. Error: ErrMismatch.
func Bill(a Account) (Invoice, error) {
	inv := Invoice{Account: a, ID: id.New(), State: Drafted}
	var sum money.Amount
	var err error
	for _, u := range a.Uses {
		if sum, err = money.Add(sum, u.Amount); err != nil {
			return Invoice{}, fmt.Errorf("sum of uses: %w", err)
		}
		inv.Lines = append(inv.Lines, Line{Kind: LineUsage, Model: u.Model, Class: u.Class, Units: u.Units, Amount: u.Amount})
	}
	if sum != a.Usage {
		return Invoice{}, fmt.Errorf("%w: uses sum to %v, the ledger says %v", ErrMismatch, sum, a.Usage)
	}
	net, err := money.Sum(a.Usage, -a.Credit, a.CarryIn)
	if err != nil {
		return Invoice{}, fmt.Errorf("amount to bill: %w", err)
	}
	if net < 0 || a.Credit < 0 {
		return Invoice{}, fmt.Errorf("%w: usage %v less credit %v plus carried %v is negative", ErrMismatch, a.Usage, a.Credit, a.CarryIn)
	}
	inv.CarryOut = net
	if a.Postpaid && net >= MinBill {
		inv.BilledCents, inv.CarryOut = money.FloorCents(net)
	}
	if inv.BilledCents == 0 {
		inv.State = Finalized // nothing to collect
	}
	for _, l := range []Line{{Kind: LineCredit, Amount: -a.Credit}, {Kind: LineCarry, Amount: a.CarryIn}, {Kind: LineCarry, Amount: -inv.CarryOut}} {
		if l.Amount != 0 {
			inv.Lines = append(inv.Lines, l)
		}
	}
	spreadCents(inv.Lines, inv.BilledCents)
	return inv, nil
}

// spreadCents gives each line its whole cents, so that they sum to total: rounded down, and the cents that are left over to
// the lines with the largest remainders, the first of equals. The amounts sum to total exactly.
func spreadCents(lines []Line, total int64) {
	order := make([]int, len(lines))
	rest := make([]money.Amount, len(lines))
	left := total
	for i := range lines {
		order[i] = i
		lines[i].Cents, rest[i] = money.FloorCents(lines[i].Amount)
		left -= lines[i].Cents
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case rest[a] > rest[b]:
			return -1
		case rest[a] < rest[b]:
			return 1
		}
		return 0
	})
	for _, i := range order[:left] {
		lines[i].Cents++
	}
}
