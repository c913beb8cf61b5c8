package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"starlane/internal/billing/money"
)

const (
	billedWithin  = 2 * time.Second // from the end of an answer to its price in the API
	revokedWithin = 2 * time.Second
	journeyKey    = "journey"
	topUp         = "12.34"
)

// page of the console. With Open, what the first row of its table leads to.
type page struct {
	Path string `json:"path"`
	Name string `json:"name"` // of its pictures
	Open bool   `json:"open"`
}

// pages are all routes of the console, by who may see them.
var pages = map[string][]page{
	"owner": {
		{Path: "/", Name: "overview"},
		{Path: "/keys", Name: "keys"},
		{Path: "/keys?create=true", Name: "keys-create"},
		{Path: "/models", Name: "models"},
		{Path: "/models", Name: "model", Open: true},
		{Path: "/usage", Name: "usage"},
		{Path: "/requests", Name: "requests"},
		{Path: "/credits", Name: "credits"},
		{Path: "/credits?topup=true", Name: "credits-topup"},
		{Path: "/members", Name: "members"},
		{Path: "/audit", Name: "audit"},
		{Path: "/settings", Name: "settings"},
		{Path: "/no-such-page", Name: "not-found"},
		{Path: "/docs", Name: "docs"},
	},
	"operator": {
		{Path: "/operator/tenants", Name: "op-tenants"},
		{Path: "/operator/tenants", Name: "op-tenant", Open: true},
		{Path: "/operator/providers", Name: "op-providers"},
		{Path: "/operator/models", Name: "op-models"},
		{Path: "/operator/routes", Name: "op-routes"},
		{Path: "/operator/price-books", Name: "op-price-books"},
		{Path: "/operator/periods", Name: "op-periods"},
		{Path: "/operator/system", Name: "op-system"},
	},
}

// A person signs in, makes a key, calls the model with the official SDKs, sees what it cost, buys credit, gets an invoice, finds
// the very request behind a line of it, and revokes the key. Every figure on the way is compared with the ledger.
func TestJourney(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	v := newVisitor(t, s)
	j := &journey{stack: s, visitor: v, owner: s.token(t, s.env["STARLANE_OWNER_EMAIL"], s.env["STARLANE_OWNER_PASSWORD"])}
	business := j.postpaidTenant(t)

	v.do(t, "signIn", nil, "who", "owner", "wrongFirst", "yes")
	j.createKey(t)
	j.stream(t)
	j.goSDK(t)
	j.topUp(t)
	j.closeMonth(t)
	j.followInvoice(t)
	j.checkBusinessInvoice(t, business)
	s.checkBooks(t)
	j.revoke(t)
	v.order(t, nil, map[string]any{"act": "visit", "pages": pages})
	v.do(t, "keyboard", nil, "who", "owner")
	v.do(t, "signOut", nil, "who", "owner")
	v.finish(t)
}

type journey struct {
	*stack
	*visitor
	owner     string // access token
	key       string // secret of the key that is made on the way
	requestID string // the streamed request
}

// request is what the console shows of a call.
type request struct {
	ID       string `json:"id"`
	KeyName  string `json:"key_name"`
	Charge   string `json:"charge"`
	Outcome  string `json:"outcome"`
	Streamed bool   `json:"streamed"`
	Input    int64  `json:"input_tokens"`
	Output   int64  `json:"output_tokens"`
}

func (s *stack) token(t *testing.T, email, password string) string {
	t.Helper()
	var got struct {
		Token string `json:"access_token"`
	}
	s.api(t, http.MethodPost, "/auth/token", "", map[string]string{"email": email, "password": password}, &got)
	return got.Token
}

func (j *journey) createKey(t *testing.T) {
	t.Helper()
	var made struct {
		Secret string `json:"secret"`
	}
	j.do(t, "createKey", &made, "who", "owner", "name", journeyKey)
	if !regexp.MustCompile(`^sk-sl-[0-9A-Za-z]{57}$`).MatchString(made.Secret) {
		t.Fatalf("the revealed secret is no key: %d characters", len(made.Secret))
	}
	j.key = made.Secret
	var test struct {
		Text      string `json:"text"`
		RequestID string `json:"requestId"`
	}
	j.do(t, "testRequest", &test, "who", "owner")
	if test.Text != "hello from the console" {
		t.Errorf("the test request answered %q, want the echo", test.Text)
	}
	j.do(t, "closeReveal", nil, "who", "owner")
	var r request
	j.api(t, http.MethodGet, "/requests/"+test.RequestID, j.owner, nil, &r)
	if r.KeyName != journeyKey || !r.Streamed || r.Outcome != "ok" {
		t.Errorf("the test request is %+v, want a streamed one of the new key", r)
	}
	var keys json.RawMessage
	j.api(t, http.MethodGet, "/keys", j.owner, nil, &keys)
	if bytes.Contains(keys, []byte(j.key[16:])) {
		t.Error("the list of keys holds the secret")
	}
}

