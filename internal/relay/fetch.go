package relay

import (
	"context"
	"time"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/relay/body"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// MediaFetcher gets what stands at an address.
type MediaFetcher interface {
	// Fetch takes at most so many bytes of what has to be of a kind. What it returns counts as the owner's until it is released.
	// Errors are fit to be shown.
	Fetch(ctx context.Context, owner id.ID, kind llm.BlockKind, address string, most int64) (Fetched, error)
}

// Fetched is what stood at an address.
type Fetched struct {
	Type   string
	Base64 body.Content
	Size   int64 // bytes
}

// Bounds of what is fetched for one request, with all its attempts.
const (
	maxMedia      = 20
	maxMediaBytes = 20 << 20
	mediaTimeout  = 10 * time.Second
)

// fetching is what was fetched for a call. An upstream that is tried after another gets the same.
type fetching struct {
	ctx    context.Context //nolint:containedctx // of the attempt that asks
	spent  time.Duration
	bytes  int64
	by     map[string]Fetched
	failed map[string]error
}

// mediaSource lets encoding fetch media for the attempt that runs in ctx.
func (x *exchange) mediaSource(ctx context.Context) {
	if x.p.Media == nil {
		return
	}
	x.media.ctx = ctx
	x.req.Fetcher = x
}

// Fetch implements llm.Fetcher.
func (x *exchange) Fetch(kind llm.BlockKind, m *llm.Media) error {
	address, err := guard.Unquote(m.URL)
	if err != nil {
		address = ""
	}
	key := string(rune('0'+kind)) + address
	got, known := x.media.by[key]
	if !known {
		err := x.media.failed[key]
		if err == nil {
			got, err = x.fetch(kind, address)
		}
		if err != nil {
			if x.media.failed == nil {
				x.media.failed = map[string]error{}
			}
			x.media.failed[key] = err
			return apperr.New(apperr.InvalidRequest, "%s could not be fetched: %s.", m.At, err.Error()).WithParam(m.At)
		}
		if x.media.by == nil {
			x.media.by = map[string]Fetched{}
		}
		x.media.by[key] = got
	}
	m.Type, m.Data, m.URL = llm.Text(got.Type), got.Base64.Open(), nil
	return nil
}

// errMedia is what asks too much of a request.
type errMedia string

func (e errMedia) Error() string { return string(e) }

func (x *exchange) fetch(kind llm.BlockKind, address string) (Fetched, error) {
	switch f := &x.media; {
	case len(f.by) >= maxMedia:
		return Fetched{}, errMedia("a request may name 20 media by their addresses")
	case f.spent >= mediaTimeout:
		return Fetched{}, errMedia("those before it took too long")
	}
	ctx, cancel := context.WithTimeout(x.media.ctx, mediaTimeout-x.media.spent)
	defer cancel()
	begin := x.p.Clock.Now()
	got, err := x.p.Media.Fetch(ctx, x.call.Key.Tenant, kind, address, maxMediaBytes-x.media.bytes)
	x.media.spent += x.p.Clock.Now().Sub(begin)
	x.media.bytes += got.Size
	return got, err //nolint:wrapcheck // fit to be shown
}

// release gives back what was fetched.
func (f *fetching) release() {
	for _, got := range f.by {
		got.Base64.Release()
	}
	f.by = nil
}
