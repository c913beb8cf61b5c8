package provider_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
)

// bedrock sends a request to Bedrock with a bearer token, which needs no signature.
func (s sim) bedrock(t testing.TB, path, body string) reply {
	t.Helper()
	return s.post(t, "/model/"+path, body)
}

func TestConverse(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	r := s.bedrock(t, "us.anthropic.demo-echo%3A0/converse", `{"messages":[{"role":"user","content":[{"text":"one two"}]}],"inferenceConfig":{"maxTokens":50}}`)
	require.Equal(t, http.StatusOK, r.status, string(r.body))
	require.Contains(t, string(r.body), `"content":[{"text":"one two"}]`)
	require.Contains(t, string(r.body), `"stopReason":"end_turn"`)
	require.Contains(t, string(r.body), `"outputTokens":2`)

	r = s.bedrock(t, "demo-echo/converse-stream", `{"messages":[{"role":"user","content":[{"text":"one two"}]}]}`)
	require.Equal(t, "application/vnd.amazon.eventstream", r.header.Get("Content-Type"))
	var kinds []string
	for src, dec := bytes.NewReader(r.body), eventstream.NewDecoder(); src.Len() > 0; {
		m, err := dec.Decode(src, nil)
		require.NoError(t, err)
		kinds = append(kinds, m.Headers.Get(":event-type").String())
	}
	require.Equal(t, "messageStart contentBlockDelta contentBlockDelta contentBlockStop messageStop metadata", strings.Join(kinds, " "))
}

// TestConverseRefuses what the API refuses, so that a client that passes here has kept to its rules.
func TestConverseRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	const turn = `{"role":"user","content":[{"text":"a"}]}`
	const call = `{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"n","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"text":""}]}}]}`
	for body, message := range map[string]string{
		`{"messages":[{"role":"assistant","content":[{"text":"a"}]}]}`:                                                          "must start with a user message",
		`{"messages":[` + turn + `,` + turn + `]}`:                                                                              "must alternate",
		`{"messages":[{"role":"user","content":[]}]}`:                                                                           "is empty",
		`{"messages":[{"role":"user","content":[{"text":" \n"}]}]}`:                                                             "is blank",
		`{"messages":[` + turn + `],"x":1}`:                                                                                     "unknown field",
		`{"messages":[` + turn + `,` + call + `]}`:                                                                              "toolConfig field must be defined",
		`{"messages":[` + turn + `],"toolConfig":{"tools":[]}}`:                                                                 "is empty",
		`{"messages":[` + turn + `],"toolConfig":{"tools":[{"toolSpec":{"name":"a b","inputSchema":{"json":{}}}}]}}`:            "not valid",
		`{"messages":[{"role":"user","content":[{"document":{"format":"pdf","name":"a.pdf","source":{"bytes":"JVBERi0="}}}]}]}`: "document name",
		`{"messages":[{"role":"user","content":[{"document":{"format":"pdf","name":"a","source":{"bytes":"JVBERi0="}}}]}]}`:     "must have a text",
	} {
		r := s.bedrock(t, "demo-echo/converse", body)
		require.Equal(t, http.StatusBadRequest, r.status, body)
		require.True(t, strings.HasPrefix(r.header.Get("X-Amzn-Errortype"), "ValidationException:"))
		require.Contains(t, string(r.body), message, body)
	}
	r := s.bedrock(t, "none/converse", `{"messages":[`+turn+`]}`)
	require.Contains(t, string(r.body), "model identifier is invalid")
}

