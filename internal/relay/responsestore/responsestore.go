// Package responsestore keeps responses of the Responses API for tenants that have turned that on: what was asked, the whole
// conversation, and what was answered. It is found by tenant and id. What leaves the process is encrypted with a key made of
// the master key and an epoch of the tenant, so that nobody can read it any more once the tenant has turned the store off and
// the epoch is forgotten.
package responsestore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/relay/body"
	"starlane/internal/tenancy/vkey"
)

const (
	// MaxBytes bounds one response together with its conversation.
	MaxBytes = 4 << 20
	wait     = time.Second // for the backend, for a place among those at work included
	atOnce   = 16          // responses in memory here, encrypted and not
)

// Errors. Any other means that the backend could not be asked.
var (
	ErrNotFound = errors.New("there is no such response")
	ErrTooLarge = errors.New("the response is too large to be stored")
)

// Backend stores encrypted responses for all relays. Response returns nil if there is none. A tenant's responses come to most
// bytes.
type Backend interface {
	PutResponse(ctx context.Context, tenant id.ID, name string, sealed []byte, ttl time.Duration, most int64) error
	Response(ctx context.Context, tenant id.ID, name string) ([]byte, error)
	DropResponse(ctx context.Context, tenant id.ID, name string) error
}

// Options of a Store. All are required.
type Options struct {
	Backend   Backend
	Box       *secret.Box
	PerTenant int64 // bytes of one tenant's responses, encrypted
	Logger    *slog.Logger
}

// Store is safe for concurrent use.
type Store struct {
	o    Options
	gate chan struct{}
}

// New returns a store.
func New(o Options) *Store { return &Store{o: o, gate: make(chan struct{}, atOnce)} }

// Record is a stored response.
type Record struct {
	Input  body.Content // list of the items that it answers to, the whole conversation
	Answer body.Content // the response object
}

// enter takes a place among those at work; ctx bounds what is done there. leave gives it back.
func (s *Store) enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	select {
	case s.gate <- struct{}{}:
		return ctx, func() { <-s.gate; cancel() }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, fmt.Errorf("wait for the store: %w", ctx.Err())
	}
}

// Save stores a response under its id. A failure is logged here.
func (s *Store) Save(ctx context.Context, key *vkey.Record, response string, r Record) error {
	err := s.save(ctx, key, response, r)
	if err != nil && !errors.Is(err, ErrTooLarge) {
		s.o.Logger.WarnContext(ctx, "a response is not stored", "tenant", key.Tenant.String(), "error", err)
	}
	return err
}

func (s *Store) save(ctx context.Context, key *vkey.Record, response string, r Record) error {
	input, answer := r.Input.Open(), r.Answer.Open()
	if len(input)+len(answer) > MaxBytes {
		return ErrTooLarge
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	box, err := s.box(key)
	if err != nil {
		return err
	}
	plain := make([]byte, 0, sizeLen+len(input)+len(answer))
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(input)))
	plain = append(append(plain, input...), answer...)
	sealed, err := box.Seal(secret.New(string(plain)), place(key, response))
	if err != nil {
		return fmt.Errorf("save response: %w", err)
	}
	return s.o.Backend.PutResponse(ctx, key.Tenant, name(key, response), sealed, time.Duration(key.ResponseHours)*time.Hour, s.o.PerTenant) //nolint:wrapcheck // says it all
}

// Load finds a response by its id.
func (s *Store) Load(ctx context.Context, key *vkey.Record, response string) (Record, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return Record{}, err
	}
	defer leave()
	sealed, err := s.o.Backend.Response(ctx, key.Tenant, name(key, response))
	if err != nil {
		s.o.Logger.WarnContext(ctx, "stored responses cannot be reached", "tenant", key.Tenant.String(), "error", err)
		return Record{}, err //nolint:wrapcheck // says it all
	}
	if sealed == nil {
		return Record{}, ErrNotFound
	}
	box, err := s.box(key)
	if err != nil {
		return Record{}, err
	}
	opened, err := box.Open(sealed, place(key, response))
	if err != nil { // of another master key: for the client it is gone
		s.o.Logger.WarnContext(ctx, "a stored response cannot be opened", "tenant", key.Tenant.String(), "error", err)
		return Record{}, ErrNotFound
	}
	plain := []byte(opened.Reveal())
	rest := plain[sizeLen:]
	size := binary.BigEndian.Uint32(plain)
	return Record{Input: body.Own(rest[:size]), Answer: body.Own(rest[size:])}, nil
}

// sizeLen is the length of the figure that says how long the input is.
const sizeLen = 4

// Delete forgets a response.
func (s *Store) Delete(ctx context.Context, key *vkey.Record, response string) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return s.o.Backend.DropResponse(ctx, key.Tenant, name(key, response)) //nolint:wrapcheck // says it all
}

// box has the key of the tenant's epoch.
func (s *Store) box(key *vkey.Record) (*secret.Box, error) {
	return s.o.Box.Derive(key.ResponseEpoch[:], "responses:"+key.Tenant.String()) //nolint:wrapcheck // says it all
}

// place binds an entry to tenant and id, so that it opens under no others.
func place(key *vkey.Record, response string) string {
	return "response:" + key.Tenant.String() + ":" + response
}

// name hides the id, which clients make a part of their own records.
func name(key *vkey.Record, response string) string {
	sum := sha256.Sum256(append(key.ResponseEpoch[:], response...))
	return hex.EncodeToString(sum[:16])
}
