package tenant

import "testing"

// TestEveryRoleAndAbility spells the whole table out once more, so that a change of one cell is a change of two files.
func TestEveryRoleAndAbility(t *testing.T) {
	t.Parallel()
	// One letter for each role: owner, admin, billing, developer, viewer, operator, finance.
	letters := map[Role]byte{Owner: 'o', Admin: 'a', Billing: 'b', Developer: 'd', Viewer: 'v', Operator: 'P', Finance: 'F'}
	want := map[Ability]string{
		TenantRead: "oabdvPF", TenantUpdate: "oa---P-", ProjectsRead: "oabdvPF", ProjectsWrite: "oa-d-P-", MembersRead: "oabd-PF", MembersWrite: "oa---P-",
		KeysRead: "oabdvPF", KeysWrite: "oa-d-P-", UsageRead: "oabdvPF", CreditsRead: "oab--PF", TopupsWrite: "oab--P-", InvoicesRead: "oab--PF",
		AuditRead: "oa---PF", TokensOwn: "oabdvPF", TokensAll: "oa---P-", ModelsRead: "oabdvPF",
		TenantsRead: "-----PF", TenantsWrite: "-----P-", CreditsGrant: "-----PF", CatalogRead: "-----PF", CatalogWrite: "-----P-",
		PricesRead: "-----PF", PricesWrite: "-----PF", PeriodsRead: "-----PF", PeriodsClose: "-----PF", OperationsRead: "-----PF",
	}
	if len(want) != len(Abilities()) {
		t.Fatalf("%d abilities in the test, %d in the product", len(want), len(Abilities()))
	}
	for _, a := range Abilities() {
		got := ""
		for _, r := range Roles() {
			if r.Can(a) {
				got += string(letters[r])
			} else {
				got += "-"
			}
		}
		if got != want[a] {
			t.Errorf("%s: %s, want %s", a, got, want[a])
		}
	}
	for _, r := range append(Roles(), "", "root") {
		if r.Can("") || r.Can("everything") {
			t.Errorf("role %q can do what is no ability", r)
		}
	}
}

func TestGrants(t *testing.T) {
	t.Parallel()
	for _, giver := range Roles() {
		for _, given := range Roles() {
			want := false
			switch giver {
			case Owner, Operator:
				want = true
			case Admin:
				want = given != Owner
			case Billing, Developer, Viewer, Finance:
			}
			if got := giver.Grants(given); got != want {
				t.Errorf("%s grants %s = %v, want %v", giver, given, got, want)
			}
		}
	}
}
