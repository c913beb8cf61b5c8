package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"

	"starlane/internal/platform/secret"
)

// Cost of a password hash: about 20 ms of one core and 19 MiB.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonLanes   = 1
	argonSalt    = 16
	argonKey     = 32
	argonMaxMem  = 256 * 1024 // KiB; bounds what a stored hash may ask for
	argonMaxTime = 10
)

// ErrHash means that a stored hash is no argon2id PHC string.
var ErrHash = errors.New("stored password hash is not argon2id")

// Hasher makes and checks password hashes. So many run at once and no more: a burst of sign-ins must not eat the memory.
type Hasher struct {
	slots *semaphore.Weighted
	dummy string
}

// NewHasher bounds the hashes that run at once.
func NewHasher(ctx context.Context, parallel int) (*Hasher, error) {
	h := &Hasher{slots: semaphore.NewWeighted(int64(max(parallel, 1)))}
	var err error
	h.dummy, err = h.Hash(ctx, secret.New(NewSecret().Reveal()))
	return h, err
}

// Hash returns the PHC string of a password.
func (h *Hasher) Hash(ctx context.Context, password secret.String) (string, error) {
	if err := h.slots.Acquire(ctx, 1); err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	defer h.slots.Release(1)
	salt := make([]byte, argonSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	key := argon2.IDKey([]byte(password.Reveal()), salt, argonTime, argonMemory, argonLanes, argonKey)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// Verify tells whether a password fits a PHC string.
func (h *Hasher) Verify(ctx context.Context, phc string, password secret.String) (bool, error) {
	p, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	if err := h.slots.Acquire(ctx, 1); err != nil {
		return false, fmt.Errorf("verify password: %w", err)
	}
	defer h.slots.Release(1)
	key := argon2.IDKey([]byte(password.Reveal()), p.salt, p.time, p.memory, p.lanes, uint32(len(p.key))) // the length is bounded by parsePHC
	return subtle.ConstantTimeCompare(key, p.key) == 1, nil
}

// Waste takes as long as Verify: a sign-in with an unknown address must not be faster than one with a wrong password.
func (h *Hasher) Waste(ctx context.Context, password secret.String) {
	_, _ = h.Verify(ctx, h.dummy, password)
}

type phc struct {
	memory, time uint32
	lanes        uint8
	salt, key    []byte
}

func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	var p phc
	var version int
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return p, ErrHash
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return p, ErrHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.lanes); err != nil {
		return p, ErrHash
	}
	var err1, err2 error
	p.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	p.key, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	sane := p.memory > 0 && p.memory <= argonMaxMem && p.time > 0 && p.time <= argonMaxTime && p.lanes > 0 &&
		len(p.salt) >= 8 && len(p.salt) <= 64 && len(p.key) >= 16 && len(p.key) <= 64
	if err1 != nil || err2 != nil || !sane {
		return p, ErrHash
	}
	return p, nil
}
