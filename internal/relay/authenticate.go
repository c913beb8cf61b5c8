package relay

import (
	"context"
	"errors"
	"time"

	"starlane/internal/platform/apperr"
	"starlane/internal/tenancy/vkey"
)

// Authenticate finds the record of a presented key. Errors are apperr: invalid_api_key, or no_capacity when the key is not
// known here and nobody can be asked.
func (p *Pipeline) Authenticate(ctx context.Context, key string) (*vkey.Record, error) {
	rec, err := p.authenticate(ctx, key)
	if err != nil {
		p.Metrics.refused(err)
		return nil, err
	}
	return rec, nil
}

func (p *Pipeline) authenticate(ctx context.Context, key string) (*vkey.Record, error) {
	if key == "" {
		return nil, apperr.New(apperr.InvalidAPIKey, "You did not provide an API key. Send it as \"Authorization: Bearer sk-sl-…\".")
	}
	public, err := vkey.PublicID(key)
	if err != nil {
		return nil, apperr.New(apperr.InvalidAPIKey, "This is not an API key of ours: its form or its checksum is wrong.")
	}
	rec, err := p.Keys.Resolve(ctx, public)
	switch {
	case errors.Is(err, ErrUnknownKey) || (err == nil && rec == nil):
		return nil, wrongKey()
	case err != nil:
		return nil, apperr.Wrap(err, apperr.NoCapacity, "Your API key cannot be checked right now. Try again soon.").WithRetryAfter(time.Second)
	}
	digest := p.Hasher.Digest(key)
	if len(rec.Digest) != len(digest) || !digest.Equal(vkey.Digest(rec.Digest)) {
		return nil, wrongKey()
	}
	if rec.Usable(p.Clock.Now()) {
		return rec, nil
	}
	return nil, unusable(rec)
}

// unusable says why a key does not work.
func unusable(rec *vkey.Record) error {
	switch {
	case rec.Active:
		return apperr.New(apperr.InvalidAPIKey, "This API key has expired.")
	case rec.Reason == "tenant_suspended":
		return apperr.New(apperr.InvalidAPIKey, "The account of this API key is suspended.")
	default:
		return apperr.New(apperr.InvalidAPIKey, "This API key has been revoked or disabled.")
	}
}

func wrongKey() error { return apperr.New(apperr.InvalidAPIKey, "This API key does not exist.") }
