package quota

import (
	"testing"
	"time"
)

func TestWindowStart(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		window Window
		at     string
		want   string
	}{
		{"day", Day, "2026-11-22T23:59:59Z", "2026-11-22T00:00:00Z"},
		{"day of another zone", Day, "2026-11-22T23:30:00-02:00", "2026-11-23T00:00:00Z"},
		{"week on Sunday", Week, "2026-11-22T12:00:00Z", "2026-11-16T00:00:00Z"},
		{"week on Monday", Week, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z"},
		{"week over the turn of the year", Week, "2027-01-01T00:00:00Z", "2026-12-28T00:00:00Z"},
		{"month", Month, "2026-11-30T23:00:00Z", "2026-11-01T00:00:00Z"},
		{"total", Total, "2026-11-30T23:00:00Z", "2026-01-02T03:04:05Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.window.Start(at, created).Format(time.RFC3339); got != tt.want {
				t.Errorf("Start = %s, want %s", got, tt.want)
			}
		})
	}
}
