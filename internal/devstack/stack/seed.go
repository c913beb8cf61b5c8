package stack

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"starlane/internal/billing/money"
	"starlane/internal/sim/provider"
)

// The demo. Prices are USD per million tokens.
const (
	demoModel  = "demo/echo"
	demoAlias  = "demo/auto"
	demoCredit = "25.00"
	// Below demoLow the demo tenant is given new credit, so that a start can always prove itself.
	demoLow = money.Amount(1_000_000_000)
)

// demoProvider is a vendor that the simulator stands for. path is of its API, below the simulator's address.
type demoProvider struct{ slug, name, dialect, path string }

func demoProviders() []demoProvider {
	return []demoProvider{
		{"simulated", "Simulated provider", "openai", "/v1"},
		{"simulated-anthropic", "Simulated provider, Anthropic's format", "anthropic", "/v1"},
		{"simulated-gemini", "Simulated provider, Gemini's format", "gemini", "/v1beta"},
	}
}

type demoDeployment struct {
	name, title, about, upstream string
	provider                     string // slug
	capability                   string
	features                     []string
	context, output              int64
	rates, cost                  map[string]string
}

func demoModels() []demoDeployment {
	chat := []string{"tools", "streaming", "reasoning"}
	list := map[string]string{"in_text": "1.00", "in_cached": "0.10", "out_text": "2.00", "out_reasoning": "2.00"}
	cost := map[string]string{"in_text": "0.50", "in_cached": "0.05", "out_text": "1.00", "out_reasoning": "1.00"}
	return []demoDeployment{
		{demoModel, "Demo Echo", "Answers at once with what it was asked. Simulated.", provider.ModelEcho, "simulated", "chat", chat, 128_000, 16_384, list, cost},
		{"demo/slow", "Demo Slow", "Takes its time before and between words. Simulated.", provider.ModelSlow, "simulated", "chat", chat, 128_000, 16_384, list, cost},
		{"demo/flaky", "Demo Flaky", "Fails about one time in three, in every way a provider can. Simulated.", provider.ModelFlaky, "simulated", "chat", chat, 128_000, 16_384, list, cost},
		{"demo/claude", "Demo Claude", "As Demo Echo, behind Anthropic's API: every client format reaches it. Simulated.", provider.ModelEcho, "simulated-anthropic", "chat", chat, 128_000, 16_384, writes(list, "1.25", "2.00"), writes(cost, "0.625", "1.00")},
		{"demo/gemini", "Demo Gemini", "As Demo Echo, behind Gemini's API: every client format reaches it. Simulated.", provider.ModelEcho, "simulated-gemini", "chat", chat, 128_000, 16_384, list, cost},
		{
			"demo/embed", "Demo Embed", "Embeddings that depend on the text alone. Simulated.", provider.ModelEmbed, "simulated", "embeddings", nil, 8_192, 0,
			map[string]string{"in_text": "0.02"},
			map[string]string{"in_text": "0.01"},
		},
		{
			"demo/realtime", "Demo Realtime", "Says aloud in a realtime session what was written to it. Simulated.", provider.ModelRealtime, "simulated", "realtime",
			[]string{"tools", "streaming"},
			32_000, 4_096,
			map[string]string{"in_text": "4.00", "in_cached": "0.40", "out_text": "16.00", "in_audio": "32.00", "out_audio": "64.00"},
			map[string]string{"in_text": "2.00", "in_cached": "0.20", "out_text": "8.00", "in_audio": "16.00", "out_audio": "32.00"},
		},
		{
			"demo/image", "Demo Image", "Coloured squares that depend on the prompt, paid by tokens. Simulated.", provider.ModelImage, "simulated", "images", nil, 32_000, 0,
			map[string]string{"in_text": "5.00", "in_image": "10.00", "out_image": "40.00"},
			map[string]string{"in_text": "2.50", "in_image": "5.00", "out_image": "20.00"},
		},
		{
			"demo/speech", "Demo Speech", "Buzzes as long as it would take to say a text, paid by characters. Simulated.", provider.ModelSpeech, "simulated", "audio", nil, 4_096, 0,
			map[string]string{"char_in": "15.00"},
			map[string]string{"char_in": "7.50"},
		},
		{
			"demo/transcribe", "Demo Transcribe", "Hears words that depend on the recording, paid by tokens. Simulated.", provider.ModelTranscribe, "simulated", "audio", nil, 16_000, 2_000,
			map[string]string{"in_text": "2.50", "in_audio": "6.00", "out_text": "10.00"},
			map[string]string{"in_text": "1.25", "in_audio": "3.00", "out_text": "5.00"},
		},
		{
			"demo/whisper", "Demo Whisper", "As Demo Transcribe, paid by seconds, with subtitles and translations. Simulated.", provider.ModelWhisper, "simulated", "audio", nil, 448, 0,
			map[string]string{"audio_second": "100.00"},
			map[string]string{"audio_second": "50.00"},
		},
		{
			"demo/completions", "Demo Completions", "Completes texts with what they say, in the legacy API. Simulated.", provider.ModelInstruct, "simulated", "completions", nil, 4_096, 4_096,
			map[string]string{"in_text": "1.50", "out_text": "2.00"},
			map[string]string{"in_text": "0.75", "out_text": "1.00"},
		},
		{
			"demo/rerank", "Demo Rerank", "Ranks documents by the words that they share with a query. Simulated.", provider.ModelRerank, "simulated", "rerank", nil, 8_192, 0,
			map[string]string{"in_text": "0.05"},
			map[string]string{"in_text": "0.02"},
		},
		{
			"demo/moderation", "Demo Moderation", "Flags texts that name what they are flagged for. Free. Simulated.", provider.ModelModeration, "simulated", "moderation", nil, 32_768, 0,
			map[string]string{"request": "0"},
			map[string]string{"request": "0"},
		},
	}
}

