package adminapi

import (
	"context"
	"strings"

	"starlane/internal/adminapi/gen"
	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/identity"
	"starlane/internal/tenancy/tenant"
)

// TenantStore keeps tenants.
type TenantStore interface {
	Tenant(ctx context.Context, t id.ID) (tenant.Tenant, error)
	Tenants(ctx context.Context, f tenant.Filter, ask page.Ask) (page.List[tenant.Tenant], error)
	CreateTenant(ctx context.Context, by audit.Actor, t tenant.Tenant, owner *tenant.NewPerson) (tenant.Tenant, *tenant.Member, bool, error)
	UpdateTenant(ctx context.Context, by audit.Actor, t id.ID, c tenant.Change, check func(tenant.Tenant) error) (tenant.Tenant, error)
}

func tenantToAPI(t *tenant.Tenant) gen.Tenant {
	return gen.Tenant{
		Id: t.ID, Name: t.Name, Status: gen.TenantStatus(t.Status), BillingMode: gen.BillingMode(t.BillingMode),
		CreditLimit: t.CreditLimit.String(), BillingEmail: t.BillingEmail, Demo: t.Demo, Balance: ptr(t.Balance.String()), CreatedAt: t.CreatedAt.UTC(),
		ResponseStore: gen.ResponseStore{Enabled: t.StoresResponses, TtlHours: t.ResponseHours},
	}
}

func tenantTag(t *tenant.Tenant) string {
	return etag([]any{t.ID, t.Name, t.Status, t.BillingMode, t.CreditLimit, t.BillingEmail, t.StoresResponses, t.ResponseHours})
}

// ListTenants is for operators.
func (s *Server) ListTenants(ctx context.Context, r gen.ListTenantsRequestObject) (gen.ListTenantsResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Tenants.Tenants(ctx, tenant.Filter{Text: val(r.Params.Q), Status: tenant.Status(val(r.Params.Status))}, a)
	if err != nil {
		return nil, err
	}
	return gen.ListTenants200JSONResponse{Items: each(list.Items, tenantToAPI), NextCursor: next(list.Next)}, nil
}

// CreateTenant is for operators.
func (s *Server) CreateTenant(ctx context.Context, r gen.CreateTenantRequestObject) (gen.CreateTenantResponseObject, error) {
	b := r.Body
	t := tenant.Tenant{
		ID: id.New(), Name: b.Name, Status: tenant.Active, BillingMode: tenant.Prepaid, BillingEmail: strings.ToLower(val(b.BillingEmail)), Demo: val(b.Demo),
	}
	if b.BillingMode != nil {
		t.BillingMode = tenant.BillingMode(*b.BillingMode)
	}
	if b.CreditLimit != nil {
		var err error
		if t.CreditLimit, err = limit(*b.CreditLimit); err != nil {
			return nil, err
		}
	}
	var owner *tenant.NewPerson
	var password secret.String
	if b.Owner != nil {
		var err error
		if owner, password, err = s.person(ctx, b.Owner.Email, val(b.Owner.Name), val(b.Owner.Password), tenant.Owner); err != nil {
			return nil, err
		}
		owner.Known = true // only staff make tenants
		if t.BillingEmail == "" {
			t.BillingEmail = owner.Email
		}
	}
	made, member, fresh, err := s.Tenants.CreateTenant(ctx, from(ctx).Actor, t, owner)
	if err != nil {
		return nil, err
	}
	api := tenantToAPI(&made)
	out := gen.CreateTenant201JSONResponse{
		Id: api.Id, Name: api.Name, Status: api.Status, BillingMode: api.BillingMode, CreditLimit: api.CreditLimit,
		BillingEmail: api.BillingEmail, Demo: api.Demo, Balance: api.Balance, CreatedAt: api.CreatedAt, ResponseStore: api.ResponseStore,
	}
	if member != nil {
		out.Owner = ptr(memberCreated(member, fresh, password))
	}
	return out, nil
}