func (j *journey) stream(t *testing.T) {
	t.Helper()
	const prompt = "what does one streamed answer cost"
	var answer struct {
		RequestID string `json:"requestId"`
		Text      string `json:"text"`
		Chunks    int    `json:"chunks"`
		Usage     *struct {
			Prompt     int64 `json:"prompt_tokens"`
			Completion int64 `json:"completion_tokens"`
		} `json:"usage"`
		EndedAt millis `json:"endedAt"`
	}
	j.do(t, "stream", &answer, "key", j.key, "model", j.env["STARLANE_MODEL"], "prompt", prompt)
	if answer.Text != prompt || answer.Chunks < 3 || answer.Usage == nil || answer.RequestID == "" {
		t.Fatalf("the SDK streamed %+v, want the echo in chunks, usage and a request id", answer)
	}
	j.requestID = answer.RequestID
	var r request
	eventually(t, billedWithin+5*time.Second, "the streamed answer is billed", func() error {
		return j.get("/requests/"+answer.RequestID, j.owner, &r)
	})
	if took := time.Since(answer.EndedAt.time()); took > billedWithin {
		t.Errorf("the charge could be seen %s after the end of the stream, want at most %s", took, billedWithin)
	} else {
		t.Logf("the charge could be seen %s after the end of the stream", took.Round(time.Millisecond))
	}
	if r.Input != answer.Usage.Prompt || r.Output != answer.Usage.Completion || r.KeyName != journeyKey {
		t.Errorf("billed %+v, want the SDK's usage %+v", r, *answer.Usage)
	}
	// $1 and $2 a million.
	if want := nano(r.Input*1000 + r.Output*2000); r.Charge != want.String() {
		t.Errorf("charged %s, want %s", r.Charge, want)
	}
	var shown struct {
		Charged string `json:"charged"`
	}
	j.do(t, "waitForRequest", &shown, "who", "owner", "id", answer.RequestID)
	if got, err := money.Parse(strings.Trim(shown.Charged, " $")); err != nil || got.String() != r.Charge {
		t.Errorf("the console shows %q, the API says %s", shown.Charged, r.Charge)
	}
}

func (j *journey) goSDK(t *testing.T) {
	t.Helper()
	var golang goReport
	j.runClient(t, &golang, []string{"OPENAI_API_KEY=" + j.key}, "internal/e2e/clients/go", "go", "run", ".")
	if golang.StreamAnswer != "hello from the go client" || golang.StreamTokens == 0 || golang.ErrorCode != "model_not_found" {
		t.Errorf("go SDK: %+v, want the echo with usage", golang)
	}
	const answers = 1 + 1 + 3 // the console's, the node SDK's, and the go SDK's
	eventually(t, billedWithin, "every answer of the key has one usage record", func() error {
		if n := j.scalar(t, `select count(*) from starlane.usage_event e join starlane.virtual_key k on k.tenant_id = e.tenant_id and k.id = e.key_id
			where k.name = $1`, journeyKey); n != answers {
			return fmt.Errorf("%d usage records, want %d", n, answers)
		}
		return nil
	})
}

func (j *journey) balance(t *testing.T) money.Amount {
	t.Helper()
	var b struct {
		Balance string `json:"balance"`
	}
	j.api(t, http.MethodGet, "/balance", j.owner, nil, &b)
	return amount(t, b.Balance)
}

func (j *journey) topUp(t *testing.T) {
	t.Helper()
	before := j.balance(t)
	var page struct {
		Total   string `json:"total"`
		Outcome string `json:"outcome"`
		Shown   string `json:"shown"`
	}
	j.do(t, "topUp", &page, "who", "owner", "amount", "500", "press", "abandon")
	if after := j.balance(t); after != before {
		t.Errorf("an abandoned payment changed the balance from %s to %s", before, after)
	}
	j.do(t, "topUp", &page, "who", "owner", "amount", topUp, "press", "pay")
	if page.Total != "$"+topUp || page.Outcome != "$"+topUp+" added" {
		t.Errorf("the payment page asked for %s and the console says %q, want $%s", page.Total, page.Outcome, topUp)
	}
	if got, want := j.balance(t)-before, amount(t, topUp); got != want {
		t.Errorf("the balance rose by %s, want %s", got, want)
	}
}

