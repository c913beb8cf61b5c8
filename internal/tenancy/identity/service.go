package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/audit"
)

// An account is locked for a while after so many failures in a row, over all instances and restarts. The answer while it
// is locked is that of a wrong password.
const (
	lockFrom = 12
	lockFor  = 15 * time.Minute
)

// Deps is what a Service works with.
type Deps struct {
	Store      Store
	Hasher     *Hasher
	Issuer     *Issuer
	Clock      clock.Clock
	SessionTTL time.Duration
}

// Service proves who calls.
type Service struct {
	Deps
	addresses, sources *throttle
}

// New checks the dependencies.
func New(d Deps) (*Service, error) {
	if d.Store == nil || d.Hasher == nil || d.Issuer == nil || d.Clock == nil || d.SessionTTL <= 0 {
		return nil, errors.New("identity: a dependency is missing")
	}
	return &Service{d, newThrottle(perAddressBurst, perAddressEvery), newThrottle(perSourceBurst, perSourceEvery)}, nil
}

func refused() error {
	return apperr.New(apperr.Unauthorized, "Email or password is wrong, or the account is locked for a while.")
}

// Password proves a person by email and password. source is the network address of the client. Errors: Unauthorized
// without a hint which of the two was wrong, RateLimitExceeded.
func (s *Service) Password(ctx context.Context, email string, password secret.String, source string) (*Caller, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	now := s.Clock.Now()
	undo, err := s.try(email, source, now)
	if err != nil {
		return nil, err
	}
	user, err := s.Store.UserByEmail(ctx, email)
	if apperr.Is(err, apperr.NotFound) {
		s.Hasher.Waste(ctx, password)
		return nil, refused()
	}
	if err != nil {
		undo()
		return nil, fmt.Errorf("sign in: %w", err)
	}
	ok, err := s.Hasher.Verify(ctx, user.PasswordHash, password)
	if err != nil {
		undo()
		return nil, fmt.Errorf("sign in: %w", err)
	}
	locked := user.LockedUntil != nil && now.Before(*user.LockedUntil)
	if !ok || locked {
		if !locked {
			if err := s.Store.LoginFailed(ctx, user.ID, lockFrom, now.Add(lockFor)); err != nil {
				return nil, fmt.Errorf("sign in: %w", err)
			}
		}
		return nil, refused()
	}
	undo()
	if err := s.Store.LoginOK(ctx, user.ID); err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	return s.caller(ctx, user, Caller{Method: ByAccess, Actor: audit.User(user.ID)})
}

// try counts a sign-in for the address and for the source; undo forgets it.
func (s *Service) try(email, source string, now time.Time) (undo func(), err error) {
	forgetAddress, wait := s.addresses.take(email, now)
	if wait == 0 {
		var forgetSource func()
		if forgetSource, wait = s.sources.take(source, now); wait == 0 {
			return func() { forgetAddress(); forgetSource() }, nil
		}
		forgetAddress()
	}
	return nil, apperr.New(apperr.RateLimitExceeded, "Too many failed sign-ins. Wait a little and try again.").WithRetryAfter(wait)
}

func (s *Service) caller(ctx context.Context, user User, c Caller) (*Caller, error) {
	members, err := s.Store.Memberships(ctx, user.ID)
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	user.PasswordHash = ""
	c.User, c.Memberships = user, members
	return &c, nil
}

// Login proves a person and opens a session. The secret goes into the cookie.
func (s *Service) Login(ctx context.Context, email string, password secret.String, source string) (*Caller, secret.String, time.Time, error) {
	c, err := s.Password(ctx, email, password, source)
	if err != nil {
		return nil, secret.String{}, time.Time{}, err
	}
	cookie := NewSecret()
	now := s.Clock.Now()
	session := Session{Digest: DigestOf(cookie), UserID: c.User.ID, CSRF: NewSecret().Reveal(), CreatedAt: now, ExpiresAt: now.Add(s.SessionTTL)}
	home, _ := c.Default()
	if err := s.Store.CreateSession(ctx, c.Actor, home, session); err != nil {
		return nil, secret.String{}, time.Time{}, fmt.Errorf("open session: %w", err)
	}
	c.Method, c.CSRF, c.session = ByCookie, session.CSRF, session.Digest
	return c, cookie, session.ExpiresAt, nil
}

func unauthorized() error {
	return apperr.New(apperr.Unauthorized, "Sign in, or send a valid API token or access token.")
}

// Session proves a browser by its cookie.
func (s *Service) Session(ctx context.Context, cookie secret.String) (*Caller, error) {
	session, err := s.Store.SessionByDigest(ctx, DigestOf(cookie), s.Clock.Now())
	if err != nil {
		return nil, hide(err)
	}
	return s.byUser(ctx, session.UserID, Caller{Method: ByCookie, Actor: audit.User(session.UserID), CSRF: session.CSRF, session: session.Digest})
}

// Bearer proves a program by an API token or an access token.
func (s *Service) Bearer(ctx context.Context, token secret.String) (*Caller, error) {
	if strings.HasPrefix(token.Reveal(), TokenPrefix) {
		t, err := s.Store.TokenByDigest(ctx, DigestOf(token), s.Clock.Now())
		if err != nil {
			return nil, hide(err)
		}
		return s.byUser(ctx, t.UserID, Caller{Method: ByToken, Actor: audit.Token(t.ID), Home: &t.Tenant})
	}
	a, err := s.Issuer.verify(token.Reveal())
	if err != nil {
		return nil, unauthorized()
	}
	return s.byUser(ctx, a.user, Caller{Method: ByAccess, Actor: a.actor, Home: a.home})
}

func (s *Service) byUser(ctx context.Context, user id.ID, c Caller) (*Caller, error) {
	u, err := s.Store.UserByID(ctx, user)
	if err != nil {
		return nil, hide(err)
	}
	return s.caller(ctx, u, c)
}

// hide makes what is not there look like what is not valid; other failures stay what they are.
func hide(err error) error {
	if apperr.Is(err, apperr.NotFound) {
		return unauthorized()
	}
	return err
}

// Logout ends the caller's session.
func (s *Service) Logout(ctx context.Context, c *Caller) error {
	home, _ := c.Default()
	if err := s.Store.DeleteSession(ctx, c.Actor, home, c.session); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

// ChangePassword needs the present one and ends all other sessions of the caller.
func (s *Service) ChangePassword(ctx context.Context, c *Caller, old, fresh secret.String) error {
	now := s.Clock.Now()
	undo, wait := s.addresses.take(c.User.Email, now)
	if wait > 0 {
		return apperr.New(apperr.RateLimitExceeded, "Too many tries. Wait a little and try again.").WithRetryAfter(wait)
	}
	user, err := s.Store.UserByID(ctx, c.User.ID)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	ok, err := s.Hasher.Verify(ctx, user.PasswordHash, old)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	if !ok {
		return apperr.New(apperr.Unprocessable, "The present password is wrong.").WithParam("/current_password")
	}
	undo()
	hash, err := s.Hasher.Hash(ctx, fresh)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	home, _ := c.Default()
	if err := s.Store.SetPassword(ctx, c.Actor, home, user.ID, hash, c.session); err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	return nil
}
