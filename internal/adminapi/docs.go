package adminapi

import (
	"embed"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
)

//go:embed docs/index.html docs/docs.css docs/docs.js
var docFiles embed.FS

// docsPolicy: the page needs its script, its style and the contract, all from here.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// mountDocs serves the reference page, which renders the contract in the browser.
func (s *Server) mountDocs(e *gin.Engine) error {
	contract, err := s.spec.doc.MarshalJSON()
	if err != nil {
		return fmt.Errorf("docs: %w", err)
	}
	for path, f := range map[string]struct{ name, kind string }{
		"/docs":          {"docs/index.html", "text/html; charset=utf-8"},
		"/docs/docs.css": {"docs/docs.css", "text/css; charset=utf-8"},
		"/docs/docs.js":  {"docs/docs.js", "text/javascript; charset=utf-8"},
	} {
		b, err := docFiles.ReadFile(f.name)
		if err != nil {
			return fmt.Errorf("docs: %w", err)
		}
		e.GET(path, func(c *gin.Context) { sendDoc(c, f.kind, b) })
	}
	e.GET("/docs/openapi.json", func(c *gin.Context) { sendDoc(c, "application/json", contract) })
	return nil
}

func sendDoc(c *gin.Context, kind string, b []byte) {
	c.Header("Content-Security-Policy", docsPolicy)
	c.Header("Cache-Control", "no-cache")
	c.Data(http.StatusOK, kind, b)
}