// TestSignatures refuses what is not signed as it was sent. That a right signature passes is shown by the relay.
func TestSignatures(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	stamp := time.Now().UTC()
	sign := func(key, day, date, service string) []string {
		return []string{"Authorization", "AWS4-HMAC-SHA256 Credential=" + key + "/" + day + "/us-east-1/" + service + "/aws4_request, SignedHeaders=host;x-amz-date, Signature=0123", "X-Amz-Date", date}
	}
	now, day := stamp.Format("20060102T150405Z"), stamp.Format("20060102")
	old := stamp.Add(-time.Hour)
	for kind, header := range map[string][]string{
		"UnrecognizedClientException":  sign("AKIDOTHER", day, now, "bedrock"),
		"InvalidSignatureException":    sign(provider.AWSAccessKeyID, day, now, "bedrock"),
		"IncompleteSignatureException": sign(provider.AWSAccessKeyID, day, "yesterday", "bedrock"),
	} {
		r := s.post(t, "/model/demo-echo/converse", `{}`, header...)
		require.Equal(t, http.StatusForbidden, r.status)
		require.True(t, strings.HasPrefix(r.header.Get("X-Amzn-Errortype"), kind+":"), "%s: %s", kind, r.header.Get("X-Amzn-Errortype"))
	}
	for problem, header := range map[string][]string{
		"expired":         sign(provider.AWSAccessKeyID, old.Format("20060102"), old.Format("20060102T150405Z"), "bedrock"),
		"correct service": sign(provider.AWSAccessKeyID, day, now, "s3"),
		"does not match":  sign(provider.AWSAccessKeyID, day, now, "bedrock"),
	} {
		require.Contains(t, string(s.post(t, "/model/demo-echo/converse", `{}`, header...).body), problem)
	}
}

func TestHostedClaude(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	const messages = `"max_tokens":9,"messages":[{"role":"user","content":"one"}]`
	for body, message := range map[string]string{
		`{` + messages + `}`: "anthropic_version",
		`{"anthropic_version":"bedrock-2023-05-31","model":"m",` + messages + `}`:                  "model",
		`{"anthropic_version":"bedrock-2023-05-31","stream":true,` + messages + `}`:                "stream",
		`{"anthropic_version":"vertex-2023-10-16",` + messages + `}`:                               "bedrock-2023-05-31",
		`{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["x"],"y":1,` + messages + `}`: "y: Extra inputs",
	} {
		r := s.bedrock(t, "demo-echo/invoke", body)
		require.Equal(t, http.StatusBadRequest, r.status, body)
		require.Contains(t, string(r.body), message)
	}
	const place = "/v1/projects/p/locations/us-east5/publishers/anthropic/models/demo-echo:"
	require.Equal(t, http.StatusUnauthorized, s.post(t, place+"rawPredict", `{}`).status, "a key is no token")
	r := s.post(t, "/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {"a.b.c"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusBadRequest, r.status)
	require.Contains(t, string(r.body), "invalid_grant")
	r = send(t, t.Context(), http.MethodGet, s.url+"/_sim/service-account", "")
	require.Contains(t, string(r.body), `"token_uri":"`+s.url+`/token"`)
}

func TestAzure(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	body := chatBody("ignored", "one two", "")
	r := s.post(t, "/openai/deployments/demo-echo/chat/completions?api-version=2024-10-21", body, "Api-Key", testKey)
	require.Equal(t, http.StatusOK, r.status, string(r.body))
	require.Equal(t, http.StatusNotFound, s.post(t, "/openai/deployments/demo-echo/chat/completions", body, "Api-Key", testKey).status, "no version")
	r = s.post(t, "/openai/deployments/none/chat/completions?api-version=2024-10-21", body, "Api-Key", testKey)
	require.Contains(t, string(r.body), `"DeploymentNotFound"`)
	require.Equal(t, http.StatusUnauthorized, s.post(t, "/openai/v1/chat/completions", chatBody("demo-echo", "one", "")).status, "a bearer token alone")
	r = s.post(t, "/openai/v1/chat/completions", chatBody("demo-echo", "one", `,"stream":true`), "Api-Key", testKey)
	require.Contains(t, string(r.body), `"prompt_filter_results"`)
	require.Less(t, strings.Index(string(r.body), `"content_filter_offsets"`), strings.Index(string(r.body), "[DONE]"))
}
