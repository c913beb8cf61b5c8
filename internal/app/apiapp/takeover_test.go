package apiapp

import "testing"

// TestAccountsMadeByOthers: whoever makes an account knows its first password. It must not open another organisation, or
// the platform, when people there add the same address.
func TestAccountsMadeByOthers(t *testing.T) {
	t.Parallel()
	in := start(t)
	a, b := in.newOrg("Acme"), in.newOrg("Other")
	victim := map[string]any{"email": "victim@b.test", "role": "admin", "password": "known to who made it"}
	made := a.owner.do("POST", "/members", victim).want(201)
	b.owner.do("POST", "/members", victim).problem(409, "conflict")
	in.op.do("POST", "/members", map[string]any{"email": "victim@b.test", "role": "operator"}).problem(409, "conflict")
	person := in.access("victim@b.test", "known to who made it")
	person.at(b.id).do("GET", "/keys", nil).problem(404, "not_found")

	a.owner.do("DELETE", "/members/"+made.text("user_id"), nil).want(204)
	a.owner.do("POST", "/members", victim).want(201) // back to where they have been
	in.op.at(b.id).do("POST", "/members", victim).want(201)
	person.at(b.id).do("GET", "/keys", nil).want(200)
}
