package adminapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"

	"starlane/internal/adminapi/gen"
	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
)

const (
	defaultLimit = 50
	maxLimit     = 200
)

// ask reads the two parameters of a list. Cursors are the store's keys, wrapped so that nobody builds on what is inside.
func ask(cursor *gen.Cursor, limit *gen.Limit) (page.Ask, error) {
	out := page.Ask{Limit: defaultLimit}
	if limit != nil {
		out.Limit = min(max(*limit, 1), maxLimit)
	}
	if cursor == nil || *cursor == "" {
		return out, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(*cursor)
	if err != nil {
		return out, apperr.New(apperr.InvalidRequest, "The cursor is not one that this list gave.").WithParam("cursor")
	}
	out.After = string(raw)
	return out, nil
}

func next(key string) *string {
	if key == "" {
		return nil
	}
	v := base64.RawURLEncoding.EncodeToString([]byte(key))
	return &v
}

func each[A, B any](in []A, f func(*A) B) []B {
	out := make([]B, len(in))
	for i := range in {
		out[i] = f(&in[i])
	}
	return out
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	v := t.UTC()
	return &v
}

// amount reads USD at a JSON pointer.
func amount(text, pointer string) (money.Amount, error) {
	v, err := money.Parse(text)
	if err != nil {
		return 0, apperr.Wrap(err, apperr.InvalidRequest, "%q is not an amount in USD.", text).WithParam(pointer)
	}
	return v, nil
}

// positive reads USD that must be more than zero and no more than one ledger entry may hold.
func positive(text, pointer string) (money.Amount, error) {
	v, err := amount(text, pointer)
	if err != nil {
		return 0, err
	}
	if v <= 0 || v > money.MaxEntry {
		return 0, apperr.New(apperr.InvalidRequest, "The amount must be more than zero and at most %s USD.", money.MaxEntry).WithParam(pointer)
	}
	return v, nil
}

func cents(n int64) string {
	v, err := money.FromCents(n)
	if err != nil {
		return money.Amount(0).String() // cents in the database come from amounts
	}
	return v.String()
}

func val[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

func ptr[T any](v T) *T { return &v }

func idOf(p *id.ID) id.ID { return val(p) }

// etag names a version of settings.
func etag(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "" // settings are plain values
	}
	sum := sha256.Sum256(b)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

// match compares If-Match with the present version.
func match(wanted *string, now string) error {
	if wanted == nil || *wanted == "*" || *wanted == now {
		return nil
	}
	return apperr.New(apperr.PreconditionFailed, "Somebody changed this since you read it. Read it again.")
}

func texts[T ~string](in *[]T) []string {
	out := []string{}
	for _, v := range val(in) {
		out = append(out, string(v))
	}
	return out
}
