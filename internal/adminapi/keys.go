package adminapi

import (
	"context"
	"time"

	"starlane/internal/adminapi/gen"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/quota"
	"starlane/internal/tenancy/vkey"
)

// KeyStore keeps virtual keys by their digests.
type KeyStore interface {
	Keys(ctx context.Context, t id.ID, f vkey.Filter, now time.Time, ask page.Ask) (page.List[vkey.Key], error)
	Key(ctx context.Context, t, key id.ID, now time.Time) (vkey.Key, error)
	CreateKey(ctx context.Context, by audit.Actor, t id.ID, n vkey.NewKey, now time.Time) (vkey.Key, error)
	UpdateKey(ctx context.Context, by audit.Actor, t, key id.ID, now time.Time, change func(vkey.Key) (vkey.Change, error)) (vkey.Key, error)
	RevokeKey(ctx context.Context, by audit.Actor, t, key id.ID, now time.Time) error
}

func keyToAPI(k *vkey.Key) gen.Key {
	out := gen.Key{
		Id: k.ID, ProjectId: k.ProjectID, ProjectName: k.ProjectName, Name: k.Name, PublicId: k.PublicID, State: gen.KeyState(k.State),
		AllowedModels: append([]string{}, k.Models...), Rpm: k.Limits.RPM, Tpm: k.Limits.TPM, Concurrency: k.Limits.Concurrency,
		Spent: k.Spent.String(), SpentSince: k.SpentSince.UTC(), ExpiresAt: utc(k.ExpiresAt), LastUsedAt: utc(k.LastUsedAt),
		CreatedBy: k.CreatedBy, CreatedAt: k.CreatedAt.UTC(), RevokedAt: utc(k.RevokedAt),
	}
	if b := k.Limits.Budget; b != nil {
		out.Budget = &gen.Budget{Amount: b.Amount.String(), Window: gen.BudgetWindow(b.Window)}
	}
	return out
}

func keyTag(k *vkey.Key) string {
	return etag([]any{k.ID, k.Name, k.State, k.Models, k.Limits, k.ExpiresAt})
}

// ListKeys lists virtual keys.
func (s *Server) ListKeys(ctx context.Context, r gen.ListKeysRequestObject) (gen.ListKeysResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	f := vkey.Filter{Project: idOf(r.Params.ProjectId), State: vkey.State(val(r.Params.State)), Text: val(r.Params.Q)}
	list, err := s.VKeys.Keys(ctx, from(ctx).tenant, f, s.Clock.Now(), a)
	if err != nil {
		return nil, err
	}
	return gen.ListKeys200JSONResponse{Items: each(list.Items, keyToAPI), NextCursor: next(list.Next)}, nil
}

// GetKey reads a virtual key.
func (s *Server) GetKey(ctx context.Context, r gen.GetKeyRequestObject) (gen.GetKeyResponseObject, error) {
	k, err := s.VKeys.Key(ctx, from(ctx).tenant, r.KeyId, s.Clock.Now())
	if err != nil {
		return nil, err
	}
	return gen.GetKey200JSONResponse{Body: keyToAPI(&k), Headers: gen.GetKey200ResponseHeaders{ETag: ptr(keyTag(&k))}}, nil
}

func budget(b *gen.Budget) (*quota.Budget, error) {
	if b == nil {
		return nil, nil // no budget is a case of its own
	}
	v, err := positive(b.Amount, "/budget/amount")
	if err != nil {
		return nil, err
	}
	return &quota.Budget{Amount: v, Window: quota.Window(b.Window)}, nil
}

func (s *Server) expiry(at *time.Time) error {
	if at != nil && !at.After(s.Clock.Now()) {
		return apperr.New(apperr.InvalidRequest, "The expiry must lie ahead.").WithParam("/expires_at")
	}
	return nil
}

