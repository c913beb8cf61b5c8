package apiapp

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestWrongMethod: a path of the contract says which methods it takes; only an unknown path is not found.
func TestWrongMethod(t *testing.T) {
	t.Parallel()
	in := start(t)
	takes := map[string][]string{}
	for _, op := range operations(t) {
		takes[op.path] = append(takes[op.path], op.method)
	}
	nobody := client{in: in}
	for path, methods := range takes {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if slices.Contains(methods, method) {
				continue
			}
			got := nobody.do(method, path, nil)
			got.problem(http.StatusMethodNotAllowed, "invalid_request")
			allow := strings.Split(got.header.Get("Allow"), ", ")
			slices.Sort(allow)
			if want := slices.Sorted(slices.Values(methods)); !slices.Equal(allow, want) {
				t.Errorf("%s %s: Allow = %q, want %q", method, path, allow, want)
			}
		}
	}
	nobody.do(http.MethodDelete, "/nothing", nil).problem(http.StatusNotFound, "not_found")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, in.url+"/usage", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if got := res.Header.Get("Allow"); res.StatusCode != http.StatusMethodNotAllowed || got != "GET, HEAD" {
		t.Errorf("POST to a page of the console: %d, Allow = %q; want 405 with GET, HEAD", res.StatusCode, got)
	}
}
