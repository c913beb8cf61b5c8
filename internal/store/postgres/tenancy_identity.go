package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/platform/id"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/identity"
	"starlane/internal/tenancy/tenant"
)

// Finding out who calls comes before knowing the tenant, so these look-ups cross the tenant wall: by a secret's digest, or
// for one person. Functions of the schema do it, which give one row to whoever knows its secret, address or identifier; all
// else happens behind the wall of the person.

// personTx is tenantTx behind the wall of one person, who sees and changes themselves and their sessions.
func personTx(ctx context.Context, pool *pgxpool.Pool, user id.ID, f func(pgx.Tx) error) error {
	return runTx(ctx, pool, "starlane.person", user.String(), f)
}

// asPerson puts what follows in a transaction behind the wall of a person as well.
func asPerson(ctx context.Context, tx pgx.Tx, user id.ID) error {
	if _, err := tx.Exec(ctx, "select set_config('starlane.person', $1, true)", user.String()); err != nil {
		return fmt.Errorf("work for a person: %w", err)
	}
	return nil
}

const selectUser = `select id, email, name, password_hash, locked_until from `

func scanUser(row pgx.Row) (identity.User, error) {
	var u identity.User
	err := row.Scan(&u.ID, &u.Email, &u.Name, &u.PasswordHash, &u.LockedUntil)
	return u, found(err, "person")
}

// UserByEmail finds a person. The address is in lower case.
func (s *Tenancy) UserByEmail(ctx context.Context, email string) (identity.User, error) {
	return scanUser(s.pool.QueryRow(ctx, selectUser+`person_by_email($1)`, email))
}

// UserByID finds a person.
func (s *Tenancy) UserByID(ctx context.Context, user id.ID) (identity.User, error) {
	return scanUser(s.pool.QueryRow(ctx, selectUser+`person_by_id($1)`, user))
}

// Memberships lists the tenants of a person, oldest membership first.
func (s *Tenancy) Memberships(ctx context.Context, user id.ID) ([]tenant.Membership, error) {
	var out []tenant.Membership
	err := operatorTx(ctx, s.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select m.tenant_id, t.name, t.status, m.role
			from member m join tenant t on t.id = m.tenant_id
			where m.user_id = $1
			order by m.created_at, m.tenant_id`, user)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, pgx.RowToStructByPos[tenant.Membership])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("memberships: %w", err)
	}
	return out, nil
}

// LoginFailed counts a failure; the account is locked from the given count on.
func (s *Tenancy) LoginFailed(ctx context.Context, user id.ID, lockFrom int, until time.Time) error {
	err := personTx(ctx, s.pool, user, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update app_user
			set failed_logins = case when failed_logins + 1 >= $2 then 0 else failed_logins + 1 end,
			    locked_until = case when failed_logins + 1 >= $2 then $3 else locked_until end
			where id = $1`, user, lockFrom, until)
		return err
	})
	if err != nil {
		return fmt.Errorf("count failed sign-in: %w", err)
	}
	return nil
}

// LoginOK forgets the failures.
func (s *Tenancy) LoginOK(ctx context.Context, user id.ID) error {
	err := personTx(ctx, s.pool, user, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			update app_user set failed_logins = 0, locked_until = null
			where id = $1 and (failed_logins > 0 or locked_until is not null)`, user)
		return err
	})
	if err != nil {
		return fmt.Errorf("reset failed sign-ins: %w", err)
	}
	return nil
}

// CreateSession stores a session and drops those of the person that have expired.
func (s *Tenancy) CreateSession(ctx context.Context, by audit.Actor, home id.ID, n identity.Session) error {
	return tenantTx(ctx, s.pool, home, func(tx pgx.Tx) error {
		if err := asPerson(ctx, tx, n.UserID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from session where user_id = $1 and expires_at < $2`, n.UserID, n.CreatedAt); err != nil {
			return fmt.Errorf("drop old sessions: %w", err)
		}
		_, err := tx.Exec(ctx, `
			insert into session (digest, user_id, csrf_token, created_at, expires_at, last_seen_at)
			values ($1, $2, $3, $4, $5, $4)`, n.Digest[:], n.UserID, n.CSRF, n.CreatedAt, n.ExpiresAt)
		if err != nil {
			return fmt.Errorf("create session: %w", err)
		}
		return write(ctx, tx, home, by, "session.create", n.UserID.String(), nil)
	})
}

