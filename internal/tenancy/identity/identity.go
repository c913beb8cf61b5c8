// Package identity finds out who calls: passwords, console sessions, API tokens and short-lived access tokens. It answers
// with a Caller; what the caller may do is decided by the role in the tenant (package tenant).
package identity

import (
	"context"
	"time"

	"starlane/internal/platform/id"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/tenant"
)

// User is a person.
type User struct {
	ID           id.ID
	Email        string // lower case
	Name         string
	PasswordHash string // PHC string
	LockedUntil  *time.Time
}

// Session is a signed-in browser. Only the digest of its secret is stored.
type Session struct {
	Digest    Digest
	UserID    id.ID
	CSRF      string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// APIToken is a revocable token. It acts as its user in its tenant.
type APIToken struct {
	ID         id.ID
	Tenant     id.ID
	UserID     id.ID
	UserEmail  string
	Name       string
	CreatedAt  time.Time
	ExpiresAt  *time.Time
	RevokedAt  *time.Time
	LastUsedAt *time.Time
}

// Method is how a caller proved who it is.
type Method string

// The methods.
const (
	ByCookie Method = "session"
	ByToken  Method = "api_token"
	ByAccess Method = "access_token"
)

// Caller is a person or a program whose identity is proven.
type Caller struct {
	User        User
	Memberships []tenant.Membership // oldest first
	Method      Method
	Actor       audit.Actor
	Home        *id.ID // the tenant that an API token was made in; nil: any membership
	CSRF        string // of the session; empty for tokens
	session     Digest
}

// Role returns the caller's role in a tenant. Staff of the platform act in every tenant; a token acts at home, unless home
// is the platform.
func (c *Caller) Role(t id.ID) (tenant.Role, bool) {
	if c.Home != nil && *c.Home != t && *c.Home != id.Nil {
		return "", false
	}
	var staff tenant.Role
	for _, m := range c.Memberships {
		if c.Home != nil && *c.Home == id.Nil && m.TenantID != id.Nil {
			continue // a platform token carries the platform role and nothing else
		}
		if m.TenantID == t {
			return m.Role, true
		}
		if m.TenantID == id.Nil {
			staff = m.Role
		}
	}
	return staff, staff != ""
}

// Staff tells whether the caller operates the platform and may choose any tenant.
func (c *Caller) Staff() bool {
	role, ok := c.Role(id.Nil)
	return ok && role.Staff()
}

// Default is the tenant that the caller acts in unless it says otherwise: a token's home, else the oldest membership.
func (c *Caller) Default() (id.ID, bool) {
	if c.Home != nil {
		return *c.Home, true
	}
	if len(c.Memberships) == 0 {
		return id.Nil, false
	}
	return c.Memberships[0].TenantID, true
}

// Store keeps people, sessions and tokens. What is not there is apperr.NotFound.
type Store interface {
	UserByEmail(ctx context.Context, email string) (User, error)
	UserByID(ctx context.Context, user id.ID) (User, error)
	Memberships(ctx context.Context, user id.ID) ([]tenant.Membership, error)
	// LoginFailed counts a failure and locks the account until the given time from the given count on.
	LoginFailed(ctx context.Context, user id.ID, lockFrom int, until time.Time) error
	// LoginOK clears the failures.
	LoginOK(ctx context.Context, user id.ID) error
	CreateSession(ctx context.Context, by audit.Actor, home id.ID, s Session) error
	SessionByDigest(ctx context.Context, d Digest, now time.Time) (Session, error)
	DeleteSession(ctx context.Context, by audit.Actor, home id.ID, d Digest) error
	// SetPassword stores a hash and ends all sessions of the user but one.
	SetPassword(ctx context.Context, by audit.Actor, home, user id.ID, hash string, keep Digest) error
	// TokenByDigest finds a token that is neither revoked nor expired, and notes its use.
	TokenByDigest(ctx context.Context, d Digest, now time.Time) (APIToken, error)
}
