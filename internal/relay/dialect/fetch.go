package dialect

import (
	"bytes"

	"starlane/internal/relay/llm"
)

// Fetching is an Upstream that takes some media as bytes alone.
type Fetching interface {
	// Fetches tells whether it wants bytes in place of the address of a block.
	Fetches(b *llm.Block) bool
}

// fetch gets what an upstream wants bytes of.
func fetch(u Upstream, r *llm.Request, p *llm.Prompt) error {
	f, ok := u.(Fetching)
	if !ok || r.Fetcher == nil {
		return nil
	}
	if err := fetchBlocks(f, r, p.System); err != nil {
		return err
	}
	for i := range p.Turns {
		if err := fetchBlocks(f, r, p.Turns[i].Blocks); err != nil {
			return err
		}
	}
	return nil
}

func fetchBlocks(f Fetching, r *llm.Request, blocks []llm.Block) error {
	for i := range blocks {
		b := &blocks[i]
		if IsAddress(b.Media.URL) && len(b.Media.Data) == 0 && f.Fetches(b) {
			if err := r.Fetcher.Fetch(b.Kind, &b.Media); err != nil {
				return err //nolint:wrapcheck // an apperr for the client
			}
		}
		if err := fetchBlocks(f, r, b.Result); err != nil {
			return err
		}
	}
	return nil
}

// IsAddress tells what can be fetched from the names that vendors give their files.
func IsAddress(t llm.Text) bool {
	scheme, _, ok := bytes.Cut(t, []byte(":"))
	return ok && (bytes.EqualFold(scheme, []byte("https")) || bytes.EqualFold(scheme, []byte("http")))
}
