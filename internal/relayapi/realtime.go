package relayapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/relay"
	"starlane/internal/relay/socket"
)

// Subprotocols of the Realtime API. Browsers, which cannot set headers, put into them what others put there.
const (
	protocolRealtime = "realtime"
	protocolKey      = "openai-insecure-api-key."
	protocolBeta     = "openai-beta.realtime-v1"
	betaRealtime     = "realtime=v1"
)

// realtime serves a session.
func (s *server) realtime(c *gin.Context) {
	rid := s.begin(c)
	out := newSink(c.Writer)
	defer s.recover(c, s.Chat, rid, out)
	if wrong := socket.Check(c.Request); wrong != "" {
		c.Header("Upgrade", "websocket")
		s.fail(c, s.Chat, rid, http.StatusUpgradeRequired, apperr.New(apperr.InvalidRequest, "%s", wrong))
		return
	}
	if err := s.converse(c, rid, out); err != nil {
		s.refuse(c, s.Chat, rid, err)
	}
}

// converse holds a session. An error is for the client, whose connection is still HTTP.
func (s *server) converse(c *gin.Context, rid id.ID, out *sink) error {
	r := c.Request
	if origin := r.Header.Get("Origin"); origin != "" && !slices.Contains(s.CORSOrigins, origin) {
		return apperr.New(apperr.Forbidden, "Pages of this origin may not call.")
	}
	said := subprotocols(r)
	key := presentedKey(r)
	if key == "" {
		key = said.key
	}
	ctx := r.Context()
	record, err := s.Pipeline.Authenticate(ctx, key)
	if err != nil {
		return err //nolint:wrapcheck // an apperr for the client
	}
	call := relay.Conversation{ID: rid, Key: record, Model: r.URL.Query().Get("model"), Header: said.header(r.Header), Start: s.Clock.Now()}
	if call.Model == "" {
		return apperr.New(apperr.InvalidRequest, "The URL has to name a model: /v1/realtime?model=…").WithParam("model")
	}
	call.Accept = func(served string) (relay.Socket, error) {
		c.Header("X-Starlane-Served-Model", served)
		out.started = true
		return socket.Accept(c.Writer, r, []string{protocolRealtime}, relay.MaxMessage)
	}
	return s.Pipeline.Converse(ctx, &call) //nolint:wrapcheck // an apperr for the client
}

// spoken is what a client says in its subprotocols.
type spoken struct {
	key  string
	beta bool
}

func subprotocols(r *http.Request) (s spoken) {
	for _, line := range r.Header["Sec-Websocket-Protocol"] {
		for p := range strings.SplitSeq(line, ",") {
			p = strings.TrimSpace(p)
			if key, ok := strings.CutPrefix(p, protocolKey); ok {
				s.key = key
			}
			s.beta = s.beta || p == protocolBeta
		}
	}
	return s
}

// header is what the upstream is shown of the client's headers.
func (s spoken) header(h http.Header) http.Header {
	out := http.Header{}
	if v := h["Openai-Beta"]; len(v) == 1 {
		out["Openai-Beta"] = v
	} else if s.beta {
		out["Openai-Beta"] = []string{betaRealtime}
	}
	return out
}
