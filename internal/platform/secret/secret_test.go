package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestStringDoesNotPrint(t *testing.T) {
	t.Parallel()
	s := New("hunter2-value")
	type holder struct {
		a String
		B *String
	}
	h := holder{a: s, B: &s}
	var buf bytes.Buffer
	slog.New(slog.NewTextHandler(&buf, nil)).Info("x", "s", s, "h", h, "p", &h)
	slog.New(slog.NewJSONHandler(&buf, nil)).Info("x", "s", s, "h", h, "p", &h)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&buf, verb+"\n", s)
		fmt.Fprintf(&buf, verb+"\n", h)
		fmt.Fprintf(&buf, verb+"\n", &h)
	}
	if err := json.NewEncoder(&buf).Encode(struct{ S String }{s}); err != nil {
		t.Fatal(err)
	}
	hex := fmt.Sprintf("%x", "hunter2-value")
	if out := buf.String(); strings.Contains(out, "hunter2") || strings.Contains(out, hex) {
		t.Errorf("secret printed:\n%s", out)
	}
}

func TestBox(t *testing.T) {
	t.Parallel()
	box, err := NewBox(New(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, KeySize))))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := box.Seal(New("sk-upstream"), "row-1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := box.Open(sealed, "row-1"); err != nil || got.Reveal() != "sk-upstream" {
		t.Errorf("Open = %q, %v; want the plain text", got.Reveal(), err)
	}
	if _, err := box.Open(sealed, "row-2"); !errors.Is(err, ErrSealed) {
		t.Errorf("Open with another context: err = %v, want ErrSealed", err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := box.Open(bad, "row-1"); !errors.Is(err, ErrSealed) {
			t.Fatalf("Open with byte %d flipped: err = %v, want ErrSealed", i, err)
		}
	}
}

// TestDerive: another salt or purpose is another key, and none of them is the box's own.
func TestDerive(t *testing.T) {
	t.Parallel()
	box := func(master byte) *Box {
		b, err := NewBox(New(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{master}, KeySize))))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	derive := func(b *Box, salt, purpose string) *Box {
		d, err := b.Derive([]byte(salt), purpose)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	sealed, err := derive(box(7), "salt", "purpose").Seal(New("plain"), "row")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := derive(box(7), "salt", "purpose").Open(sealed, "row"); err != nil || got.Reveal() != "plain" {
		t.Errorf("Open = %q, %v; want the plain text", got.Reveal(), err)
	}
	for name, other := range map[string]*Box{
		"salt": derive(box(7), "other", "purpose"), "purpose": derive(box(7), "salt", "other"), "master": derive(box(8), "salt", "purpose"), "none": box(7),
	} {
		if _, err := other.Open(sealed, "row"); !errors.Is(err, ErrSealed) {
			t.Errorf("another %s: err = %v, want ErrSealed", name, err)
		}
	}
}