func limit(text string) (v money.Amount, err error) {
	if v, err = amount(text, "/credit_limit"); err == nil && v < 0 {
		err = apperr.New(apperr.InvalidRequest, "The credit limit cannot be negative.").WithParam("/credit_limit")
	}
	return v, err
}

// person prepares somebody to be added. Without a password one is made; it counts only if the account turns out to be new.
func (s *Server) person(ctx context.Context, email, name, password string, role tenant.Role) (*tenant.NewPerson, secret.String, error) {
	var shown secret.String
	chosen := secret.New(password)
	if password == "" {
		shown = identity.NewPassword()
		chosen = shown
	}
	hash, err := s.Hasher.Hash(ctx, chosen)
	if err != nil {
		return nil, secret.String{}, err
	}
	return &tenant.NewPerson{Email: strings.ToLower(email), Name: name, Role: role, PasswordHash: hash}, shown, nil
}

// GetTenant is for members and operators.
func (s *Server) GetTenant(ctx context.Context, r gen.GetTenantRequestObject) (gen.GetTenantResponseObject, error) {
	p, err := from(ctx).in(r.TenantId)
	if err != nil {
		return nil, err
	}
	t, err := s.Tenants.Tenant(ctx, p.tenant)
	if err != nil {
		return nil, err
	}
	return gen.GetTenant200JSONResponse{Body: tenantToAPI(&t), Headers: gen.GetTenant200ResponseHeaders{ETag: ptr(tenantTag(&t))}}, nil
}

// UpdateTenant is for owners and admins of the tenant, as far as it goes, and for operators.
func (s *Server) UpdateTenant(ctx context.Context, r gen.UpdateTenantRequestObject) (gen.UpdateTenantResponseObject, error) {
	p, err := from(ctx).in(r.TenantId)
	if err != nil {
		return nil, err
	}
	if err := p.may(tenant.TenantUpdate); err != nil {
		return nil, err
	}
	b := r.Body
	if b.Status != nil || b.BillingMode != nil || b.CreditLimit != nil {
		if err := p.may(tenant.TenantsWrite); err != nil {
			return nil, err
		}
	}
	if p.tenant == id.Nil && b.Status != nil {
		return nil, apperr.New(apperr.Conflict, "The platform cannot be suspended.")
	}
	c := tenant.Change{Name: b.Name, Status: (*tenant.Status)(b.Status), BillingMode: (*tenant.BillingMode)(b.BillingMode)}
	if b.BillingEmail != nil {
		c.BillingEmail = ptr(strings.ToLower(*b.BillingEmail))
	}
	if b.CreditLimit != nil {
		v, err := limit(*b.CreditLimit)
		if err != nil {
			return nil, err
		}
		c.CreditLimit = &v
	}
	if b.ResponseStore != nil {
		if b.ResponseStore.Enabled && (p.role.Staff() || !p.role.Can(tenant.TenantUpdate)) {
			return nil, apperr.New(apperr.Forbidden, "Only the owners and admins of an organisation can have its responses stored.")
		}
		c.StoresResponses, c.ResponseHours = &b.ResponseStore.Enabled, b.ResponseStore.TtlHours
	}
	var stored bool
	t, err := s.Tenants.UpdateTenant(ctx, p.Actor, p.tenant, c, func(old tenant.Tenant) error {
		stored = old.StoresResponses
		return match(r.Params.IfMatch, tenantTag(&old))
	})
	if err != nil {
		return nil, err
	}
	if stored && !t.StoresResponses {
		s.dropResponses(ctx, t.ID)
	}
	return gen.UpdateTenant200JSONResponse{Body: tenantToAPI(&t), Headers: gen.UpdateTenant200ResponseHeaders{ETag: ptr(tenantTag(&t))}}, nil
}

// dropResponses deletes what nobody can read any more, as the change forgot its key. What Redis does not delete now expires.
func (s *Server) dropResponses(ctx context.Context, t id.ID) {
	if err := s.Fleet.DropResponses(ctx, t); err != nil {
		s.Log.WarnContext(ctx, "responses whose key is gone wait for their end", "tenant", t.String(), "error", err.Error())
	}
}
