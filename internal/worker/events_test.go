package worker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

// heap keeps events in memory and says what became of them.
type heap struct {
	due   []Event
	ended map[string]string
	waits []time.Duration
	added []Event
}

func (h *heap) Add(_ context.Context, e Event) (bool, error) {
	for _, have := range h.added {
		if have.ID == e.ID {
			return false, nil
		}
	}
	h.added = append(h.added, e)
	return true, nil
}

func (h *heap) Due(context.Context, int) ([]Event, error) {
	due := h.due
	h.due = nil
	return due, nil
}

func (h *heap) End(_ context.Context, id, state, _ string) error {
	h.ended[id] = state
	return nil
}

func (h *heap) Retry(_ context.Context, id, _ string, wait time.Duration) error {
	h.ended[id] = "retry"
	h.waits = append(h.waits, wait)
	return nil
}

func (h *heap) Newest(context.Context) (time.Time, error) { return time.Unix(100_000, 0), nil }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestEventsEndAsTheyShould(t *testing.T) {
	t.Parallel()
	h := &heap{ended: map[string]string{}, due: []Event{
		{ID: "good", Type: "ok"},
		{ID: "unknown", Type: "other"},
		{ID: "bad", Type: "fails", Attempts: 3},
		{ID: "hopeless", Type: "fails", Attempts: eventTries - 1},
		{ID: "panics", Type: "panics"},
	}}
	var handled []string
	events := NewEvents(h, nil, map[string]Handler{
		"ok":     func(_ context.Context, object string) error { handled = append(handled, object); return nil },
		"fails":  func(context.Context, string) error { return errors.New("no") },
		"panics": func(context.Context, string) error { panic("no") },
	}, quiet())
	if err := events.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"good": "done", "unknown": "ignored", "bad": "retry", "hopeless": "quarantined", "panics": "retry"} {
		if h.ended[id] != want {
			t.Errorf("event %s ended as %q, want %q", id, h.ended[id], want)
		}
	}
	if len(handled) != 1 || h.waits[0] != 8*eventWaitMin || h.waits[1] != eventWaitMin {
		t.Errorf("handled %d, waits %v; want one, and waits that double", len(handled), h.waits)
	}
	if got := wait(eventTries); got != eventWaitMax {
		t.Errorf("longest wait = %v, want %v", got, eventWaitMax)
	}
}

func TestPollOverlaps(t *testing.T) {
	t.Parallel()
	h := &heap{ended: map[string]string{}}
	var asked time.Time
	events := NewEvents(h, func(_ context.Context, since time.Time) ([]Event, error) {
		asked = since
		return []Event{{ID: "a"}, {ID: "b"}, {ID: "a"}}, nil
	}, nil, quiet())
	if err := events.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := time.Unix(100_000, 0).Add(-pollOverlap); !asked.Equal(want) || len(h.added) != 2 {
		t.Errorf("asked since %v and added %d; want %v and 2", asked, len(h.added), want)
	}
}
