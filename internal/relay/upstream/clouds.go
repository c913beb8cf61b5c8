package upstream

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"starlane/internal/catalog"
	"starlane/internal/catalog/credential"
	"starlane/internal/platform/clock"
	"starlane/internal/relay"
	"starlane/internal/relay/llm"
)

// pathAt is where a call goes, below the base URL of the account: at a cloud the account's place is a part of it.
func pathAt(c *catalog.Candidate, path string) string {
	a := &c.Account
	switch dialect := c.Provider.Dialect; {
	case dialect == catalog.AzureOpenAI:
		switch {
		case a.APIVersion == "":
			return "/openai/v1" + path
		case path == "/responses": // belongs to no deployment
			return "/openai" + path + "?api-version=" + a.APIVersion
		}
		return "/openai/deployments/" + url.PathEscape(c.Deployment.UpstreamModel) + path + "?api-version=" + a.APIVersion
	case isGoogle(dialect):
		return "/v1/projects/" + a.Project + "/locations/" + a.Region + path
	default:
		return path
	}
}

func isAWS(dialect string) bool {
	return dialect == catalog.Bedrock || dialect == catalog.BedrockAnthropic
}

// isGoogle tells the dialects whose keys are service accounts.
func isGoogle(dialect string) bool { return strings.HasPrefix(dialect, "vertex_") }

// awsService is the name of Bedrock in signatures.
const awsService = "bedrock"

// signAWS signs a request by Signature Version 4. The signer escapes the path a second time, as AWS does.
func (c *Client) signAWS(req *http.Request, d *relay.Dispatch, key *credential.AWS) *llm.Fault {
	u := *req.URL // the signer writes to it
	req.URL = &u
	hash := sha256.New()
	_, _ = d.Body.WriteTo(hash) // a hash takes all
	err := c.signer.SignHTTP(req.Context(),
		aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey, SessionToken: key.SessionToken},
		req, hex.EncodeToString(hash.Sum(nil)), awsService, d.Candidate.Account.Region, clock.System{}.Now())
	if err != nil {
		return &llm.Fault{Phase: llm.Dial, Kind: llm.Auth, Err: err}
	}
	return nil
}
