package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"
	"golang.org/x/sync/singleflight"

	"starlane/internal/platform/clock"
	"starlane/internal/relay/llm"
)

// Access tokens of Google live for an hour. They are renewed refreshEarly before their end, by one call however many requests
// wait; while one that lives still is at hand, nobody waits. expiryLeeway is how long a token must live to be of use.
const (
	refreshEarly = 5 * time.Minute
	expiryLeeway = 10 * time.Second
	tokenTimeout = 10 * time.Second
)

// tokens gives the access tokens of one service account.
type tokens struct {
	source oauth2.TokenSource
	last   atomic.Pointer[oauth2.Token]
	flight singleflight.Group
}

// newTokens asks by a transport that leads where those of the upstreams lead: the address stands in the key.
func newTokens(account *jwt.Config, transport http.RoundTripper) *tokens {
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: transport, Timeout: tokenTimeout})
	return &tokens{source: account.TokenSource(ctx)}
}

// get returns a token. What it returns otherwise is a fault.
func (t *tokens) get(ctx context.Context) (string, *llm.Fault) {
	have, now := t.last.Load(), clock.System{}.Now()
	if have != nil && have.Expiry.Sub(now) > refreshEarly {
		return have.AccessToken, nil
	}
	fresh := t.flight.DoChan("", func() (any, error) {
		token, err := t.source.Token()
		if err == nil {
			t.last.Store(token)
		}
		return token, err
	})
	if have != nil && have.Expiry.Sub(now) > expiryLeeway {
		return have.AccessToken, nil
	}
	select {
	case <-ctx.Done():
		return "", &llm.Fault{Phase: llm.Dial, Kind: llm.Transient, Err: context.Cause(ctx)}
	case r := <-fresh:
		token, ok := r.Val.(*oauth2.Token)
		if r.Err != nil || !ok {
			return "", tokenFault(r.Err)
		}
		return token.AccessToken, nil
	}
}

// tokenFault says whose trouble it is that there is no token. What the endpoint said in its body stays there.
func tokenFault(err error) *llm.Fault {
	f := &llm.Fault{Phase: llm.Dial, Kind: llm.Transient, Err: err}
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil {
		f.Err = fmt.Errorf("the token endpoint answered %d", refused.Response.StatusCode)
		if refused.Response.StatusCode < http.StatusInternalServerError && refused.Response.StatusCode != http.StatusTooManyRequests {
			f.Kind = llm.Auth
		}
	}
	return f
}