// CreateKey makes a virtual key and shows it once.
func (s *Server) CreateKey(ctx context.Context, r gen.CreateKeyRequestObject) (gen.CreateKeyResponseObject, error) {
	p, b := from(ctx), r.Body
	money, err := budget(b.Budget)
	if err != nil {
		return nil, err
	}
	if err := s.expiry(b.ExpiresAt); err != nil {
		return nil, err
	}
	secret, public, err := vkey.Generate()
	if err != nil {
		return nil, err
	}
	k, err := s.VKeys.CreateKey(ctx, p.Actor, p.tenant, vkey.NewKey{
		ID: id.New(), ProjectID: idOf(b.ProjectId), Name: b.Name, PublicID: public, Digest: s.Keys.Digest(secret.Reveal()), Models: texts(b.AllowedModels),
		Limits: quota.Limits{RPM: b.Rpm, TPM: b.Tpm, Concurrency: b.Concurrency, Budget: money}, ExpiresAt: b.ExpiresAt, CreatedBy: p.User.ID,
	}, s.Clock.Now())
	if err != nil {
		return nil, err
	}
	a := keyToAPI(&k)
	return gen.CreateKey201JSONResponse{
		Id: a.Id, ProjectId: a.ProjectId, ProjectName: a.ProjectName, Name: a.Name, PublicId: a.PublicId, State: a.State, AllowedModels: a.AllowedModels,
		Rpm: a.Rpm, Tpm: a.Tpm, Concurrency: a.Concurrency, Budget: a.Budget, Spent: a.Spent, SpentSince: a.SpentSince, ExpiresAt: a.ExpiresAt,
		LastUsedAt: a.LastUsedAt, CreatedBy: a.CreatedBy, CreatedAt: a.CreatedAt, RevokedAt: a.RevokedAt, Secret: secret.Reveal(),
	}, nil
}

// UpdateKey changes name, state or limits.
func (s *Server) UpdateKey(ctx context.Context, r gen.UpdateKeyRequestObject) (gen.UpdateKeyResponseObject, error) {
	p := from(ctx)
	k, err := s.VKeys.UpdateKey(ctx, p.Actor, p.tenant, r.KeyId, s.Clock.Now(), func(old vkey.Key) (vkey.Change, error) {
		return s.keyChange(&old, r.Body, r.Params.IfMatch)
	})
	if err != nil {
		return nil, err
	}
	return gen.UpdateKey200JSONResponse{Body: keyToAPI(&k), Headers: gen.UpdateKey200ResponseHeaders{ETag: ptr(keyTag(&k))}}, nil
}

func (s *Server) keyChange(old *vkey.Key, b *gen.KeyPatch, ifMatch *string) (vkey.Change, error) {
	c := vkey.Change{Name: old.Name, State: old.State, Models: old.Models, Limits: old.Limits, ExpiresAt: b.ExpiresAt.To(old.ExpiresAt)}
	if err := match(ifMatch, keyTag(old)); err != nil {
		return c, err
	}
	if b.ExpiresAt.Set {
		if err := s.expiry(b.ExpiresAt.Value); err != nil {
			return c, err
		}
	}
	if b.Name != nil {
		c.Name = *b.Name
	}
	if b.State != nil {
		c.State = vkey.State(*b.State)
	}
	if b.AllowedModels != nil {
		c.Models = texts(b.AllowedModels)
	}
	c.Limits.RPM, c.Limits.TPM, c.Limits.Concurrency = b.Rpm.To(old.Limits.RPM), b.Tpm.To(old.Limits.TPM), b.Concurrency.To(old.Limits.Concurrency)
	if b.Budget.Set {
		var err error
		if c.Limits.Budget, err = budget(b.Budget.Value); err != nil {
			return c, err
		}
	}
	return c, nil
}

// RevokeKey ends a key for good.
func (s *Server) RevokeKey(ctx context.Context, r gen.RevokeKeyRequestObject) (gen.RevokeKeyResponseObject, error) {
	p := from(ctx)
	if err := s.VKeys.RevokeKey(ctx, p.Actor, p.tenant, r.KeyId, s.Clock.Now()); err != nil {
		return nil, err
	}
	return gen.RevokeKey204Response{}, nil
}