// writes adds what it costs to write to a cache of prompts.
func writes(rates map[string]string, minutes5, hour1 string) map[string]string {
	out := maps.Clone(rates)
	out["cache_write_5m"], out["cache_write_1h"] = minutes5, hour1
	return out
}

// seed makes the demo through the admin API, step by step; what exists is left as it is, so an interrupted seed goes on.
func (u *up) seed(ctx context.Context) error {
	op, err := u.operator(ctx)
	if err != nil {
		return fmt.Errorf("operator: %w", err)
	}
	if err := u.seedCatalog(ctx, op); err != nil {
		return fmt.Errorf("demo catalogue: %w", err)
	}
	if err := u.seedTenant(ctx, op); err != nil {
		return fmt.Errorf("demo tenant: %w", err)
	}
	return nil
}

func (u *up) adminAPI(token string) admin {
	return admin{base: u.consoleURL() + "/api/v1", token: token, client: u.client}
}

// operator signs in with the API token of an earlier start, or makes one.
func (u *up) operator(ctx context.Context) (admin, error) {
	if u.secrets.OperatorToken != "" {
		op := u.adminAPI(u.secrets.OperatorToken)
		err := op.call(ctx, http.MethodGet, "/me", nil, nil)
		if err == nil || !isStatus(err, http.StatusUnauthorized) {
			return op, err
		}
		// Another database than last time: what the old one held is gone.
		u.secrets.OperatorToken = ""
		u.secrets.Demo = Demo{OwnerEmail: u.secrets.Demo.OwnerEmail, OwnerPassword: u.secrets.Demo.OwnerPassword}
		if err := u.createOperator(ctx); err != nil {
			return admin{}, err
		}
	}
	token, err := accessToken(ctx, u.adminAPI(""), u.secrets.OperatorEmail, u.secrets.OperatorPassword)
	if err != nil {
		return admin{}, err
	}
	var made struct {
		Secret string `json:"secret"`
	}
	err = u.adminAPI(token).call(ctx, http.MethodPost, "/api-tokens", map[string]string{"name": "starlane up"}, &made)
	if err != nil {
		return admin{}, err
	}
	u.secrets.OperatorToken = made.Secret
	return u.adminAPI(made.Secret), u.dir.writeJSON("secrets.json", u.secrets)
}

type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func byName(name string) func(named) bool { return func(n named) bool { return n.Name == name } }

func (u *up) seedCatalog(ctx context.Context, op admin) error {
	type slugged struct {
		ID   string `json:"id"`
		Slug string `json:"slug"`
	}
	accounts := map[string]string{}
	for _, p := range demoProviders() {
		prov, err := ensure(ctx, op, "/providers", func(have slugged) bool { return have.Slug == p.slug },
			map[string]any{"slug": p.slug, "name": p.name, "dialect": p.dialect, "simulated": true})
		if err != nil {
			return err
		}
		account, err := u.seedAccount(ctx, op, prov.ID, p.path)
		if err != nil {
			return err
		}
		accounts[p.slug] = account
		_, err = ensure(ctx, op, "/upstream-keys", func(k struct {
			AccountID string `json:"account_id"`
		},
		) bool {
			return k.AccountID == account
		}, map[string]any{"account_id": account, "name": "simulator", "secret": u.secrets.UpstreamKey})
		if err != nil {
			return err
		}
	}
	for _, m := range demoModels() {
		if err := seedModel(ctx, op, m, accounts[m.provider]); err != nil {
			return err
		}
	}
	if err := seedPrices(ctx, op); err != nil {
		return err
	}
	_, err := ensure(ctx, op, "/routes", func(r struct {
		Alias string `json:"alias"`
	},
	) bool {
		return r.Alias == demoAlias
	}, map[string]any{"alias": demoAlias, "description": "The quick demo model, the slow one when it fails", "models": []string{demoModel, "demo/slow"}})
	return err
}

