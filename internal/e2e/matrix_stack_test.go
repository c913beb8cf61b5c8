package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"starlane/internal/sim/provider"
)

// family of upstreams that speak alike.
type family struct {
	dialect string
	path    string // of its API, below the simulator's address
	model   string // pattern of its names for the simulator's models
	secret  string // "": the JSON file of a service account that the simulator knows
	account map[string]string
	caches  bool // without being asked to
}

// Names of the simulator's models, and what becomes of what is asked of two of them.
const (
	soundModel   = "demo-echo"
	refusedModel = "demo-bench-41x0"
	brokenModel  = "demo-bench-42x5x10"
)

// matrixNano is the price of a token by its class, in nano-dollars.
var matrixNano = map[string]int64{
	"in_text": 1000, "in_cached": 100, "cache_write_5m": 1250, "cache_write_1h": 2000, "out_text": 3000, "out_reasoning": 3000, "in_image": 1000,
}

// upstream is the name, at this family, of the model that the relay knows by name.
func (f family) upstream(name string) string {
	model := soundModel
	switch {
	case strings.HasSuffix(name, "-refused"):
		model = refusedModel
	case strings.HasSuffix(name, "-broken"):
		model = brokenModel
	}
	return fmt.Sprintf(f.model, model)
}

func families() []family {
	plain, aws := provider.KeyPrefix+"matrix", provider.AWSAccessKeyID+":"+provider.AWSSecretAccessKey
	region, google := map[string]string{"region": "us-east-1"}, map[string]string{"region": "us-east5", "project": "starlane-sim"}
	return []family{
		{"openai", "/v1", "%s", plain, nil, true},
		{"anthropic", "/v1", "%s", plain, nil, false},
		{"gemini", "/v1beta", "%s", plain, nil, true},
		{"azure_openai", "", "%s", plain, nil, true},
		{"bedrock", "", "us.anthropic.claude-%s", aws, region, false},
		{"bedrock_anthropic", "", "us.anthropic.claude-%s", aws, region, false},
		{"vertex_anthropic", "", "%s", "", google, false},
		{"vertex_gemini", "", "gemini-3-%s", "", google, true},
	}
}

// seedMatrix deploys three models of the simulator at each family of upstreams, through the admin API as an operator would: one
// that works, one that refuses and one that breaks off.
func (s *stack) seedMatrix(t *testing.T) []family {
	t.Helper()
	create := func(path string, in map[string]any) any {
		var made struct {
			ID any `json:"id"`
		}
		s.api(t, http.MethodPost, path, s.env["STARLANE_OPERATOR_TOKEN"], in, &made)
		return made.ID
	}
	sim := s.env["STARLANE_SIM_PROVIDER_URL"]
	serviceAccount := s.simulator(t, http.MethodGet, "/_sim/service-account", "")
	s.simulator(t, http.MethodPost, "/_sim/faults", `[{"model":"`+refusedModel+`","kind":"rate_limit","retry_after_ms":1},{"model":"`+brokenModel+`","kind":"error_event","after_chunks":5}]`)
	books := s.priceBooks(t)
	rates := map[string]string{}
	for class, nano := range matrixNano {
		rates[class] = fmt.Sprintf("%d.%03d", nano/1000, nano%1000)
	}
	for _, f := range families() {
		slug := "matrix-" + strings.ReplaceAll(f.dialect, "_", "-")
		vendor := create("/providers", map[string]any{"slug": slug, "name": "Matrix " + f.dialect, "dialect": f.dialect, "simulated": true})
		account := map[string]any{"provider_id": vendor, "name": "matrix", "base_url": sim + f.path}
		for name, v := range f.account {
			account[name] = v
		}
		at, secret := create("/accounts", account), f.secret
		if secret == "" {
			secret = serviceAccount
		}
		create("/upstream-keys", map[string]any{"account_id": at, "name": "matrix", "secret": secret})
		for _, ending := range []string{"", "-refused", "-broken"} {
			public := "matrix/" + f.dialect + ending
			upstream := f.upstream(public)
			create("/models", map[string]any{
				"name": public, "display_name": public, "description": "Simulated.", "capabilities": []string{"chat"},
				"context_length": 128_000, "max_output": 16_384, "features": []string{"tools", "streaming", "reasoning"},
			})
			create("/deployments", map[string]any{"model": public, "account_id": at, "upstream_model": upstream})
			for kind, priced := range map[string]string{"list": public, "provider_cost": slug + ":" + upstream} {
				create(fmt.Sprintf("/price-books/%d/versions", books[kind]), map[string]any{"model": priced, "rates": rates, "source": "matrix"})
			}
		}
	}
	return families()
}

// priceBooks are the ids of the platform's books by kind.
func (s *stack) priceBooks(t *testing.T) map[string]int64 {
	t.Helper()
	var list struct {
		Items []struct {
			ID   int64  `json:"id"`
			Kind string `json:"kind"`
		} `json:"items"`
	}
	s.api(t, http.MethodGet, "/price-books", s.env["STARLANE_OPERATOR_TOKEN"], nil, &list)
	books := map[string]int64{}
	for _, b := range list.Items {
		books[b.Kind] = b.ID
	}
	return books
}

// simulator talks to the simulated provider itself.
func (s *stack) simulator(t *testing.T, method, path, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.env["STARLANE_SIM_PROVIDER_URL"]+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: status %d: %s (%v)", method, path, res.StatusCode, b, err)
	}
	return string(b)
}
