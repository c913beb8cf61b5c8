// Package vkey is the virtual key: the secret a developer holds, its checkable text form, the digest that is stored, and
// the record that relays hold in memory. Shape: "sk-sl-", 8 characters public id, 43 characters secret, 6 characters
// checksum (CRC-32 of all before it, base 62), so that a typing error is told apart from a wrong key without a look-up.
package vkey

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
)

// Prefix starts every virtual key, so that secret scanners can find one.
const Prefix = "sk-sl-"

const (
	alphabet   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	publicLen  = 8
	secretLen  = 43
	checkLen   = 6
	totalLen   = len(Prefix) + publicLen + secretLen + checkLen
	beforeSum  = totalLen - checkLen
	publicFrom = len(Prefix)
)

// ErrMalformed means that a text is no virtual key at all: wrong shape or wrong checksum.
var ErrMalformed = errors.New("not a virtual key: wrong shape or checksum")

// Digest is HMAC-SHA-256 of the whole key under the installation's pepper.
type Digest [sha256.Size]byte

// Generate makes a new key.
func Generate() (key secret.String, publicID string, err error) {
	body := make([]byte, 0, totalLen)
	body = append(body, Prefix...)
	var raw [96]byte
	for len(body) < beforeSum {
		if _, err := rand.Read(raw[:]); err != nil {
			return secret.String{}, "", fmt.Errorf("generate virtual key: %w", err)
		}
		for _, b := range raw {
			if int(b) < 4*len(alphabet) && len(body) < beforeSum { // rejection keeps the distribution even
				body = append(body, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	sum := checksum(string(body))
	body = append(body, sum[:]...)
	return secret.New(string(body)), string(body[publicFrom : publicFrom+publicLen]), nil
}

// checksum walks the table itself: handing the bytes to the library would move them to the heap on every request.
func checksum(body string) (text [checkLen]byte) {
	crc := ^uint32(0)
	for i := range len(body) {
		crc = crc32.IEEETable[byte(crc)^body[i]] ^ (crc >> 8)
	}
	crc = ^crc
	for i := checkLen - 1; i >= 0; i-- {
		text[i] = alphabet[crc%uint32(len(alphabet))]
		crc /= uint32(len(alphabet))
	}
	return text
}

// PublicID checks shape and checksum and returns the part that finds the record. It does not allocate.
func PublicID(key string) (string, error) {
	if len(key) != totalLen || key[:len(Prefix)] != Prefix {
		return "", ErrMalformed
	}
	for i := len(Prefix); i < totalLen; i++ {
		c := key[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return "", ErrMalformed
		}
	}
	if sum := checksum(key[:beforeSum]); string(sum[:]) != key[beforeSum:] {
		return "", ErrMalformed
	}
	return key[publicFrom : publicFrom+publicLen], nil
}

// Hasher computes digests. Its pepper is a secret of the installation, shared by api and relay.
type Hasher struct{ pepper secret.String }

// NewHasher takes the pepper, at least 16 bytes.
func NewHasher(pepper secret.String) (*Hasher, error) {
	if len(pepper.Reveal()) < 16 {
		return nil, errors.New("key pepper: want at least 16 characters")
	}
	return &Hasher{pepper}, nil
}

// Digest returns the stored form of a key.
func (h *Hasher) Digest(key string) Digest {
	mac := hmac.New(sha256.New, []byte(h.pepper.Reveal()))
	mac.Write([]byte(key))
	var d Digest
	mac.Sum(d[:0])
	return d
}

// Equal compares in constant time.
func (d Digest) Equal(other Digest) bool { return hmac.Equal(d[:], other[:]) }

// Record is what relays know of a key. It is published to Redis as JSON and never holds the key itself.
type Record struct {
	PublicID     string       `json:"public_id"`
	Digest       []byte       `json:"digest"`
	Key          id.ID        `json:"key"`
	Tenant       id.ID        `json:"tenant"`
	Project      id.ID        `json:"project"`
	Name         string       `json:"name"`
	Active       bool         `json:"active"` // key active and tenant active
	Reason       string       `json:"reason"` // why it is not active: revoked, disabled, tenant_suspended
	Postpaid     bool         `json:"postpaid"`
	Models       []string     `json:"models"` // allowed model names and aliases; empty: all
	RPM          int64        `json:"rpm"`    // requests a minute, 0: no limit
	TPM          int64        `json:"tpm"`    // tokens a minute, 0: no limit
	Concurrency  int64        `json:"concurrency"`
	Budget       money.Amount `json:"budget"` // nano-USD per window, 0: no budget
	BudgetWindow string       `json:"budget_window"`
	ExpiresAt    time.Time    `json:"expires_at"` // zero: never
	// ResponseEpoch is part of the key that the tenant's stored responses are encrypted with. Nil: none are stored.
	ResponseEpoch id.ID `json:"response_epoch,omitzero"`
	ResponseHours int   `json:"response_hours,omitempty"` // how long they are stored
	Version       int64 `json:"version"`                  // config_change.seq that it reflects
}

// Allows tells whether the key may call a model or alias.
func (r *Record) Allows(name string) bool {
	return len(r.Models) == 0 || slices.Contains(r.Models, name)
}

// StoresResponses tells whether the tenant has its responses stored.
func (r *Record) StoresResponses() bool { return r.ResponseEpoch != id.Nil }

// Usable tells whether the key works at a time.
func (r *Record) Usable(now time.Time) bool {
	return r.Active && (r.ExpiresAt.IsZero() || now.Before(r.ExpiresAt))
}
