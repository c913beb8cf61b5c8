package relayapi

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
)

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
		h.Set("Access-Control-Expose-Headers", "x-request-id, x-starlane-served-model, x-starlane-route, x-starlane-cost-usd, retry-after")
	}
	if c.Request.Method == http.MethodOptions && c.Request.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "authorization, content-type, x-api-key, x-request-id, openai-beta")
		h.Set("Access-Control-Max-Age", "600")
		c.AbortWithStatus(http.StatusNoContent)
	}
}
