package apiapp

import (
	"net/http"
	"strings"
	"testing"
)

func (in *installation) login(email, password string) (client, answer) {
	in.t.Helper()
	a := client{in: in}.do("POST", "/auth/login", map[string]any{"email": email, "password": password}).want(200)
	resp := http.Response{Header: a.header}
	for _, c := range resp.Cookies() {
		if c.Name == "starlane_session" {
			return client{in: in, cookie: c}, a
		}
	}
	in.t.Fatal("login set no cookie")
	return client{}, a
}

func TestSession(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	browser, me := in.login("OWNER@acme.test", o.password)
	if c := browser.cookie; !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
		t.Errorf("cookie = %v, want HttpOnly, SameSite=Lax, Path=/", c)
	}
	csrf := me.text("csrf_token")
	if got := browser.do("GET", "/me", nil).want(200).text("csrf_token"); got == "" || got != csrf {
		t.Errorf("csrf token of /me = %q, want that of login %q", got, csrf)
	}
	name := map[string]any{"name": "Web"}
	browser.do("POST", "/projects", name).problem(403, "forbidden")
	browser.with("X-Csrf-Token", "wrong").do("POST", "/projects", name).problem(403, "forbidden")
	good := browser.with("X-Csrf-Token", csrf)
	good.with("Origin", "https://evil.test").do("POST", "/projects", name).problem(403, "forbidden")
	good.with("Sec-Fetch-Site", "cross-site").do("POST", "/projects", name).problem(403, "forbidden")
	good.with("Origin", in.url).do("POST", "/projects", name).want(201)
	client{in: in}.with("Origin", "https://evil.test").do("POST", "/auth/login", map[string]any{"email": o.email, "password": o.password}).problem(403, "forbidden")

	good.do("POST", "/auth/logout", nil).want(204)
	browser.do("GET", "/me", nil).problem(401, "unauthorized")
}

func TestPasswordChangeEndsOtherSessions(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	other, _ := in.login(o.email, o.password)
	mine, me := in.login(o.email, o.password)
	mine = mine.with("X-Csrf-Token", me.text("csrf_token"))
	change := map[string]any{"current_password": "wrong", "new_password": "a better password"}
	mine.do("POST", "/me/password", change).problem(422, "unprocessable")
	change["current_password"] = o.password
	o.owner.do("POST", "/me/password", change).problem(403, "forbidden")
	mine.do("POST", "/me/password", change).want(204)
	mine.do("GET", "/me", nil).want(200)
	other.do("GET", "/me", nil).problem(401, "unauthorized")
	in.login(o.email, "a better password")
}

// TestSignInTellsNothing: an unknown address, a wrong password and a locked account look the same, and both known and
// unknown addresses are slowed down at the same count.
func TestSignInTellsNothing(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	try := func(email, password string) answer {
		return client{in: in}.do("POST", "/auth/login", map[string]any{"email": email, "password": password})
	}
	strip := func(a answer) string { return strings.ReplaceAll(string(a.body), a.text("request_id"), "") }
	var known, unknown []string
	for range 10 {
		known = append(known, strip(try(o.email, "wrong")))
		unknown = append(unknown, strip(try("nobody@acme.test", "wrong")))
	}
	for i := range known {
		if known[i] != unknown[i] {
			t.Errorf("try %d: known %s, unknown %s; want the same", i+1, known[i], unknown[i])
		}
	}
	last := try(o.email, o.password)
	last.problem(429, "rate_limit_exceeded")
	if last.header.Get("Retry-After") == "" {
		t.Error("429 has no Retry-After")
	}
}

func TestLockedAccountRefusesTheRightPassword(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	if _, err := in.db.Pool.Exec(t.Context(), `update starlane.app_user set locked_until = now() + interval '1 minute' where email = $1`, o.email); err != nil {
		t.Fatal(err)
	}
	client{in: in}.do("POST", "/auth/login", map[string]any{"email": o.email, "password": o.password}).problem(401, "unauthorized")
}

func TestTokens(t *testing.T) {
	t.Parallel()
	in := start(t)
	o, other := in.newOrg("Acme"), in.newOrg("Other")
	made := o.owner.do("POST", "/api-tokens", map[string]any{"name": "ci"}).want(201)
	token := in.bearer(made.text("secret"))
	if got := token.do("GET", "/me", nil).want(200).text("tenant.id"); got != o.id.String() {
		t.Errorf("tenant of the token = %s, want %s", got, o.id)
	}
	// The person joins another tenant; a token stays at home.
	in.op.at(other.id).do("POST", "/members", map[string]any{"email": o.email, "role": "admin"}).want(201)
	o.owner.at(other.id).do("GET", "/keys", nil).want(200)
	token.at(other.id).do("GET", "/keys", nil).problem(404, "not_found")
	access := in.bearer(token.do("POST", "/auth/token", nil).want(200).text("access_token"))
	access.do("GET", "/keys", nil).want(200)
	access.at(other.id).do("GET", "/keys", nil).problem(404, "not_found")
	access.do("POST", "/auth/token", nil).problem(403, "forbidden")

	o.owner.do("DELETE", "/api-tokens/"+made.text("id"), nil).want(204)
	o.owner.do("DELETE", "/api-tokens/"+made.text("id"), nil).want(204)
	token.do("GET", "/me", nil).problem(401, "unauthorized")
	in.bearer("slt_nonsense").do("GET", "/me", nil).problem(401, "unauthorized")
	in.bearer("a.b.c").do("GET", "/me", nil).problem(401, "unauthorized")
	client{in: in}.do("GET", "/me", nil).problem(401, "unauthorized")
	client{in: in}.with("Authorization", "Basic eA==").do("GET", "/me", nil).problem(401, "unauthorized")
}

func TestRemovedMemberIsOut(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	dev, devID := in.member(o, "developer")
	token := in.bearer(dev.do("POST", "/api-tokens", map[string]any{"name": "mine"}).want(201).text("secret"))
	o.owner.do("DELETE", "/members/"+devID.String(), nil).want(204)
	dev.do("GET", "/keys", nil).problem(403, "forbidden")
	token.do("GET", "/keys", nil).problem(401, "unauthorized")
	o.owner.do("DELETE", "/members/"+o.ownerID.String(), nil).problem(409, "conflict")
	o.owner.do("PATCH", "/members/"+o.ownerID.String(), map[string]any{"role": "viewer"}).problem(409, "conflict")
}
