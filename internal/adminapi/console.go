package adminapi

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
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

// machines tells what only programs ask for and no page of the console is at: a part of an older build, the private
// listener's paths, the relay's, and every name with a dot. They must learn that it is not here; a page would pass for an answer.
func machines(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return strings.Contains(name, ".") || slices.Contains([]string{"assets", "metrics", "debug", "v1", "v1beta", "api", "webhooks"}, first)
}

// serve answers with a file of the console. Addresses inside the console have no file: they get the page, which finds its
// way by itself. Files under assets/ carry a hash in their names and never change.
func (s *console) serve(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", s.policy)
	name := strings.TrimPrefix(path.Clean(c.Request.URL.Path), "/")
	b, err := fs.ReadFile(s.files, name)
	if err != nil && machines(name) {
		c.Status(http.StatusNotFound)
		return
	}
	if m := c.Request.Method; m != http.MethodGet && m != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		c.Status(http.StatusMethodNotAllowed)
		return
	}
	h.Set("Cache-Control", "no-cache")
	switch {
	case err != nil:
		name, b = "index.html", s.index
	case strings.HasPrefix(name, "assets/"):
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	c.Status(http.StatusOK) // not found is what gin expects here
	http.ServeContent(c.Writer, c.Request, name, time.Time{}, bytes.NewReader(b))
}
