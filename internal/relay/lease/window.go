package lease

import "time"

// windowStart returns the start of the budget window, in UTC, that t lies in; zero for a budget without a window.
func windowStart(name string, t time.Time) time.Time {
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	switch name {
	case "day":
		return day
	case "week": // of ISO 8601, from Monday
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	case "month":
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}
}

// windowEnd returns how long until the window ends, zero if it never does.
func windowEnd(name string, now time.Time) time.Duration {
	start := windowStart(name, now)
	switch name {
	case "day":
		return start.AddDate(0, 0, 1).Sub(now)
	case "week":
		return start.AddDate(0, 0, 7).Sub(now)
	case "month":
		return start.AddDate(0, 1, 0).Sub(now)
	}
	return 0
}

func windowName(name string) string {
	switch name {
	case "day":
		return "daily"
	case "week":
		return "weekly"
	case "month":
		return "monthly"
	}
	return "total"
}
