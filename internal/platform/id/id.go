// Package id makes the identifiers of the product: UUIDv7 (RFC 9562), whose first 48 bits are the Unix time in
// milliseconds, so that identifiers sort by creation and a month partition can be found from the identifier alone.
package id

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ID is a UUID. The zero value is Nil, which also names the platform "tenant" that owns the platform's own accounts.
type ID = uuid.UUID

// Nil is the all-zero identifier.
var Nil = uuid.Nil //nolint:gochecknoglobals // a constant that the language cannot express

// Shards is the number of usage streams. It is fixed for the life of an installation: keys carry the shard in a hash tag.
const Shards = 64

// New returns a fresh UUIDv7. It panics only when the operating system has no randomness left to give.
func New() ID { return uuid.Must(uuid.NewV7()) }

// Parse reads the canonical text form.
func Parse(s string) (ID, error) {
	v, err := uuid.Parse(s)
	if err != nil {
		return Nil, fmt.Errorf("parse id: %w", err)
	}
	return v, nil
}

// Time returns the creation time that a UUIDv7 carries, in UTC with millisecond resolution.
func Time(v ID) time.Time {
	ms := int64(binary.BigEndian.Uint64(v[0:8]) >> 16)
	return time.UnixMilli(ms).UTC()
}

// At returns the smallest UUIDv7-ordered value of the given instant: the bound of a time partition, not an identifier.
func At(t time.Time) ID {
	var v ID
	binary.BigEndian.PutUint64(v[0:8], uint64(t.UnixMilli())<<16)
	return v
}

// Shard maps a tenant to one of the Shards streams: the first 8 bytes of SHA-256(tenant id) modulo Shards.
func Shard(tenant ID) int {
	sum := sha256.Sum256(tenant[:])
	return int(binary.BigEndian.Uint64(sum[:8]) % Shards)
}

// Tag renders a shard as the two digits used inside Redis hash tags, for example "07".
func Tag(shard int) string { return fmt.Sprintf("%02d", shard) }
