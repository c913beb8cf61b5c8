// Package secret holds values that must not be printed. The bytes sit in a closure, which no formatter, logger or
// encoder of the standard library can look into; a struct field, even an unexported one, is reachable by reflection.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
)

// String is a secret text. The zero value is an empty secret.
type String struct{ reveal func() string }

// New wraps s.
func New(s string) String { return String{reveal: func() string { return s }} }

// Reveal returns the secret.
func (s String) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Empty tells whether there is nothing inside.
func (s String) Empty() bool { return s.Reveal() == "" }

// String, GoString, LogValue and MarshalText say only that there is a secret.
func (s String) String() string               { return "[secret]" }
func (s String) GoString() string             { return "[secret]" }
func (s String) LogValue() slog.Value         { return slog.StringValue("[secret]") }
func (s String) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// UnmarshalText lets the configuration loader fill the value.
func (s *String) UnmarshalText(b []byte) error {
	*s = New(string(b))
	return nil
}

// Box seals small secrets (upstream credentials, TOTP seeds) under a master key with envelope encryption: each value has
// its own random data key, which the master key wraps. AES-256-GCM both times; the context (for example the row's
// tenant and id) is authenticated, so a sealed value cannot be moved to another row.
type Box struct {
	master cipher.AEAD
	key    func() []byte // behind a closure as in String
}

// KeySize is the length of the master key in bytes.
const KeySize = 32

// ErrSealed is returned for a value that the key, the context or the bytes do not fit.
var ErrSealed = errors.New("sealed value does not open: wrong master key, wrong context or damaged")

// NewBox takes the master key as base64 (standard, 32 bytes decoded).
func NewBox(masterBase64 String) (*Box, error) {
	raw, err := base64.StdEncoding.DecodeString(masterBase64.Reveal())
	if err != nil || len(raw) != KeySize {
		return nil, fmt.Errorf("master key: want %d bytes in base64", KeySize)
	}
	return newBox(raw)
}

func newBox(raw []byte) (*Box, error) {
	aead, err := newAEAD(raw)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return &Box{master: aead, key: func() []byte { return raw }}, nil
}

// Derive returns a box whose master key is made of this one's (HKDF-SHA-256). Nothing that it seals opens under another salt or
// for another purpose: once a random salt is forgotten, what was sealed with it is lost for good.
func (b *Box) Derive(salt []byte, purpose string) (*Box, error) {
	raw, err := hkdf.Key(sha256.New, b.key(), salt, purpose, KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return newBox(raw)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

const wrappedLen = 12 + KeySize + 16 // nonce, data key, tag

// Seal encrypts plain for the context. Layout: wrapped data key (nonce, key, tag), nonce, ciphertext with tag.
func (b *Box) Seal(plain String, context string) ([]byte, error) {
	var key [KeySize]byte
	nonces := make([]byte, 24)
	if _, err := rand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if _, err := rand.Read(nonces); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	data, err := newAEAD(key[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	out := append([]byte{}, nonces[:12]...)
	out = b.master.Seal(out, nonces[:12], key[:], []byte(context))
	out = append(out, nonces[12:]...)
	return data.Seal(out, nonces[12:], []byte(plain.Reveal()), []byte(context)), nil
}

// Open decrypts what Seal made for the same context.
func (b *Box) Open(sealed []byte, context string) (String, error) {
	if len(sealed) < wrappedLen+12+16 {
		return String{}, ErrSealed
	}
	key, err := b.master.Open(nil, sealed[:12], sealed[12:wrappedLen], []byte(context))
	if err != nil {
		return String{}, ErrSealed
	}
	data, err := newAEAD(key)
	if err != nil {
		return String{}, ErrSealed
	}
	rest := sealed[wrappedLen:]
	plain, err := data.Open(nil, rest[:12], rest[12:], []byte(context))
	if err != nil {
		return String{}, ErrSealed
	}
	return New(string(plain)), nil
}
