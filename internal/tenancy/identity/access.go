package identity

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/audit"
)

// AccessTTL is the life of an access token.
const AccessTTL = 15 * time.Minute

const (
	issuer   = "starlane"
	audience = "starlane-admin"
	minKey   = 32
)

// Issuer signs and checks access tokens. Algorithm, issuer and audience are pinned.
type Issuer struct {
	key   secret.String
	clock clock.Clock
}

// NewIssuer takes the signing key, at least 32 characters.
func NewIssuer(key secret.String, c clock.Clock) (*Issuer, error) {
	if len(key.Reveal()) < minKey {
		return nil, fmt.Errorf("signing key: want at least %d characters", minKey)
	}
	return &Issuer{key: key, clock: c}, nil
}

type claims struct {
	jwt.RegisteredClaims
	Actor string `json:"act"`
	Home  string `json:"tenant,omitempty"`
}

// Issue makes a token for a caller. It keeps the bounds of the caller: a token's home stays its home.
func (i *Issuer) Issue(c *Caller) (secret.String, time.Time, error) {
	now := i.clock.Now()
	expires := now.Add(AccessTTL)
	body := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: c.User.ID.String(), ID: id.New().String(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Actor: string(c.Actor),
	}
	if c.Home != nil {
		body.Home = c.Home.String()
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, body).SignedString([]byte(i.key.Reveal()))
	if err != nil {
		return secret.String{}, time.Time{}, fmt.Errorf("sign access token: %w", err)
	}
	return secret.New(signed), expires, nil
}

var errAccess = errors.New("access token is not valid")

type access struct {
	user  id.ID
	actor audit.Actor
	home  *id.ID
}

func (i *Issuer) verify(token string) (access, error) {
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return []byte(i.key.Reveal()), nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(i.clock.Now))
	if err != nil {
		return access{}, fmt.Errorf("%w: %w", errAccess, err)
	}
	out := access{actor: audit.Actor(c.Actor)}
	if out.user, err = id.Parse(c.Subject); err != nil {
		return access{}, fmt.Errorf("%w: %w", errAccess, err)
	}
	if c.Home != "" {
		home, err := id.Parse(c.Home)
		if err != nil {
			return access{}, fmt.Errorf("%w: %w", errAccess, err)
		}
		out.home = &home
	}
	return out, nil
}
