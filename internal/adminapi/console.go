package adminapi

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// policy lets the console load what comes with it and nothing else; scripts and styles have to be files. It may call the
// relay, for test requests.
func policy(relay string) string {
	connect := "'self'"
	if u, err := url.Parse(relay); err == nil && u.Host != "" {
		connect += " " + u.Scheme + "://" + u.Host
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src " + connect + "; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

type console struct {
	files  fs.FS
	index  []byte
	policy string
}

func newConsole(files fs.FS, relay string) (*console, error) {
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return &console{files: files, index: index, policy: policy(relay)}, nil
}

// serve answers with a file of the console. Addresses inside the console have no file: they get the page, which finds its
// way by itself. Files under assets/ carry a hash in their names and never change.
func (s *console) serve(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", s.policy)
	if m := c.Request.Method; m != http.MethodGet && m != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		c.Status(http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean(c.Request.URL.Path), "/")
	b, err := fs.ReadFile(s.files, name)
	switch {
	case name != "" && err == nil:
		h.Set("Cache-Control", "no-cache")
		if strings.HasPrefix(name, "assets/") {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
	case strings.HasPrefix(name, "assets/"):
		c.Status(http.StatusNotFound) // a page of an older build asks for its parts: the page itself would not help
		return
	default:
		name, b = "index.html", s.index
		h.Set("Cache-Control", "no-cache")
	}
	c.Status(http.StatusOK) // not found is what gin expects here
	http.ServeContent(c.Writer, c.Request, name, time.Time{}, bytes.NewReader(b))
}
