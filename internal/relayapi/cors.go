package relayapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

const maxAllowed = 2048 // bytes of the answer to a preflight

// cors lets the configured browser origins call. Keys travel in a header, so credentials are never allowed.
func (s *server) cors(c *gin.Context) {
	origin := c.Request.Header.Get("Origin")
	if origin == "" {
		return
	}
	h := c.Writer.Header()
	h.Add("Vary", "Origin")
	if slices.Contains(s.CORSOrigins, origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "x-request-id, x-starlane-served-model, x-starlane-route, x-starlane-cost-usd, x-starlane-warnings, retry-after")
	}
	if c.Request.Method == http.MethodOptions && c.Request.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", allowedHeaders(c.Request.Header.Get("Access-Control-Request-Headers")))
		h.Set("Access-Control-Max-Age", "600")
		c.AbortWithStatus(http.StatusNoContent)
	}
}

// allowedHeaders answers a preflight: what clients of the model API send, and whatever SDKs tell of themselves.
func allowedHeaders(asked string) string {
	allowed := "authorization, content-type, x-api-key, x-goog-api-key, x-goog-api-client, x-request-id, openai-beta, anthropic-version, anthropic-beta, anthropic-dangerous-direct-browser-access, x-starlane-strict, x-starlane-compat"
	for name := range strings.SplitSeq(asked, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); strings.HasPrefix(name, "x-stainless-") && len(allowed) < maxAllowed {
			allowed += ", " + name
		}
	}
	return allowed
}
