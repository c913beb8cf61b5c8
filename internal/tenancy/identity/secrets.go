package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"starlane/internal/platform/secret"
)

// TokenPrefix starts every API token, so that secret scanners can find one.
const TokenPrefix = "slt_"

// Digest is SHA-256 of a random secret of 256 bits. Such a secret needs no slow hash.
type Digest [sha256.Size]byte

// DigestOf returns the stored form of a secret.
func DigestOf(s secret.String) Digest { return sha256.Sum256([]byte(s.Reveal())) }

// NewSecret returns 256 random bits as 43 characters that need no escaping in cookies, headers and addresses.
func NewSecret() secret.String {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: the runtime aborts when the system has no randomness
	return secret.New(base64.RawURLEncoding.EncodeToString(b[:]))
}

// NewToken returns a fresh API token.
func NewToken() secret.String { return secret.New(TokenPrefix + NewSecret().Reveal()) }

const passwordBytes = 12 // 96 random bits, 16 characters

// NewPassword returns an initial password for somebody who was given an account.
func NewPassword() secret.String {
	var b [passwordBytes]byte
	_, _ = rand.Read(b[:]) // never fails, see NewSecret
	return secret.New(base64.RawURLEncoding.EncodeToString(b[:]))
}
