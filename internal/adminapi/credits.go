package adminapi

import (
	"context"
	"time"

	"starlane/internal/adminapi/gen"
	"starlane/internal/billing/credit"
	"starlane/internal/billing/money"
	"starlane/internal/billing/statement"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/tenant"
)

// Grant is credit that the platform gives.
type Grant struct {
	Kind      string // promo, adjustment
	Ref       string // names the act: granting the same again changes nothing
	Amount    money.Amount
	Reason    string
	ExpiresAt *time.Time
}

// Credit moves money. It is the billing side of the edge.
type Credit interface {
	// Grant gives credit and returns the lot.
	Grant(ctx context.Context, by audit.Actor, t id.ID, g Grant) (lot id.ID, err error)
	// StartTopup opens a payment page for a purchase of credit and returns the top-up.
	StartTopup(ctx context.Context, by audit.Actor, t id.ID, amount money.Amount) (topup id.ID, err error)
}

func balanceToAPI(b *statement.Balance) gen.Balance {
	return gen.Balance{
		Balance: b.Spendable.String(), Credit: b.Credit.String(), Escrow: b.Escrow.String(), Receivable: b.Receivable.String(),
		CreditLimit: b.CreditLimit.String(), BillingMode: gen.BillingMode(b.Mode), Currency: gen.USD, AsOf: b.AsOf.UTC(),
	}
}

func lotToAPI(now time.Time) func(*statement.Lot) gen.CreditLot {
	return func(l *statement.Lot) gen.CreditLot {
		return gen.CreditLot{
			Id: l.ID, Source: gen.CreditLotSource(l.Source), SourceRef: l.SourceRef, Amount: l.Amount.String(), Remaining: l.Remaining.String(),
			EffectiveAt: l.EffectiveAt.UTC(), ExpiresAt: utc(l.ExpiresAt), Expired: l.ExpiresAt != nil && !now.Before(*l.ExpiresAt),
		}
	}
}

func (s *Server) credits(ctx context.Context, t id.ID) (gen.Credits, error) {
	b, lots, h, err := s.Statements.Credits(ctx, t)
	if err != nil {
		return gen.Credits{}, err
	}
	out := gen.Credits{Balance: balanceToAPI(&b), Lots: each(lots, lotToAPI(b.AsOf))}
	out.Holds.Count, out.Holds.Amount, out.Holds.Settled = h.Count, h.Amount.String(), h.Settled.String()
	return out, nil
}

// GetBalance shows what is left to spend.
func (s *Server) GetBalance(ctx context.Context, _ gen.GetBalanceRequestObject) (gen.GetBalanceResponseObject, error) {
	b, err := s.Statements.Balance(ctx, from(ctx).tenant)
	if err != nil {
		return nil, err
	}
	return gen.GetBalance200JSONResponse(balanceToAPI(&b)), nil
}

// GetCredits shows balance, lots and holds.
func (s *Server) GetCredits(ctx context.Context, _ gen.GetCreditsRequestObject) (gen.GetCreditsResponseObject, error) {
	out, err := s.credits(ctx, from(ctx).tenant)
	if err != nil {
		return nil, err
	}
	return gen.GetCredits200JSONResponse(out), nil
}

// GetTenantCredits shows them for the tenant in the path.
func (s *Server) GetTenantCredits(ctx context.Context, r gen.GetTenantCreditsRequestObject) (gen.GetTenantCreditsResponseObject, error) {
	p, err := from(ctx).in(r.TenantId)
	if err != nil {
		return nil, err
	}
	if err := p.may(tenant.CreditsRead); err != nil {
		return nil, err
	}
	out, err := s.credits(ctx, p.tenant)
	if err != nil {
		return nil, err
	}
	return gen.GetTenantCredits200JSONResponse(out), nil
}

// GrantCredit gives credit to a tenant. An Idempotency-Key also names the grant in the ledger, so that not even a crash
// between the two can give it twice.
func (s *Server) GrantCredit(ctx context.Context, r gen.GrantCreditRequestObject) (gen.GrantCreditResponseObject, error) {
	p, err := from(ctx).in(r.TenantId)
	if err != nil {
		return nil, err
	}
	if p.tenant == id.Nil {
		return nil, apperr.New(apperr.Unprocessable, "The platform has no credit.")
	}
	if _, err := s.Tenants.Tenant(ctx, p.tenant); err != nil {
		return nil, err
	}
	v, err := positive(r.Body.Amount, "/amount")
	if err != nil {
		return nil, err
	}
	if err := s.expiry(r.Body.ExpiresAt); err != nil {
		return nil, err
	}
	g := Grant{Kind: string(r.Body.Kind), Ref: id.New().String(), Amount: v, Reason: r.Body.Reason, ExpiresAt: r.Body.ExpiresAt}
	if key := val(r.Params.IdempotencyKey); key != "" {
		g.Ref = "key:" + key
	}
	lot, err := s.Credit.Grant(ctx, p.Actor, p.tenant, g)
	if err != nil {
		return nil, err
	}
	made, err := s.Statements.Lot(ctx, p.tenant, lot)
	if err != nil {
		return nil, err
	}
	return gen.GrantCredit201JSONResponse(lotToAPI(s.Clock.Now())(&made)), nil
}

func topupToAPI(t *statement.Topup) gen.Topup {
	return gen.Topup{
		Id: t.ID, Amount: t.Amount.String(), State: gen.TopupState(t.State), CheckoutUrl: t.CheckoutURL, CreatedBy: t.CreatedBy,
		CreatedAt: t.CreatedAt.UTC(), CreditedAt: utc(t.CreditedAt),
	}
}

// ListTopups lists purchases of credit.
func (s *Server) ListTopups(ctx context.Context, r gen.ListTopupsRequestObject) (gen.ListTopupsResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Statements.Topups(ctx, from(ctx).tenant, a)
	if err != nil {
		return nil, err
	}
	return gen.ListTopups200JSONResponse{Items: each(list.Items, topupToAPI), NextCursor: next(list.Next)}, nil
}

// GetTopup reads a purchase of credit.
func (s *Server) GetTopup(ctx context.Context, r gen.GetTopupRequestObject) (gen.GetTopupResponseObject, error) {
	t, err := s.Statements.Topup(ctx, from(ctx).tenant, r.TopupId)
	if err != nil {
		return nil, err
	}
	return gen.GetTopup200JSONResponse(topupToAPI(&t)), nil
}

// CreateTopup opens a payment page.
func (s *Server) CreateTopup(ctx context.Context, r gen.CreateTopupRequestObject) (gen.CreateTopupResponseObject, error) {
	p := from(ctx)
	v, err := amount(r.Body.Amount, "/amount")
	if err != nil {
		return nil, err
	}
	if v < credit.MinTopup || v > credit.MaxTopup {
		return nil, apperr.New(apperr.InvalidRequest, "A top-up is from %s to %s USD.", credit.MinTopup, credit.MaxTopup).WithParam("/amount")
	}
	topup, err := s.Credit.StartTopup(ctx, p.Actor, p.tenant, v)
	if err != nil {
		return nil, err
	}
	made, err := s.Statements.Topup(ctx, p.tenant, topup)
	if err != nil {
		return nil, err
	}
	return gen.CreateTopup201JSONResponse(topupToAPI(&made)), nil
}
