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
