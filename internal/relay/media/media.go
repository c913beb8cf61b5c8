// Package media gets pictures, documents and sounds that clients name by an address, for upstreams that take bytes alone. Whoever is
// asked learns nothing but that somebody asks: no credentials, no cookies, no address of another.
package media

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"starlane/internal/platform/id"
	"starlane/internal/platform/netguard"
	"starlane/internal/relay"
	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
)

const (
	dialTimeout   = 5 * time.Second
	maxRedirects  = 3
	maxAddress    = 8 << 10
	maxHeaderSize = 64 << 10
	sniffed       = 512 // bytes by which a type is known
)

// Problem is why nothing came. It names no address, so it may be shown and logged.
type Problem string

func (p Problem) Error() string { return string(p) }

// The problems.
const (
	errAddress   Problem = "its address is not an http or https address"
	errPrivate   Problem = "its address is not public"
	errRedirects Problem = "its address leads to too many others"
	errReach     Problem = "its address cannot be reached"
	errSlow      Problem = "it takes too long"
	errStatus    Problem = "its address does not answer with it"
	errType      Problem = "it is not of a kind that can be used here"
	errLarge     Problem = "it is too large"
	errRoom      Problem = "there is no room for it right now"
)

// Fetcher implements relay.MediaFetcher.
type Fetcher struct {
	client *http.Client
	bodies *body.Pool
}

var _ relay.MediaFetcher = (*Fetcher)(nil)

// New makes a fetcher whose results are held in a pool. allowPrivate is for tests.
func New(bodies *body.Pool, allowPrivate bool) *Fetcher {
	dialer := netguard.Guard(&net.Dialer{Timeout: dialTimeout}, allowPrivate)
	return &Fetcher{bodies: bodies, client: &http.Client{
		// No proxy, no jar, no compression, and no connection outlives its answer.
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout, DisableKeepAlives: true, DisableCompression: true,
			MaxResponseHeaderBytes: maxHeaderSize,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			req.Header.Del("Referer")
			switch {
			case len(via) > maxRedirects:
				return errRedirects
			case !fit(req.URL):
				return errAddress
			}
			return nil
		},
	}}
}

// fit tells addresses that are asked.
func fit(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

// Fetch implements relay.MediaFetcher. Errors are Problems.
func (f *Fetcher) Fetch(ctx context.Context, owner id.ID, kind llm.BlockKind, address string, most int64) (relay.Fetched, error) {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxAddress || !fit(u) {
		return relay.Fetched{}, errAddress
	}
	u.Fragment = ""
	req := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{
		"Accept": {"image/*, application/pdf, audio/*"}, "User-Agent": {"starlane/1"},
	}}).WithContext(ctx)
	res, err := f.client.Do(req)
	if err != nil {
		return relay.Fetched{}, problem(ctx, err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing is lost by it
	switch {
	case res.StatusCode != http.StatusOK || res.Header.Get("Content-Encoding") != "":
		return relay.Fetched{}, errStatus
	case res.ContentLength > most:
		return relay.Fetched{}, errLarge
	}
	in := &bounded{r: res.Body, left: most}
	src := bufio.NewReaderSize(in, sniffed)
	head, err := src.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return relay.Fetched{}, problem(ctx, err)
	}
	mediaType := typeOf(kind, head)
	if mediaType == "" {
		return relay.Fetched{}, errType
	}
	size := int64(-1)
	if res.ContentLength >= 0 {
		size = int64(base64.StdEncoding.EncodedLen(int(res.ContentLength)))
	}
	content, err := f.bodies.ReadFor(owner, &encoder{src: src}, size, int64(base64.StdEncoding.EncodedLen(int(most))))
	if err != nil {
		return relay.Fetched{}, problem(ctx, err)
	}
	return relay.Fetched{Type: mediaType, Base64: content, Size: most - in.left}, nil
}

// problem puts an error into words that name no address.
func problem(ctx context.Context, err error) error {
	var p Problem
	var ne net.Error
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, netguard.ErrPrivate):
		return errPrivate
	case errors.Is(err, body.ErrTooLarge):
		return errLarge
	case errors.Is(err, body.ErrNoRoom), errors.Is(err, body.ErrShare):
		return errRoom
	case ctx.Err() != nil, errors.As(err, &ne) && ne.Timeout():
		return errSlow
	}
	return errReach
}

// typeOf is the type that the first bytes say, empty if it is not of the kind, or of one that no vendor takes.
func typeOf(kind llm.BlockKind, head []byte) string {
	t, _, _ := strings.Cut(http.DetectContentType(head), ";")
	usable := map[llm.BlockKind][]string{
		llm.Image: {"image/png", "image/jpeg", "image/gif", "image/webp"}, llm.Document: {"application/pdf"},
		llm.Audio: {"audio/mpeg", "audio/wave", "audio/aiff", "application/ogg"},
	}
	names := map[string]string{"audio/wave": "audio/wav", "audio/mpeg": "audio/mp3", "application/ogg": "audio/ogg"}
	for _, u := range usable[kind] {
		if t != u {
			continue
		}
		if name := names[t]; name != "" {
			return name
		}
		return t
	}
	return ""
}

// bounded reads so many bytes and no more.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errLarge
	}
	return n, err //nolint:wrapcheck // as the reader says
}

// encoder reads base64 of what it reads.
type encoder struct {
	src   io.Reader
	plain [3 << 10]byte
	text  [4 << 10]byte
	ready []byte
	err   error
}

func (e *encoder) Read(p []byte) (int, error) {
	for len(e.ready) == 0 {
		if e.err != nil {
			return 0, e.err
		}
		n, err := io.ReadFull(e.src, e.plain[:])
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		e.err = err
		base64.StdEncoding.Encode(e.text[:], e.plain[:n])
		e.ready = e.text[:base64.StdEncoding.EncodedLen(n)]
	}
	n := copy(p, e.ready)
	e.ready = e.ready[n:]
	return n, nil
}
