package vkey

import (
	"hash/crc32"
	"strings"
	"testing"

	"starlane/internal/platform/secret"
)

func TestGenerateParses(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		key, public, err := Generate()
		if err != nil {
			t.Fatal(err)
		}
		got, err := PublicID(key.Reveal())
		if err != nil || got != public {
			t.Fatalf("PublicID(%q) = %q, %v; want %q", key.Reveal(), got, err, public)
		}
		if seen[key.Reveal()] {
			t.Fatal("the same key twice")
		}
		seen[key.Reveal()] = true
	}
}

// Any single wrong character is caught by the checksum.
func TestPublicIDRefusesTypos(t *testing.T) {
	t.Parallel()
	key, _, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	good := key.Reveal()
	for i := range good {
		for _, c := range []byte{'0', 'z', '-', ' ', 0} {
			if good[i] == c {
				continue
			}
			bad := good[:i] + string(c) + good[i+1:]
			if _, err := PublicID(bad); err == nil {
				t.Errorf("PublicID accepts %q at %d", c, i)
			}
		}
	}
	for _, bad := range []string{"", "sk-sl-", good[:len(good)-1], good + "0", "sk-proj-abc"} {
		if _, err := PublicID(bad); err == nil {
			t.Errorf("PublicID(%q) accepted", bad)
		}
	}
}

func FuzzPublicID(f *testing.F) {
	key, _, err := Generate()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(key.Reveal())
	f.Add("sk-sl-0123456701234567890123456789012345678901234567890123456")
	f.Fuzz(func(t *testing.T, s string) {
		public, err := PublicID(s)
		if err == nil && (len(s) != totalLen || public != s[publicFrom:publicFrom+publicLen]) {
			t.Errorf("PublicID(%q) = %q", s, public)
		}
	})
}

func TestPublicIDDoesNotAllocate(t *testing.T) {
	key, _, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	text := key.Reveal()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := PublicID(text); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("PublicID allocates %v times, want 0", n)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	a, err := NewHasher(secret.New("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewHasher(secret.New("fedcba9876543210"))
	if err != nil {
		t.Fatal(err)
	}
	if !a.Digest("k").Equal(a.Digest("k")) || a.Digest("k").Equal(b.Digest("k")) || a.Digest("k").Equal(a.Digest("l")) {
		t.Error("digest must depend on key and pepper, and on nothing else")
	}
	if _, err := NewHasher(secret.New("short")); err == nil {
		t.Error("a short pepper is accepted")
	}
}

func TestChecksumIsCRC32(t *testing.T) {
	t.Parallel()
	const body = "sk-sl-12345678"
	want := crc32.ChecksumIEEE([]byte(body))
	got := uint32(0)
	for _, c := range checksum(body) {
		got = got*uint32(len(alphabet)) + uint32(strings.IndexByte(alphabet, c))
	}
	if got != want {
		t.Errorf("checksum(%q) = %08x, want %08x", body, got, want)
	}
}
