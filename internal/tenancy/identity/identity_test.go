package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/tenant"
)

func TestPassword(t *testing.T) {
	t.Parallel()
	h, err := NewHasher(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	phc, err := h.Hash(t.Context(), secret.New("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash = %s, want an argon2id PHC string", phc)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct hors": false, "": false, "Correct horse": false} {
		if got, err := h.Verify(t.Context(), phc, secret.New(password)); err != nil || got != want {
			t.Errorf("Verify(%q) = %v, %v; want %v", password, got, err, want)
		}
	}
	again, err := h.Hash(t.Context(), secret.New("correct horse"))
	if err != nil || again == phc {
		t.Errorf("two hashes of one password are equal (%v)", err)
	}
	for _, bad := range []string{
		"", "x", "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5", "$argon2id$v=16$m=19456,t=2,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5", "$argon2id$v=19$m=19456,t=0,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=19$m=19456,t=2,p=1$c2Fs$a2V5", "$argon2id$v=19$m=19456,t=2,p=1$!$!", phc + "$",
	} {
		if _, err := h.Verify(t.Context(), bad, secret.New("x")); !errors.Is(err, ErrHash) {
			t.Errorf("Verify against %q: err = %v, want ErrHash", bad, err)
		}
	}
}

// TestHashesAreBounded: a hash waits for a slot and gives up with its caller.
func TestHashesAreBounded(t *testing.T) {
	t.Parallel()
	h, err := NewHasher(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := h.Hash(t.Context(), secret.New("x")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if !h.slots.TryAcquire(1) {
		t.Fatal("a slot was not given back")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, secret.New("x")); err == nil {
		t.Error("hash ran without a slot")
	}
}

const testKey = "0123456789abcdef0123456789abcdef"

func issuerAt(t *testing.T, c clock.Clock) *Issuer {
	t.Helper()
	i, err := NewIssuer(secret.New(testKey), c)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestAccessToken(t *testing.T) {
	t.Parallel()
	c := clock.NewFake(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	i := issuerAt(t, c)
	home := id.New()
	caller := &Caller{User: User{ID: id.New()}, Actor: audit.Token(home), Home: &home}
	token, expires, err := i.Issue(caller)
	if err != nil || !expires.Equal(c.Now().Add(15*time.Minute)) {
		t.Fatalf("Issue: expires %v, %v", expires, err)
	}
	got, err := i.verify(token.Reveal())
	if err != nil || got.user != caller.User.ID || got.actor != caller.Actor || got.home == nil || *got.home != home {
		t.Errorf("verify = %+v, %v", got, err)
	}
	sign := func(method jwt.SigningMethod, key any, change func(*claims)) string {
		body := claims{RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: caller.User.ID.String(), IssuedAt: jwt.NewNumericDate(c.Now()),
			ExpiresAt: jwt.NewNumericDate(c.Now().Add(time.Minute)),
		}}
		change(&body)
		s, err := jwt.NewWithClaims(method, body).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	same := func(*claims) {}
	if _, err := i.verify(sign(jwt.SigningMethodHS256, []byte(testKey), same)); err != nil {
		t.Fatalf("the honest token is refused: %v", err)
	}
	parts := strings.Split(token.Reveal(), ".")
	for name, bad := range map[string]string{
		"other key":      sign(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), same),
		"other algo":     sign(jwt.SigningMethodHS512, []byte(testKey), same),
		"no algo":        sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same),
		"other issuer":   sign(jwt.SigningMethodHS256, []byte(testKey), func(b *claims) { b.Issuer = "else" }),
		"other audience": sign(jwt.SigningMethodHS256, []byte(testKey), func(b *claims) { b.Audience = jwt.ClaimStrings{"else"} }),
		"no audience":    sign(jwt.SigningMethodHS256, []byte(testKey), func(b *claims) { b.Audience = nil }),
		"no expiry":      sign(jwt.SigningMethodHS256, []byte(testKey), func(b *claims) { b.ExpiresAt = nil }),
		"from tomorrow":  sign(jwt.SigningMethodHS256, []byte(testKey), func(b *claims) { b.NotBefore = jwt.NewNumericDate(c.Now().Add(time.Hour)) }),
		"bad subject":    sign(jwt.SigningMethodHS256, []byte(testKey), func(b *claims) { b.Subject = "me" }),
		"bad home":       sign(jwt.SigningMethodHS256, []byte(testKey), func(b *claims) { b.Home = "mine" }),
		"cut":            parts[0] + "." + parts[1],
		"unsigned":       base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"empty":          "",
	} {
		if _, err := i.verify(bad); !errors.Is(err, errAccess) {
			t.Errorf("%s: err = %v, want errAccess", name, err)
		}
	}
	c.Advance(AccessTTL + time.Second)
	if _, err := i.verify(token.Reveal()); !errors.Is(err, errAccess) {
		t.Errorf("expired: err = %v, want errAccess", err)
	}
	if _, err := NewIssuer(secret.New("short"), c); err == nil {
		t.Error("a short key is accepted")
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	th := newThrottle(3, time.Minute)
	for i := range 3 {
		if undo, w := th.take("a", now); w != 0 || undo == nil {
			t.Fatalf("try %d waits %v", i+1, w)
		}
	}
	if _, w := th.take("a", now); w <= 0 || w > time.Minute {
		t.Errorf("after three failures: wait %v, want up to a minute", w)
	}
	if _, w := th.take("b", now); w != 0 {
		t.Errorf("somebody else waits %v", w)
	}
	undo, w := th.take("a", now.Add(time.Minute))
	if w != 0 {
		t.Fatalf("after a minute: wait %v, want none", w)
	}
	undo()
	if _, w := th.take("a", now.Add(time.Minute)); w != 0 {
		t.Errorf("a success counted: wait %v", w)
	}
	for i := range 2 * maxTracked {
		th.take(strconv.Itoa(i), now)
	}
	if n := len(th.buckets); n > maxTracked {
		t.Errorf("%d addresses tracked, want at most %d", n, maxTracked)
	}
}

func TestRoleOfCaller(t *testing.T) {
	t.Parallel()
	a, b := id.New(), id.New()
	members := []tenant.Membership{{TenantID: a, Role: tenant.Owner}, {TenantID: b, Role: tenant.Viewer}}
	staff := append([]tenant.Membership{{TenantID: id.Nil, Role: tenant.Operator}}, members...)
	platform := id.Nil
	for _, tt := range []struct {
		name   string
		caller Caller
		in     id.ID
		want   tenant.Role
	}{
		{"member", Caller{Memberships: members}, b, tenant.Viewer},
		{"stranger", Caller{Memberships: members}, id.New(), ""},
		{"not staff", Caller{Memberships: members}, id.Nil, ""},
		{"staff anywhere", Caller{Memberships: staff}, id.New(), tenant.Operator},
		{"staff who is a member", Caller{Memberships: staff}, b, tenant.Viewer},
		{"token at home", Caller{Memberships: members, Home: &a}, a, tenant.Owner},
		{"token away", Caller{Memberships: members, Home: &a}, b, ""},
		{"staff's token of a tenant", Caller{Memberships: staff, Home: &a}, id.New(), ""},
		{"staff's token of a tenant, at the platform", Caller{Memberships: staff, Home: &a}, id.Nil, ""},
		{"platform token", Caller{Memberships: staff, Home: &platform}, b, tenant.Operator},
		{"platform token of somebody dismissed", Caller{Memberships: members, Home: &platform}, a, ""},
	} {
		if got, _ := tt.caller.Role(tt.in); got != tt.want {
			t.Errorf("%s: role = %q, want %q", tt.name, got, tt.want)
		}
	}
}
