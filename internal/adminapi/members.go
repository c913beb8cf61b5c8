package adminapi

import (
	"context"

	"starlane/internal/adminapi/gen"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/tenant"
)

// MemberStore keeps who belongs to a tenant.
type MemberStore interface {
	Members(ctx context.Context, t id.ID, ask page.Ask) (page.List[tenant.Member], error)
	AddMember(ctx context.Context, by audit.Actor, t id.ID, p tenant.NewPerson) (tenant.Member, bool, error)
	UpdateMember(ctx context.Context, by audit.Actor, as tenant.Role, t, user id.ID, to tenant.Role) (tenant.Member, error)
	RemoveMember(ctx context.Context, by audit.Actor, as tenant.Role, t, user id.ID) error
}

func memberToAPI(m *tenant.Member) gen.Member {
	return gen.Member{UserId: m.UserID, Email: m.Email, Name: m.Name, Role: gen.Role(m.Role), CreatedAt: m.CreatedAt.UTC()}
}

func memberCreated(m *tenant.Member, fresh bool, password secret.String) gen.MemberCreated {
	out := gen.MemberCreated{UserId: m.UserID, Email: m.Email, Name: m.Name, Role: gen.Role(m.Role), CreatedAt: m.CreatedAt.UTC(), NewAccount: fresh}
	if fresh && !password.Empty() {
		out.InitialPassword = ptr(password.Reveal())
	}
	return out
}

// ListMembers lists the people of the tenant.
func (s *Server) ListMembers(ctx context.Context, r gen.ListMembersRequestObject) (gen.ListMembersResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Members.Members(ctx, from(ctx).tenant, a)
	if err != nil {
		return nil, err
	}
	return gen.ListMembers200JSONResponse{Items: each(list.Items, memberToAPI), NextCursor: next(list.Next)}, nil
}

// grantable checks that a role exists in the caller's tenant and that the caller may give it.
func (p *principal) grantable(role tenant.Role) error {
	if role.Staff() != (p.tenant == id.Nil) {
		return apperr.New(apperr.Unprocessable, "The role %s does not exist in this tenant.", role).WithParam("/role")
	}
	if !p.role.Grants(role) {
		return apperr.New(apperr.Forbidden, "Your role may not make somebody %s.", role)
	}
	return nil
}

// AddMember adds a person, with a new account if need be.
func (s *Server) AddMember(ctx context.Context, r gen.AddMemberRequestObject) (gen.AddMemberResponseObject, error) {
	p := from(ctx)
	role := tenant.Role(r.Body.Role)
	if err := p.grantable(role); err != nil {
		return nil, err
	}
	person, password, err := s.person(ctx, r.Body.Email, val(r.Body.Name), val(r.Body.Password), role)
	if err != nil {
		return nil, err
	}
	person.Known = p.role.Staff() && p.tenant != id.Nil // staff know whom they add; staff itself is never made of others' accounts
	m, fresh, err := s.Members.AddMember(ctx, p.Actor, p.tenant, *person)
	if err != nil {
		return nil, err
	}
	return gen.AddMember201JSONResponse(memberCreated(&m, fresh, password)), nil
}

// UpdateMember changes a role.
func (s *Server) UpdateMember(ctx context.Context, r gen.UpdateMemberRequestObject) (gen.UpdateMemberResponseObject, error) {
	p := from(ctx)
	role := tenant.Role(r.Body.Role)
	if err := p.grantable(role); err != nil {
		return nil, err
	}
	m, err := s.Members.UpdateMember(ctx, p.Actor, p.role, p.tenant, r.UserId, role)
	if err != nil {
		return nil, err
	}
	return gen.UpdateMember200JSONResponse(memberToAPI(&m)), nil
}

// RemoveMember takes a person out of the tenant.
func (s *Server) RemoveMember(ctx context.Context, r gen.RemoveMemberRequestObject) (gen.RemoveMemberResponseObject, error) {
	p := from(ctx)
	if err := s.Members.RemoveMember(ctx, p.Actor, p.role, p.tenant, r.UserId); err != nil {
		return nil, err
	}
	return gen.RemoveMember204Response{}, nil
}
