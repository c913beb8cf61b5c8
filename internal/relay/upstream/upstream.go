// Package upstream makes the calls to providers: warm connections, one pool for each base URL, credentials opened only here.
package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"starlane/internal/catalog"
	"starlane/internal/catalog/credential"
	"starlane/internal/platform/id"
	"starlane/internal/platform/netguard"
	"starlane/internal/platform/secret"
	"starlane/internal/relay"
	"starlane/internal/relay/awsstream"
	"starlane/internal/relay/llm"
)

// Settings of the connections. Answers have no bound here: the pipeline watches over each of them.
const (
	dialTimeout   = 5 * time.Second
	tlsTimeout    = 5 * time.Second
	keepAlive     = 30 * time.Second
	idleTimeout   = 90 * time.Second
	maxIdle       = 1024    // kept for one upstream, so that a burst of callers finds warm connections
	bufferSize    = 4 << 10 // of a connection, each way; what is larger goes around it
	maxHeaderSize = 64 << 10
)

// Client implements relay.Sender.
type Client struct {
	box    *secret.Box
	signer *v4.Signer
	dialer *net.Dialer
	json   []string // values of headers, shared by all calls
	events []string
	frames []string
	any    []string
	agent  []string
	// version is the Anthropic API's that requests are written for.
	version []string

	buffers sync.Pool // of *[sendBuffer]byte

	mu         sync.RWMutex
	endpoints  map[place]*endpoint
	transports map[string]*http.Transport // by base URL
	handshakes *http.Transport            // of sessions; nil before the first
	keys       map[id.ID]openedKey
}

type openedKey struct {
	sealed []byte
	plain  []string // values of headers
	bearer []string
	aws    *credential.AWS // where the dialect has such keys
	tokens *tokens         // likewise
}

var _ relay.Sender = (*Client)(nil)

type place struct{ base, path string }

type endpoint struct {
	url       *url.URL
	host      string
	transport *http.Transport
}

// New returns a client that opens upstream keys with box. allowPrivate lets base URLs point into private networks.
func New(box *secret.Box, allowPrivate bool) *Client {
	d := netguard.Guard(&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}, allowPrivate)
	return &Client{
		box: box, signer: v4.NewSigner(), dialer: d, json: []string{"application/json"}, events: []string{"text/event-stream"}, frames: []string{awsstream.ContentType}, any: []string{"*/*"}, agent: []string{"starlane/1"}, version: []string{"2023-06-01"},
		endpoints: map[place]*endpoint{}, transports: map[string]*http.Transport{}, keys: map[id.ID]openedKey{},
	}
}

// Close closes the idle connections.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
	if c.handshakes != nil {
		c.handshakes.CloseIdleConnections()
	}
}

// Send implements relay.Sender.
func (c *Client) Send(ctx context.Context, d relay.Dispatch) (*http.Response, error) {
	e, err := c.endpoint(d.Candidate.Account.BaseURL, pathAt(d.Candidate, d.Path))
	if err != nil {
		return nil, &llm.Fault{Phase: llm.Dial, Kind: llm.Transient, Err: err}
	}
	dialect := d.Candidate.Provider.Dialect
	key, err := c.open(d.Key, dialect) //nolint:contextcheck // tokens serve more than the request that asks for the first
	if err != nil {
		return nil, &llm.Fault{Phase: llm.Dial, Kind: llm.Auth, Err: err}
	}
	accept := c.json
	switch {
	case d.Stream && isAWS(dialect):
		accept = c.frames
	case d.Stream:
		accept = c.events
	}
	req := (&http.Request{
		Method: http.MethodPost, URL: e.url, Host: e.host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": c.json, "User-Agent": c.agent, "Accept": accept},
		ContentLength: d.Body.Len(),
		GetBody:       func() (io.ReadCloser, error) { return d.Body.Reader(), nil },
	}).WithContext(ctx)
	if kind := d.Body.Kind(); kind != "" {
		req.Header["Content-Type"] = []string{kind}
	}
	if d.Form != llm.Object && !d.Stream {
		req.Header["Accept"] = c.any
	}
	if !isAWS(dialect) { // there what a header says stands in the body
		for k, v := range d.Header {
			req.Header[k] = v
		}
	}
	if f := c.sign(req, &d, &key); f != nil {
		return nil, f
	}
	req.Body = d.Body.Reader() // from here on the transport closes it, whatever happens
	res, err := e.transport.RoundTrip(req)
	if err != nil {
		return nil, fault(ctx, err)
	}
	if res.Header.Get("Content-Type") == awsstream.ContentType {
		res.Header["Content-Type"], res.Body = c.events, awsstream.NewReader(res.Body)
	}
	return res, nil
}

