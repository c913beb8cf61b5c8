// Package quota says how much a virtual key may use: rates, concurrency and a budget of money per window of time.
package quota

import (
	"time"

	"starlane/internal/billing/money"
)

// Window is the span that a budget covers. Windows are in UTC.
type Window string

// The windows. Weeks start on Monday.
const (
	Day   Window = "day"
	Week  Window = "week"
	Month Window = "month"
	Total Window = "total"
)

// Start returns the beginning of the window that contains t; for Total, that of the key's life.
func (w Window) Start(t, created time.Time) time.Time {
	t = t.UTC()
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	switch w {
	case Day:
		return midnight
	case Week:
		return midnight.AddDate(0, 0, -(int(t.Weekday())+6)%7)
	case Total:
		return created.UTC()
	case Month:
	}
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// Budget is an amount per window.
type Budget struct {
	Amount money.Amount
	Window Window
}

// Limits of a virtual key; nil means no limit.
type Limits struct {
	RPM         *int64 // requests a minute
	TPM         *int64 // tokens a minute
	Concurrency *int64 // requests at once
	Budget      *Budget
}