// SessionByDigest finds a session that has not expired.
func (s *Tenancy) SessionByDigest(ctx context.Context, d identity.Digest, now time.Time) (identity.Session, error) {
	out := identity.Session{Digest: d}
	err := s.pool.QueryRow(ctx, `
		select user_id, csrf_token, created_at, expires_at from session_by_digest($1) where expires_at > $2`,
		d[:], now).Scan(&out.UserID, &out.CSRF, &out.CreatedAt, &out.ExpiresAt)
	return out, found(err, "session")
}

// DeleteSession ends a session.
func (s *Tenancy) DeleteSession(ctx context.Context, by audit.Actor, home id.ID, d identity.Digest) error {
	return tenantTx(ctx, s.pool, home, func(tx pgx.Tx) error {
		var user id.ID
		if err := tx.QueryRow(ctx, `select user_id from session_by_digest($1)`, d[:]).Scan(&user); err != nil {
			return found(err, "session")
		}
		if err := asPerson(ctx, tx, user); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `delete from session where digest = $1`, d[:])
		if err != nil {
			return fmt.Errorf("end session: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return found(pgx.ErrNoRows, "session") // somebody was faster
		}
		return write(ctx, tx, home, by, "session.delete", user.String(), nil)
	})
}

// SetPassword stores a hash and ends all sessions of the person but one.
func (s *Tenancy) SetPassword(ctx context.Context, by audit.Actor, home, user id.ID, hash string, keep identity.Digest) error {
	return tenantTx(ctx, s.pool, home, func(tx pgx.Tx) error {
		if err := asPerson(ctx, tx, user); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `update app_user set password_hash = $2, failed_logins = 0, locked_until = null where id = $1`, user, hash)
		if err != nil {
			return fmt.Errorf("set password: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return found(pgx.ErrNoRows, "person")
		}
		if _, err := tx.Exec(ctx, `delete from session where user_id = $1 and digest <> $2`, user, keep[:]); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		return write(ctx, tx, home, by, "user.password", user.String(), nil)
	})
}

// SetUserName renames a person.
func (s *Tenancy) SetUserName(ctx context.Context, by audit.Actor, home, user id.ID, name string) error {
	return tenantTx(ctx, s.pool, home, func(tx pgx.Tx) error {
		if err := asPerson(ctx, tx, user); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update app_user set name = $2 where id = $1`, user, name); err != nil {
			return fmt.Errorf("rename person: %w", err)
		}
		return write(ctx, tx, home, by, "user.rename", user.String(), nil)
	})
}

// TokenByDigest finds a token that works and notes its use, to the minute, so that a busy token does not write each time.
func (s *Tenancy) TokenByDigest(ctx context.Context, d identity.Digest, now time.Time) (identity.APIToken, error) {
	var t identity.APIToken
	err := operatorTx(ctx, s.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			select tenant_id, id, user_id, name, created_at, expires_at, last_used_at
			from api_token
			where digest = $1 and revoked_at is null and (expires_at is null or expires_at > $2)`, d[:], now).
			Scan(&t.Tenant, &t.ID, &t.UserID, &t.Name, &t.CreatedAt, &t.ExpiresAt, &t.LastUsedAt)
		if err != nil {
			return found(err, "token")
		}
		if t.LastUsedAt != nil && now.Sub(*t.LastUsedAt) < time.Minute {
			return nil
		}
		_, err = tx.Exec(ctx, `update api_token set last_used_at = $3 where tenant_id = $1 and id = $2`, t.Tenant, t.ID, now)
		return err
	})
	return t, err
}