// fault says how far a call came that brought no answer.
func fault(ctx context.Context, err error) *llm.Fault {
	f := &llm.Fault{Phase: llm.Send, Kind: llm.Transient, Err: err}
	var op *net.OpError
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &dns), errors.As(err, &cert), errors.As(err, &op) && op.Op == "dial", errors.Is(err, netguard.ErrPrivate):
		f.Phase = llm.Dial
	}
	var ne net.Error
	f.Timeout = errors.As(err, &ne) && ne.Timeout()
	if ctx.Err() != nil {
		f.Err = context.Cause(ctx)
	}
	return f
}

// endpoint finds the connections of a base URL. There are as many as the catalog names, so what was made is kept.
func (c *Client) endpoint(base, path string) (*endpoint, error) {
	at := place{base, path}
	c.mu.RLock()
	e := c.endpoints[at]
	c.mu.RUnlock()
	if e != nil {
		return e, nil
	}
	u, err := url.Parse(strings.TrimRight(base, "/") + path)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("base URL %q is not an http or https address", base)
	}
	e = &endpoint{url: u, host: u.Host, transport: c.transport(base)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endpoints[at] = e
	return e, nil
}

// transport holds the connections to a base URL.
func (c *Client) transport(base string) *http.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.transports[base]
	if t == nil {
		t = c.newTransport()
		c.transports[base] = t
	}
	return t
}

func (c *Client) newTransport() *http.Transport {
	return &http.Transport{
		DialContext:            c.dial,
		TLSHandshakeTimeout:    tlsTimeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // the bytes pass as they are
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		ReadBufferSize:         bufferSize,
		WriteBufferSize:        bufferSize,
		MaxResponseHeaderBytes: maxHeaderSize,
	}
}

// sign adds what a vendor wants to see of the key.
func (c *Client) sign(req *http.Request, d *relay.Dispatch, key *openedKey) *llm.Fault {
	h := req.Header
	switch dialect := d.Candidate.Provider.Dialect; {
	case dialect == "anthropic":
		h["X-Api-Key"] = key.plain
		if h["Anthropic-Version"] == nil {
			h["Anthropic-Version"] = c.version
		}
	case dialect == "gemini":
		h["X-Goog-Api-Key"] = key.plain
	case dialect == catalog.AzureOpenAI:
		h["Api-Key"] = key.plain
	case isAWS(dialect):
		if key.aws.Bearer == "" {
			return c.signAWS(req, d, key.aws)
		}
		h["Authorization"] = key.bearer
	case isGoogle(dialect):
		token, f := key.tokens.get(req.Context())
		if f != nil {
			return f
		}
		h["Authorization"] = []string{"Bearer " + token}
	default:
		h["Authorization"] = key.bearer
	}
	return nil
}

// open opens a key once and keeps the headers' values until the key changes.
func (c *Client) open(k *catalog.UpstreamKey, dialect string) (openedKey, error) {
	c.mu.RLock()
	have := c.keys[k.ID]
	c.mu.RUnlock()
	if have.bearer != nil && bytes.Equal(have.sealed, k.Sealed) {
		return have, nil
	}
	plain, err := c.box.Open(k.Sealed, catalog.SealContext(k.ID))
	if err != nil {
		return openedKey{}, fmt.Errorf("upstream key %s: %w", k.ID, err)
	}
	have = openedKey{sealed: k.Sealed, plain: []string{plain.Reveal()}, bearer: []string{"Bearer " + plain.Reveal()}}
	if isAWS(dialect) {
		pair, err := credential.ReadAWS(plain.Reveal())
		if err != nil {
			return openedKey{}, fmt.Errorf("upstream key %s: %w", k.ID, err)
		}
		have.aws = &pair
	}
	if isGoogle(dialect) {
		account, err := credential.ReadServiceAccount(plain.Reveal())
		if err != nil {
			return openedKey{}, fmt.Errorf("upstream key %s: %w", k.ID, err)
		}
		have.tokens = newTokens(account, c.transport(account.TokenURL))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if there := c.keys[k.ID]; there.tokens != nil && bytes.Equal(there.sealed, k.Sealed) {
		return there, nil // somebody was faster; one token is enough
	}
	c.keys[k.ID] = have
	return have, nil
}
