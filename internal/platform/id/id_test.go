package id

import (
	"testing"
	"time"
)

func TestTimeRoundTrip(t *testing.T) {
	t.Parallel()
	before := time.Now().Truncate(time.Millisecond)
	got := Time(New())
	if got.Before(before) || got.After(time.Now().Add(time.Millisecond)) {
		t.Errorf("Time(New()) = %v, want about %v", got, before)
	}
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	if got := Time(At(at)); !got.Equal(at) {
		t.Errorf("Time(At(%v)) = %v", at, got)
	}
}

// The shard of a tenant is part of the key names in Redis: a change of the function would orphan every stream.
func TestShardIsFixed(t *testing.T) {
	t.Parallel()
	v, err := Parse("018f5f3e-0000-7000-8000-000000000001")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Shard(v), Shard(v); got != want || got < 0 || got >= Shards {
		t.Errorf("Shard = %d, want a stable value below %d", got, Shards)
	}
	if got, want := Shard(Nil), 21; got != want {
		t.Errorf("Shard(Nil) = %d, want %d", got, want)
	}
	if got, want := Tag(7), "07"; got != want {
		t.Errorf("Tag(7) = %q, want %q", got, want)
	}
}
