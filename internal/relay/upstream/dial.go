package upstream

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"

	"starlane/internal/catalog"
	"starlane/internal/relay"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/openairealtime"
	"starlane/internal/relay/llm"
	"starlane/internal/relay/socket"
)

var _ relay.Dialer = (*Client)(nil)

// Dial implements relay.Dialer.
func (c *Client) Dial(ctx context.Context, d relay.Dispatch) (relay.Socket, error) {
	e, err := c.endpoint(d.Candidate.Account.BaseURL, sessionPath(d.Candidate))
	if err != nil {
		return nil, &llm.Fault{Phase: llm.Dial, Kind: llm.Transient, Err: err}
	}
	key, err := c.open(d.Key, d.Candidate.Provider.Dialect) //nolint:contextcheck // as in Send
	if err != nil {
		return nil, &llm.Fault{Phase: llm.Dial, Kind: llm.Auth, Err: err}
	}
	header := http.Header{"User-Agent": c.agent}
	for k, v := range d.Header {
		header[k] = v
	}
	if f := c.sign((&http.Request{Header: header}).WithContext(ctx), &d, &key); f != nil {
		return nil, f
	}
	conn, res, err := socket.Dial(ctx, e.url.String(), c.sessions(), header, relay.MaxMessage) //nolint:bodyclose // there is nothing to close
	switch {
	case err == nil:
		return conn, nil
	case res == nil || res.StatusCode == http.StatusSwitchingProtocols:
		return nil, fault(ctx, err)
	}
	answer, _ := io.ReadAll(res.Body) // what there is of it, in memory already
	f := openairealtime.ReadFault(res.StatusCode, res.Header, body.Own(answer))
	f.Err = err
	return nil, f
}

// sessionPath is where sessions begin, below the base URL of the account.
func sessionPath(c *catalog.Candidate) string {
	model := url.QueryEscape(c.Deployment.UpstreamModel)
	switch {
	case c.Provider.Dialect != catalog.AzureOpenAI:
		return "/realtime?model=" + model
	case c.Account.APIVersion == "":
		return "/openai/v1/realtime?model=" + model
	default:
		return "/openai/realtime?api-version=" + c.Account.APIVersion + "&deployment=" + model
	}
}

// sessions is the transport of handshakes. A websocket takes its connection with it, and HTTP/2 gives none away.
func (c *Client) sessions() *http.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handshakes == nil {
		t := c.newTransport()
		t.ForceAttemptHTTP2 = false
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		c.handshakes = t
	}
	return c.handshakes
}
