package relayapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/openairesponses"
	"starlane/internal/relay/llm"
	"starlane/internal/relay/responsestore"
	"starlane/internal/tenancy/vkey"
)

// storedResponses are the paths of responses that are stored.
func (s *server) storedResponses(e *gin.Engine) {
	const one = "/v1/responses/:response"
	e.GET(one, func(c *gin.Context) { s.stored(c, s.getResponse) })
	e.GET(one+"/input_items", func(c *gin.Context) { s.stored(c, s.inputItems) })
	e.DELETE(one, func(c *gin.Context) { s.stored(c, s.deleteResponse) })
	e.POST(one+"/cancel", func(c *gin.Context) { s.stored(c, s.cancelResponse) })
}

// expand makes of a request, where responses are stored, one that needs none of them, and notes what is to become of its own:
// everything behind this sees, counts and prices the whole conversation.
func (s *server) expand(ctx context.Context, call *relay.Call) error {
	asked, err := s.Responses.ReadAsked(call.Body)
	if err != nil {
		return err //nolint:wrapcheck // an apperr for the client
	}
	var before responsestore.Record
	if asked.Previous != "" {
		before, err = s.Stored.Load(ctx, call.Key, asked.Previous)
		switch {
		case errors.Is(err, responsestore.ErrNotFound):
			return apperr.New(apperr.PreviousNotFound, "Previous response with id '%s' not found.", clip(asked.Previous)).WithParam("previous_response_id")
		case err != nil:
			return unreachable(err)
		}
	}
	expanded := s.Responses.Expand(call.Body, &asked, before.Input, before.Answer)
	if expanded.Changed() {
		r := expanded.Reader()
		content, err := s.Bodies.ReadFor(call.Key.Tenant, r, expanded.Len(), s.MaxBody)
		_ = r.Close()
		if err != nil {
			return s.unread(err)
		}
		call.Body.Release()
		call.Body = content
	}
	if !asked.Keep && asked.Previous == "" {
		return nil
	}
	call.Stored = &llm.Stored{Previous: asked.Previous}
	if asked.Keep {
		call.Stored.Save = func(id string, input, answer body.Content) bool {
			// Whoever leaves at the end of the answer may still go on from it.
			return s.Stored.Save(context.WithoutCancel(ctx), call.Key, id, responsestore.Record{Input: input, Answer: answer}) == nil
		}
	}
	return nil
}

func unreachable(err error) error {
	return apperr.Wrap(err, apperr.NoCapacity, "Stored responses cannot be reached right now. Try again soon, or send the whole conversation in input.").
		WithRetryAfter(time.Second)
}

// stored serves a request about a stored response. It takes its part of the key's limits and costs nothing.
func (s *server) stored(c *gin.Context, serve func(c *gin.Context, key *vkey.Record, id string) ([]byte, error)) {
	rid := s.begin(c)
	out := newSink(c.Writer)
	defer s.recover(c, s.Responses, rid, out)
	answer, err := s.storedAnswer(c, serve)
	if err != nil {
		s.refuse(c, s.Responses, rid, err)
		return
	}
	c.Data(http.StatusOK, "application/json", answer)
}

func (s *server) storedAnswer(c *gin.Context, serve func(c *gin.Context, key *vkey.Record, id string) ([]byte, error)) ([]byte, error) {
	ctx := c.Request.Context()
	key, err := s.Pipeline.Authenticate(ctx, presentedKey(c.Request))
	if err != nil {
		return nil, err //nolint:wrapcheck // an apperr for the client
	}
	if !key.StoresResponses() {
		return nil, apperr.New(apperr.NotFound, "There is no such response: your organisation stores none. %s", openairesponses.TurnOn)
	}
	done, err := s.Pipeline.Pass(ctx, key)
	if err != nil {
		return nil, err //nolint:wrapcheck // an apperr for the client
	}
	defer done()
	return serve(c, key, c.Param("response"))
}

func (s *server) find(ctx context.Context, key *vkey.Record, id string) (responsestore.Record, error) {
	r, err := s.Stored.Load(ctx, key, id)
	switch {
	case errors.Is(err, responsestore.ErrNotFound):
		return r, apperr.New(apperr.NotFound, "Response with id '%s' not found.", clip(id))
	case err != nil:
		return r, unreachable(err)
	}
	return r, nil
}

func (s *server) getResponse(c *gin.Context, key *vkey.Record, id string) ([]byte, error) {
	if c.Query("stream") == "true" {
		return nil, apperr.New(apperr.UnsupportedParam, "A stored response is not streamed again. Leave stream out.").WithParam("stream")
	}
	r, err := s.find(c.Request.Context(), key, id)
	return s.Responses.Whole(r.Answer), err
}

func (s *server) inputItems(c *gin.Context, key *vkey.Record, id string) ([]byte, error) {
	r, err := s.find(c.Request.Context(), key, id)
	if err != nil {
		return nil, err
	}
	return s.Responses.ListItems(r.Input, openairesponses.Page{Response: id, After: c.Query("after"), Order: c.Query("order"), Limit: c.Query("limit")}) //nolint:wrapcheck // an apperr for the client
}

func (s *server) deleteResponse(c *gin.Context, key *vkey.Record, id string) ([]byte, error) {
	ctx := c.Request.Context()
	if _, err := s.find(ctx, key, id); err != nil {
		return nil, err
	}
	if err := s.Stored.Delete(ctx, key, id); err != nil {
		return nil, unreachable(err)
	}
	return s.Responses.Deleted(id), nil
}

// cancelResponse refuses: what can be cancelled is a response in the background, and there is none.
func (s *server) cancelResponse(c *gin.Context, key *vkey.Record, id string) ([]byte, error) {
	if _, err := s.find(c.Request.Context(), key, id); err != nil {
		return nil, err
	}
	return nil, apperr.New(apperr.InvalidRequest, "Only a response in the background can be cancelled, and those are not offered here.")
}
