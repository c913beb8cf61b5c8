package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Event is a hint of the payment processor that something happened to an object.
type Event struct {
	ID       string
	Type     string
	Object   string // its id
	Created  time.Time
	Attempts int
}

// EventStore keeps events until they are dealt with.
type EventStore interface {
	Add(ctx context.Context, e Event) (fresh bool, err error)
	Due(ctx context.Context, most int) ([]Event, error)
	// End closes an event: done, ignored or quarantined.
	End(ctx context.Context, id, state, note string) error
	Retry(ctx context.Context, id, note string, wait time.Duration) error
	// Newest is the time of the newest event that is known, 30 days ago if there is none.
	Newest(ctx context.Context) (time.Time, error)
}

// Handler reads the object anew and acts on what it finds. It must be safe to repeat.
type Handler func(ctx context.Context, object string) error

// Events deals with what webhooks brought, and asks for what they did not bring.
type Events struct {
	store    EventStore
	list     func(ctx context.Context, since time.Time) ([]Event, error)
	handlers map[string]Handler
	log      *slog.Logger
}

const (
	eventsAtOnce  = 100
	eventTries    = 40 // over more than a day
	eventWaitMin  = 500 * time.Millisecond
	eventWaitMax  = time.Hour
	pollOverlap   = 2 * time.Hour // events do not appear in order
	eventTimeout  = 30 * time.Second
	maxEventError = 500
)

// NewEvents takes the handlers by type of event; others are ignored. list asks the processor for events since a time.
func NewEvents(store EventStore, list func(context.Context, time.Time) ([]Event, error), handlers map[string]Handler, log *slog.Logger) *Events {
	return &Events{store: store, list: list, handlers: handlers, log: log}
}

// Work deals with the events that are due.
func (e *Events) Work(ctx context.Context) error {
	for {
		due, err := e.store.Due(ctx, eventsAtOnce)
		if err != nil {
			return fmt.Errorf("find due events: %w", err)
		}
		var all error
		for _, event := range due {
			all = errors.Join(all, e.one(ctx, event))
		}
		if all != nil || len(due) < eventsAtOnce {
			return all
		}
	}
}

func (e *Events) one(ctx context.Context, event Event) error {
	handle, ok := e.handlers[event.Type]
	if !ok {
		return e.store.End(ctx, event.ID, "ignored", "")
	}
	work, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	err := guarded(work, func(ctx context.Context) error { return handle(ctx, event.Object) })
	switch {
	case err == nil:
		return e.store.End(ctx, event.ID, "done", "")
	case ctx.Err() != nil:
		return nil // stopped in between; it stays due
	}
	note := err.Error()
	if len(note) > maxEventError {
		note = note[:maxEventError]
	}
	if event.Attempts+1 >= eventTries {
		e.log.ErrorContext(ctx, "an event of the payment processor waits for a person", slog.String("event", event.ID), slog.Any("error", err))
		return e.store.End(ctx, event.ID, "quarantined", note)
	}
	e.log.WarnContext(ctx, "an event of the payment processor is tried again later", slog.String("event", event.ID), slog.Any("error", err))
	return e.store.Retry(ctx, event.ID, note, wait(event.Attempts))
}

// wait doubles from eventWaitMin to eventWaitMax.
func wait(attempts int) time.Duration {
	d := eventWaitMin << min(attempts, 20)
	return min(d, eventWaitMax)
}

// Poll asks the processor for events since the newest that is known, with an overlap. The system works without webhooks.
func (e *Events) Poll(ctx context.Context) error {
	newest, err := e.store.Newest(ctx)
	if err != nil {
		return fmt.Errorf("find newest event: %w", err)
	}
	events, err := e.list(ctx, newest.Add(-pollOverlap))
	if err != nil {
		return fmt.Errorf("list events: %w", err)
	}
	missed := 0
	for _, event := range events {
		fresh, err := e.store.Add(ctx, event)
		if err != nil {
			return fmt.Errorf("keep event: %w", err)
		}
		if fresh {
			missed++
		}
	}
	if missed > 0 {
		e.log.WarnContext(ctx, "events of the payment processor came by polling and not by webhook", slog.Int("events", missed))
	}
	return nil
}