// invoice as the API has it.
type invoice struct {
	ID     string `json:"id"`
	Number string `json:"number"`
	State  string `json:"state"`
	Usage  string `json:"usage"`
	Billed string `json:"billed"`
}

func (j *journey) invoices(t *testing.T, token string, want int) []invoice {
	t.Helper()
	var list struct {
		Items []invoice `json:"items"`
	}
	eventually(t, 20*time.Second, "the invoice is made and final", func() error {
		if err := j.get("/invoices", token, &list); err != nil {
			return err
		}
		if len(list.Items) != want || list.Items[0].State == "drafted" || list.Items[0].State == "verified" {
			return fmt.Errorf("invoices: %+v", list.Items)
		}
		return nil
	})
	return list.Items
}

func (j *journey) closeMonth(t *testing.T) {
	t.Helper()
	j.do(t, "signIn", nil, "who", "operator")
	j.do(t, "closeMonth", nil, "who", "operator")
	var period struct {
		State string `json:"state"`
		Error string `json:"error"`
		Until string `json:"invoiced_until"`
	}
	eventually(t, 20*time.Second, "the month is invoiced", func() error {
		err := j.get("/periods/"+time.Now().UTC().Format("2006-01"), j.env["STARLANE_OPERATOR_TOKEN"], &period)
		if err == nil && (period.State != "open" || period.Error != "" || period.Until == "") {
			err = fmt.Errorf("period: %+v", period)
		}
		return err
	})
}

// followInvoice goes from the owner's invoice down to the streamed request, in the console and in the API.
func (j *journey) followInvoice(t *testing.T) {
	t.Helper()
	inv := j.invoices(t, j.owner, 1)[0]
	var seen struct {
		Amount string `json:"amount"`
		Behind int    `json:"behind"`
		Found  bool   `json:"found"`
	}
	j.do(t, "followInvoice", &seen, "who", "owner", "number", inv.Number, "model", j.env["STARLANE_MODEL"], "lineClass", "Output", "id", j.requestID)
	if !seen.Found || seen.Behind < 4 {
		t.Errorf("behind the line the console shows %+v, want request %s among at least four", seen, j.requestID)
	}
	var lines struct {
		Items []struct {
			Model  string  `json:"model"`
			Class  string  `json:"class"`
			Amount string  `json:"amount"`
			URL    *string `json:"requests_url"`
		} `json:"items"`
	}
	j.api(t, http.MethodGet, "/invoices/"+inv.ID+"/lines", j.owner, nil, &lines)
	for _, line := range lines.Items {
		if line.Model != j.env["STARLANE_MODEL"] || line.Class != "out_text" {
			continue
		}
		if amount(t, strings.Trim(seen.Amount, "$")) != amount(t, line.Amount) {
			t.Errorf("the console's line says %s, the API's %s", seen.Amount, line.Amount)
		}
		if line.URL == nil || !j.listed(t, *line.URL) {
			t.Errorf("request %s is not behind the line's address", j.requestID)
		}
	}
	j.checkInvoice(t, inv.ID)
	j.checkLines(t, inv.ID, j.owner)
}

// listed follows a line's address to the requests behind it.
func (j *journey) listed(t *testing.T, path string) bool {
	t.Helper()
	u, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Items []request `json:"items"`
	}
	j.api(t, http.MethodGet, strings.TrimPrefix(u.Path, "/api/v1")+"?"+u.RawQuery, j.owner, nil, &list)
	for _, r := range list.Items {
		if r.ID == j.requestID {
			return true
		}
	}
	return false
}

func (j *journey) revoke(t *testing.T) {
	t.Helper()
	body := fmt.Appendf(nil, `{"model":%q,"messages":[{"role":"user","content":"still there?"}]}`, j.env["STARLANE_MODEL"])
	if err := j.chat(j.key, body); err != nil {
		t.Fatalf("before it is revoked the key is refused: %v", err)
	}
	var done struct {
		At millis `json:"revokedAt"`
	}
	j.do(t, "revokeKey", &done, "who", "owner", "name", journeyKey)
	eventually(t, revokedWithin+5*time.Second, "the revoked key is refused", func() error {
		if err := j.chat(j.key, body); !errors.Is(err, errStatus) || !strings.Contains(err.Error(), "401") {
			return fmt.Errorf("the relay says %w, want 401", err)
		}
		return nil
	})
	if took := time.Since(done.At.time()); took > revokedWithin {
		t.Errorf("the revoked key was refused after %s, want at most %s", took, revokedWithin)
	} else {
		t.Logf("the revoked key was refused after %s", took.Round(time.Millisecond))
	}
}

func nano(n int64) money.Amount { return money.Amount(n) }

func amount(t *testing.T, text string) money.Amount {
	t.Helper()
	a, err := money.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
