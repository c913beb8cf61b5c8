package relay

import (
	"context"

	"starlane/internal/catalog"
	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/usage"
)

// PromptCounter counts the prompt of a request, as the side of a format that faces clients does.
type PromptCounter interface {
	EstimatePrompt(r *llm.Request, count dialect.Count) usage.Tokens
}

// CountPrompt counts a prompt with the tokenizer of the model asked for. Nobody is called and nothing is charged, but the
// key's limits apply. Errors are apperr.
func (p *Pipeline) CountPrompt(ctx context.Context, key *vkey.Record, r *llm.Request, c PromptCounter) (usage.Tokens, error) {
	snapshot := p.Catalog()
	if snapshot == nil {
		return 0, starting()
	}
	candidates, _, err := allowed(snapshot, key, r.Model)
	if err != nil {
		return 0, err
	}
	if len(candidates) == 0 {
		return 0, noCapacity()
	}
	done, err := p.Pass(ctx, key)
	if err != nil {
		return 0, err
	}
	defer done()
	n := tally{p: p, model: candidates[0].Model}
	return c.EstimatePrompt(r, n.count), nil
}

// Pass takes a request that calls nobody and costs nothing out of the key's limits. done ends it.
func (p *Pipeline) Pass(ctx context.Context, key *vkey.Record) (done func(), err error) {
	reservation, err := p.Admitter.Reserve(ctx, Demand{Key: key})
	if err != nil {
		return nil, err //nolint:wrapcheck // an apperr for the client
	}
	return func() { reservation.Settle(0, 0) }, nil
}

// maxCounted bounds the text of a request that is counted token by token, because a client that leaves must not cost more than
// one that stays; what is longer is counted in part and the rest in proportion.
const maxCounted = 256 << 10

// tally counts the texts of one request.
type tally struct {
	p      *Pipeline
	model  *catalog.Model
	bytes  int // counted so far
	tokens usage.Tokens
}

func (t *tally) count(text []byte) usage.Tokens {
	part := text[:min(len(text), maxCounted-t.bytes)]
	n := usage.Tokens(0)
	if len(part) > 0 {
		n = t.p.Tokens.Count(t.model.Tokenizer, part)
		t.bytes, t.tokens = t.bytes+len(part), t.tokens+n
	}
	if rest := usage.Tokens(len(text) - len(part)); rest > 0 {
		n += rest * t.tokens / usage.Tokens(t.bytes)
	}
	return n
}

// allowed finds who serves a model, or an alias, that the key may use. Errors are apperr.
func allowed(s *catalog.Snapshot, key *vkey.Record, name string) (candidates []catalog.Candidate, alias string, err error) {
	candidates, alias, ok := s.Resolve(name)
	switch {
	case !ok:
		return nil, "", apperr.New(apperr.ModelNotFound, "The model does not exist or you do not have access to it. See GET /v1/models.").WithParam("model")
	case !key.Allows(name):
		return nil, "", apperr.New(apperr.ModelNotAllowed, "This API key may not use the model %q.", name).WithParam("model")
	}
	return candidates, alias, nil
}
