package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/tenant"
)

const selectMember = `
	select m.user_id, u.email, u.name, m.role, m.created_at
	from member m join app_user u on u.id = m.user_id `

// Members lists the people of a tenant in the order in which their accounts were made.
func (s *Tenancy) Members(ctx context.Context, t id.ID, ask page.Ask) (page.List[tenant.Member], error) {
	after, err := afterID(ask)
	if err != nil {
		return page.List[tenant.Member]{}, err
	}
	var list []tenant.Member
	err = tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectMember+`
			where m.tenant_id = $1 and ($2::uuid is null or m.user_id > $2)
			order by m.user_id
			limit $3`, t, after, ask.Fetch())
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[tenant.Member])
		return err
	})
	if err != nil {
		return page.List[tenant.Member]{}, fmt.Errorf("list members: %w", err)
	}
	return page.Cut(ask, list, func(m *tenant.Member) string { return m.UserID.String() }), nil
}

// AddMember adds a person and tells whether the account is new.
func (s *Tenancy) AddMember(ctx context.Context, by audit.Actor, t id.ID, p tenant.NewPerson) (tenant.Member, bool, error) {
	var m tenant.Member
	var fresh bool
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		var err error
		if m, fresh, err = addPerson(ctx, tx, t, p); err != nil {
			return err
		}
		return write(ctx, tx, t, by, "member.add", m.UserID.String(), audit.Detail{"email": m.Email, "role": m.Role, "new_account": fresh})
	})
	return m, fresh, err
}

func addPerson(ctx context.Context, tx pgx.Tx, t id.ID, p tenant.NewPerson) (tenant.Member, bool, error) {
	m := tenant.Member{UserID: id.New(), Email: p.Email, Name: p.Name, Role: p.Role}
	fresh := true
	if err := asPerson(ctx, tx, m.UserID); err != nil {
		return m, false, err
	}
	err := tx.QueryRow(ctx, `
		insert into app_user (id, email, name, password_hash) values ($1, $2, $3, $4)
		on conflict (email) do nothing
		returning id`, m.UserID, p.Email, p.Name, p.PasswordHash).Scan(&m.UserID)
	if errors.Is(err, pgx.ErrNoRows) {
		fresh = false
		err = tx.QueryRow(ctx, `select id, name from person_by_email($1)`, p.Email).Scan(&m.UserID, &m.Name)
	}
	if err != nil {
		return m, false, refused(err, "person")
	}
	if !fresh && !p.Known {
		if err := wasHere(ctx, tx, t, m.UserID); err != nil {
			return m, false, err
		}
	}
	err = tx.QueryRow(ctx, `insert into member (tenant_id, user_id, role) values ($1, $2, $3) returning created_at`,
		t, m.UserID, p.Role).Scan(&m.CreatedAt)
	return m, fresh, refused(err, "member")
}

// wasHere refuses an account that the tenant has never added before.
func wasHere(ctx context.Context, tx pgx.Tx, t, user id.ID) error {
	var here bool
	err := tx.QueryRow(ctx, `
		select exists (select from member where tenant_id = $1 and user_id = $2)
			or exists (select from audit_log where tenant_id = $1 and action = 'member.add' and target = $3)`, t, user, user.String()).Scan(&here)
	if err != nil {
		return fmt.Errorf("look for the person: %w", err)
	}
	if !here {
		return apperr.New(apperr.Conflict, "There is an account with this address that was made elsewhere. Only the operator of the platform can add it.").WithParam("/email")
	}
	return nil
}

// changeMember locks the members of a tenant, so that two owners cannot demote each other at once, and returns the member
// as it is. It refuses what the actor's role may not touch.
func changeMember(ctx context.Context, tx pgx.Tx, t, user id.ID, as tenant.Role, to tenant.Role) (tenant.Member, error) {
	if _, err := tx.Exec(ctx, `select from member where tenant_id = $1 for update`, t); err != nil {
		return tenant.Member{}, fmt.Errorf("lock members: %w", err)
	}
	rows, err := tx.Query(ctx, selectMember+`where m.tenant_id = $1 and m.user_id = $2`, t, user)
	if err != nil {
		return tenant.Member{}, fmt.Errorf("read member: %w", err)
	}
	m, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[tenant.Member])
	if err != nil {
		return m, found(err, "member")
	}
	if !as.Grants(m.Role) || (to != "" && !as.Grants(to)) {
		return m, apperr.New(apperr.Forbidden, "Only an owner can do this to an owner.")
	}
	top := tenant.Owner
	if t == id.Nil {
		top = tenant.Operator
	}
	if m.Role != top || to == top {
		return m, nil
	}
	var left int
	if err := tx.QueryRow(ctx, `select count(*) from member where tenant_id = $1 and role = $2 and user_id <> $3`, t, top, user).Scan(&left); err != nil {
		return m, fmt.Errorf("count owners: %w", err)
	}
	if left == 0 {
		return m, apperr.New(apperr.Conflict, "This is the last %s; make somebody else %s first.", top, top)
	}
	return m, nil
}

// UpdateMember changes a role, acting in a role of its own.
func (s *Tenancy) UpdateMember(ctx context.Context, by audit.Actor, as tenant.Role, t, user id.ID, to tenant.Role) (tenant.Member, error) {
	var m tenant.Member
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		old, err := changeMember(ctx, tx, t, user, as, to)
		if err != nil {
			return err
		}
		m = old
		m.Role = to
		if _, err := tx.Exec(ctx, `update member set role = $3 where tenant_id = $1 and user_id = $2`, t, user, to); err != nil {
			return refused(err, "member")
		}
		return write(ctx, tx, t, by, "member.update", user.String(), audit.Detail{"from": old.Role, "to": to})
	})
	return m, err
}

// RemoveMember takes a person out of a tenant and ends their API tokens there.
func (s *Tenancy) RemoveMember(ctx context.Context, by audit.Actor, as tenant.Role, t, user id.ID) error {
	return tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		old, err := changeMember(ctx, tx, t, user, as, "")
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from member where tenant_id = $1 and user_id = $2`, t, user); err != nil {
			return fmt.Errorf("remove member: %w", err)
		}
		_, err = tx.Exec(ctx, `update api_token set revoked_at = now() where tenant_id = $1 and user_id = $2 and revoked_at is null`, t, user)
		if err != nil {
			return fmt.Errorf("revoke tokens: %w", err)
		}
		return write(ctx, tx, t, by, "member.remove", user.String(), audit.Detail{"email": old.Email, "role": old.Role})
	})
}
