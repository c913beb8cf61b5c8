package upstream

import (
	"net/url"

	"starlane/internal/catalog"
)

// pathAt is where a call goes, below the base URL of the account: at a cloud the account's place is a part of it.
func pathAt(c *catalog.Candidate, path string) string {
	a := &c.Account
	switch c.Provider.Dialect {
	case catalog.AzureOpenAI:
		switch {
		case a.APIVersion == "":
			return "/openai/v1" + path
		case path == "/responses": // belongs to no deployment
			return "/openai" + path + "?api-version=" + a.APIVersion
		}
		return "/openai/deployments/" + url.PathEscape(c.Deployment.UpstreamModel) + path + "?api-version=" + a.APIVersion
	default:
		return path
	}
}