// seedAccount also follows the simulator to another port.
func (u *up) seedAccount(ctx context.Context, op admin, providerID, path string) (string, error) {
	type account struct {
		ID         string `json:"id"`
		ProviderID string `json:"provider_id"`
		BaseURL    string `json:"base_url"`
	}
	base := u.providerURL() + path
	acc, err := ensure(ctx, op, "/accounts", func(a account) bool { return a.ProviderID == providerID },
		map[string]any{"provider_id": providerID, "name": "demo", "base_url": base})
	if err != nil || acc.BaseURL == base {
		return acc.ID, err
	}
	return acc.ID, op.call(ctx, http.MethodPatch, "/accounts/"+acc.ID, map[string]string{"base_url": base}, nil)
}

func seedModel(ctx context.Context, op admin, m demoDeployment, account string) error {
	create := map[string]any{
		"name": m.name, "display_name": m.title, "description": m.about, "capabilities": []string{m.capability},
		"context_length": m.context, "max_output": m.output,
	}
	if len(m.features) > 0 {
		create["features"] = m.features
	}
	if _, err := ensure(ctx, op, "/models", byName(m.name), create); err != nil {
		return err
	}
	_, err := ensure(ctx, op, "/deployments", func(d struct {
		Model     string `json:"model"`
		AccountID string `json:"account_id"`
	},
	) bool {
		return d.Model == m.name && d.AccountID == account
	}, map[string]any{"model": m.name, "account_id": account, "upstream_model": m.upstream})
	return err
}

// seedPrices sets list prices and what the simulated provider would ask.
func seedPrices(ctx context.Context, op admin) error {
	type book struct {
		ID   int64  `json:"id"`
		Kind string `json:"kind"`
	}
	for _, kind := range []string{"list", "provider_cost"} {
		b, ok, err := find(ctx, op, "/price-books", func(b book) bool { return b.Kind == kind })
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("the platform has no price book of kind %s", kind)
		}
		path := fmt.Sprintf("/price-books/%d/versions", b.ID)
		for _, m := range demoModels() {
			model, rates := m.name, m.rates
			if kind == "provider_cost" {
				model, rates = m.provider+":"+m.upstream, m.cost
			}
			_, err := ensure(ctx, op, path, func(v struct {
				Model string `json:"model"`
			},
			) bool {
				return v.Model == model
			}, map[string]any{"model": model, "rates": rates, "source": "demo seed"})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (u *up) seedTenant(ctx context.Context, op admin) error {
	demo := &u.secrets.Demo
	if demo.TenantID == "" {
		tenant, err := ensure(ctx, op, "/tenants", byName("Demo"), map[string]any{
			"name": "Demo", "demo": true, "billing_email": demo.OwnerEmail,
			"owner": map[string]string{"email": demo.OwnerEmail, "name": "Demo Owner", "password": demo.OwnerPassword},
		})
		if err != nil {
			return err
		}
		demo.TenantID = tenant.ID
		if err := u.dir.writeJSON("secrets.json", u.secrets); err != nil {
			return err
		}
	}
	if err := grantCredit(ctx, op, demo.TenantID); err != nil {
		return err
	}
	if demo.VirtualKey == "" {
		owner, err := u.owner(ctx)
		if err != nil {
			return err
		}
		if err := u.seedClients(ctx, owner); err != nil {
			return err
		}
		// It comes last: with it the tenant is complete.
		if demo.VirtualKey, err = createKey(ctx, owner, map[string]any{"name": "demo"}); err != nil {
			return err
		}
	}
	return u.dir.writeJSON("secrets.json", u.secrets)
}

func createKey(ctx context.Context, owner admin, create map[string]any) (string, error) {
	var made struct {
		Secret string `json:"secret"`
	}
	err := owner.call(ctx, http.MethodPost, "/keys", create, &made)
	return made.Secret, err
}

// owner signs in as the owner of the demo tenant, once a start.
func (u *up) owner(ctx context.Context) (admin, error) {
	if u.ownerToken == "" {
		var err error
		if u.ownerToken, err = accessToken(ctx, u.adminAPI(""), u.secrets.Demo.OwnerEmail, u.secrets.Demo.OwnerPassword); err != nil {
			return admin{}, fmt.Errorf("sign in as the demo owner: %w", err)
		}
	}
	return u.adminAPI(u.ownerToken), nil
}

// grantCredit gives the demo tenant credit when it has none left.
func grantCredit(ctx context.Context, op admin, tenant string) error {
	path := "/tenants/" + url.PathEscape(tenant) + "/credits"
	var credits struct {
		Balance struct {
			Balance string `json:"balance"`
		} `json:"balance"`
	}
	if err := op.call(ctx, http.MethodGet, path, nil, &credits); err != nil {
		return err
	}
	balance, err := money.Parse(credits.Balance.Balance)
	if err != nil || balance >= demoLow {
		return err
	}
	return op.call(ctx, http.MethodPost, path,
		map[string]string{"kind": "promo", "amount": demoCredit, "reason": "Demo credit"}, nil,
		"Idempotency-Key", "demo-credit-"+tenant+"-"+balance.String())
}
