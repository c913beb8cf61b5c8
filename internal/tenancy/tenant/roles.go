package tenant

import "slices"

// Role is what a person is in a tenant.
type Role string

// The roles. Operator and Finance exist in the platform tenant only, the others everywhere else.
const (
	Owner     Role = "owner"
	Admin     Role = "admin"
	Billing   Role = "billing"
	Developer Role = "developer"
	Viewer    Role = "viewer"
	Operator  Role = "operator"
	Finance   Role = "finance"
)

// Roles lists all roles.
func Roles() []Role { return []Role{Owner, Admin, Billing, Developer, Viewer, Operator, Finance} }

// Staff tells whether the role belongs to the platform tenant.
func (r Role) Staff() bool { return r == Operator || r == Finance }

// Ability is something that a role may do.
type Ability string

// The abilities.
const (
	TenantRead     Ability = "tenant.read"
	TenantUpdate   Ability = "tenant.update"
	ProjectsRead   Ability = "projects.read"
	ProjectsWrite  Ability = "projects.write"
	MembersRead    Ability = "members.read"
	MembersWrite   Ability = "members.write"
	KeysRead       Ability = "keys.read"
	KeysWrite      Ability = "keys.write"
	UsageRead      Ability = "usage.read"
	CreditsRead    Ability = "credits.read"
	TopupsWrite    Ability = "topups.write"
	InvoicesRead   Ability = "invoices.read"
	AuditRead      Ability = "audit.read"
	TokensOwn      Ability = "tokens.own"
	TokensAll      Ability = "tokens.all"
	ModelsRead     Ability = "models.read"
	TenantsRead    Ability = "tenants.read"
	TenantsWrite   Ability = "tenants.write"
	CreditsGrant   Ability = "credits.grant"
	CatalogRead    Ability = "catalog.read"
	CatalogWrite   Ability = "catalog.write"
	PricesRead     Ability = "prices.read"
	PricesWrite    Ability = "prices.write"
	PeriodsRead    Ability = "periods.read"
	PeriodsClose   Ability = "periods.close"
	OperationsRead Ability = "operations.read"
)

// Abilities lists all abilities in the order in which they are shown.
func Abilities() []Ability {
	return []Ability{
		TenantRead, TenantUpdate, ProjectsRead, ProjectsWrite, MembersRead, MembersWrite, KeysRead, KeysWrite, UsageRead,
		CreditsRead, TopupsWrite, InvoicesRead, AuditRead, TokensOwn, TokensAll, ModelsRead, TenantsRead, TenantsWrite,
		CreditsGrant, CatalogRead, CatalogWrite, PricesRead, PricesWrite, PeriodsRead, PeriodsClose, OperationsRead,
	}
}

// holders is the whole law: who may do what. Staff act in any tenant they choose; people of a tenant only in their own.
func (a Ability) holders() []Role {
	switch a {
	case TenantRead, ModelsRead, TokensOwn, ProjectsRead, UsageRead, KeysRead:
		return Roles()
	case TenantUpdate, MembersWrite, TokensAll:
		return []Role{Owner, Admin, Operator}
	case ProjectsWrite, KeysWrite:
		return []Role{Owner, Admin, Developer, Operator}
	case MembersRead:
		return []Role{Owner, Admin, Billing, Developer, Operator, Finance}
	case CreditsRead, InvoicesRead:
		return []Role{Owner, Admin, Billing, Operator, Finance}
	case TopupsWrite:
		return []Role{Owner, Admin, Billing, Operator}
	case AuditRead:
		return []Role{Owner, Admin, Operator, Finance}
	case TenantsRead, CatalogRead, PricesRead, PeriodsRead, OperationsRead:
		return []Role{Operator, Finance}
	case CreditsGrant, PricesWrite, PeriodsClose:
		return []Role{Operator, Finance}
	case TenantsWrite, CatalogWrite:
		return []Role{Operator}
	default:
		return nil
	}
}

// Can tells whether a role may do something.
func (r Role) Can(a Ability) bool { return slices.Contains(a.holders(), r) }

// Abilities lists what a role may do.
func (r Role) Abilities() []Ability {
	var out []Ability
	for _, a := range Abilities() {
		if r.Can(a) {
			out = append(out, a)
		}
	}
	return out
}

// Grants tells whether somebody in this role may give or take away another role: nobody hands out more than they have, and
// only an owner (or the platform) makes owners.
func (r Role) Grants(other Role) bool {
	if !r.Can(MembersWrite) {
		return false
	}
	return other != Owner || r == Owner || r == Operator
}
