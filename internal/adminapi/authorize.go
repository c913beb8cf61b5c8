package adminapi

import (
	"github.com/gin-gonic/gin"

	"starlane/internal/adminapi/gen"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/tenancy/tenant"
)

// anybody marks operations that need no ability: they are about the caller, or check the tenant in their path themselves.
const anybody tenant.Ability = ""

// abilityOf says what each operation needs. An operation that is not here is refused; a test compares it with the contract.
func abilityOf(operation string) (tenant.Ability, bool) {
	a, ok := map[string]tenant.Ability{
		"Login": anybody, "Logout": anybody, "CreateAccessToken": anybody, "GetMe": anybody, "UpdateMe": anybody, "ChangePassword": anybody,
		"ListTenants": tenant.TenantsRead, "CreateTenant": tenant.TenantsWrite,
		"GetTenant": anybody, "UpdateTenant": anybody, "GetTenantCredits": anybody, "GrantCredit": tenant.CreditsGrant,
		"ListProjects": tenant.ProjectsRead, "GetProject": tenant.ProjectsRead, "CreateProject": tenant.ProjectsWrite, "UpdateProject": tenant.ProjectsWrite,
		"ListMembers": tenant.MembersRead, "AddMember": tenant.MembersWrite, "UpdateMember": tenant.MembersWrite, "RemoveMember": tenant.MembersWrite,
		"ListKeys": tenant.KeysRead, "GetKey": tenant.KeysRead, "CreateKey": tenant.KeysWrite, "UpdateKey": tenant.KeysWrite, "RevokeKey": tenant.KeysWrite,
		"GetUsage": tenant.UsageRead, "ListRequests": tenant.UsageRead, "GetRequest": tenant.UsageRead,
		"GetBalance": tenant.CreditsRead, "GetCredits": tenant.CreditsRead,
		"ListTopups": tenant.CreditsRead, "GetTopup": tenant.CreditsRead, "CreateTopup": tenant.TopupsWrite,
		"ListInvoices": tenant.InvoicesRead, "GetInvoice": tenant.InvoicesRead, "ListInvoiceLines": tenant.InvoicesRead, "GetInvoiceCsv": tenant.InvoicesRead,
		"ListModels": tenant.ModelsRead, "GetModel": tenant.ModelsRead, "CreateModel": tenant.CatalogWrite, "UpdateModel": tenant.CatalogWrite,
		"ListAudit":     tenant.AuditRead,
		"ListApiTokens": tenant.TokensOwn, "CreateApiToken": tenant.TokensOwn, "RevokeApiToken": tenant.TokensOwn,
		"ListProviders": tenant.CatalogRead, "CreateProvider": tenant.CatalogWrite, "UpdateProvider": tenant.CatalogWrite,
		"ListAccounts": tenant.CatalogRead, "CreateAccount": tenant.CatalogWrite, "UpdateAccount": tenant.CatalogWrite,
		"ListUpstreamKeys": tenant.CatalogRead, "CreateUpstreamKey": tenant.CatalogWrite, "UpdateUpstreamKey": tenant.CatalogWrite, "RevokeUpstreamKey": tenant.CatalogWrite,
		"ListDeployments": tenant.CatalogRead, "CreateDeployment": tenant.CatalogWrite, "UpdateDeployment": tenant.CatalogWrite,
		"ListRoutes": tenant.CatalogRead, "CreateRoute": tenant.CatalogWrite, "ReplaceRoute": tenant.CatalogWrite, "DeleteRoute": tenant.CatalogWrite,
		"ListPriceBooks": tenant.PricesRead, "CreatePriceBook": tenant.PricesWrite, "ListPriceVersions": tenant.PricesRead, "CreatePriceVersion": tenant.PricesWrite,
		"ListPeriods": tenant.PeriodsRead, "GetPeriod": tenant.PeriodsRead, "ClosePeriod": tenant.PeriodsClose,
		"ListDeadLetters": tenant.OperationsRead, "GetStatus": tenant.OperationsRead,
	}[operation]
	return a, ok
}

// authorize lets an operation through if the caller's role in its tenant allows it.
func (s *Server) authorize(next gen.StrictHandlerFunc, operation string) gen.StrictHandlerFunc {
	need, known := abilityOf(operation)
	return func(c *gin.Context, request any) (any, error) {
		if !known {
			return nil, apperr.New(apperr.Forbidden, "This operation is closed.")
		}
		if need != anybody {
			if err := from(c).may(need); err != nil {
				return nil, err
			}
		}
		return next(c, request)
	}
}

func (p *principal) may(need tenant.Ability) error {
	if p == nil || !p.can(need) {
		return apperr.New(apperr.Forbidden, "Your role does not allow this (%s).", need)
	}
	if p.tenant == id.Nil && (need == tenant.KeysWrite || need == tenant.ProjectsWrite || need == tenant.TopupsWrite) {
		return apperr.New(apperr.Unprocessable, "The platform itself has no keys, projects or top-ups. Choose a tenant with X-Starlane-Tenant.")
	}
	return nil
}
