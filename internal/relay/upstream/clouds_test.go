package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"starlane/internal/catalog"
	"starlane/internal/platform/secret"
	"starlane/internal/relay/llm"
)

func TestPlaces(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		dialect, path string
		place         catalog.Place
	}{
		"/chat/completions":           {dialect: "openai", path: "/chat/completions"},
		"/openai/v1/chat/completions": {dialect: catalog.AzureOpenAI, path: "/chat/completions"},
		"/openai/deployments/my%2Fgpt%204/embeddings?api-version=2024-10-21": {dialect: catalog.AzureOpenAI, path: "/embeddings", place: catalog.Place{APIVersion: "2024-10-21"}},
		"/openai/responses?api-version=2025-03-01-preview":                   {dialect: catalog.AzureOpenAI, path: "/responses", place: catalog.Place{APIVersion: "2025-03-01-preview"}},
		"/v1/projects/p-1/locations/us-east5/publishers/anthropic/models/m:rawPredict": {
			dialect: catalog.VertexAnthropic, path: "/publishers/anthropic/models/m:rawPredict", place: catalog.Place{Region: "us-east5", Project: "p-1"},
		},
		"/v1/projects/p-1/locations/global/publishers/google/models/m:streamGenerateContent?alt=sse": {
			dialect: catalog.VertexGemini, path: "/publishers/google/models/m:streamGenerateContent?alt=sse", place: catalog.Place{Region: "global", Project: "p-1"},
		},
		"/model/m/invoke": {dialect: catalog.BedrockAnthropic, path: "/model/m/invoke", place: catalog.Place{Region: "us-east-1"}},
	} {
		got := pathAt(&catalog.Candidate{
			Provider: catalog.Provider{Dialect: c.dialect}, Account: catalog.Account{Place: c.place}, Deployment: catalog.Deployment{UpstreamModel: "my/gpt 4"},
		}, c.path)
		if got != want {
			t.Errorf("%s at %s: %s, want %s", c.path, c.dialect, got, want)
		}
	}
}

func TestPlacesOfSessions(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]catalog.Candidate{
		"/realtime?model=my%2Fgpt+4":           {Provider: catalog.Provider{Dialect: "openai"}},
		"/openai/v1/realtime?model=my%2Fgpt+4": {Provider: catalog.Provider{Dialect: catalog.AzureOpenAI}},
		"/openai/realtime?api-version=2025-08-28&deployment=my%2Fgpt+4": {
			Provider: catalog.Provider{Dialect: catalog.AzureOpenAI}, Account: catalog.Account{Place: catalog.Place{APIVersion: "2025-08-28"}},
		},
	} {
		c.Deployment.UpstreamModel = "my/gpt 4"
		if got := sessionPath(&c); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestSignedRequests: what a signature is about must reach the upstream as it was signed, and a client's headers are no part of it.
func TestSignedRequests(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		seen <- r
		w.Header().Set("Content-Type", "application/json")
	}))
	defer srv.Close()
	box := newBox(t)
	c := New(box, true)
	defer c.Close()
	send := func(key string) (*http.Request, error) {
		d := dispatch(t, box, srv.URL, `{"a":1}`)
		d.Candidate.Provider.Dialect, d.Candidate.Account.Place, d.Path = catalog.BedrockAnthropic, catalog.Place{Region: "eu-west-1"}, "/model/a%3Ab%2Fc/invoke"
		sealed, err := box.Seal(secret.New(key), catalog.SealContext(d.Key.ID))
		if err != nil {
			t.Fatal(err)
		}
		d.Key.Sealed = sealed
		res, err := c.Send(context.Background(), d)
		if err != nil {
			return nil, err
		}
		_ = res.Body.Close()
		return <-seen, nil
	}
	r, err := send("AKIDEXAMPLE:secret:session")
	if err != nil {
		t.Fatal(err)
	}
	auth := r.Header.Get("Authorization")
	if !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") || !strings.Contains(auth, "/eu-west-1/bedrock/aws4_request") ||
		r.Header.Get("X-Amz-Security-Token") != "session" || r.RequestURI != "/model/a%3Ab%2Fc/invoke" || r.Header.Get("Openai-Beta") != "" {
		t.Errorf("request to %s with %v", r.RequestURI, r.Header)
	}
	if r, err = send("a-bearer-token"); err != nil || r.Header.Get("Authorization") != "Bearer a-bearer-token" || r.Header.Get("X-Amz-Date") != "" {
		t.Errorf("bearer: %v, %v", r.Header, err)
	}
	var f *llm.Fault
	if _, err = send("half:"); !errors.As(err, &f) || f.Kind != llm.Auth || f.Phase != llm.Dial {
		t.Errorf("half a key: %v", err)
	}
}
