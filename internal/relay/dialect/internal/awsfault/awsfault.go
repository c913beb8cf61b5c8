// Package awsfault reads the refusals of Amazon Bedrock: a message in the body, the kind of error in a header.
package awsfault

import (
	"net/http"
	"strings"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/internal/httpfault"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Read is dialect.Upstream.ReadFault.
func Read(status int, h http.Header, c body.Content) (f *llm.Fault, message string) {
	defer c.Release()
	f = httpfault.Classify(status, h)
	kind, _, _ := strings.Cut(h.Get("X-Amzn-Errortype"), ":") // a URL may stand behind the name
	message = read(c.Open())
	switch kind {
	case "UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignature", "IncompleteSignatureException",
		"ExpiredTokenException", "MissingAuthenticationTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch":
		f.Kind = llm.Auth
	case "AccessDeniedException": // also where an account has not asked for a model
		if f.Kind = llm.Auth; strings.Contains(message, "access to the model") {
			f.Kind = llm.Missing
		}
	case "ThrottlingException":
		f.Kind = llm.Limited
	case "ServiceQuotaExceededException":
		f.Kind = llm.Exhausted
	case "ResourceNotFoundException":
		f.Kind = llm.Missing
	case "ModelTimeoutException":
		f.Kind, f.Timeout = llm.Transient, true
	case "ModelNotReadyException", "ModelErrorException", "ModelStreamErrorException", "ServiceUnavailableException", "InternalServerException":
		f.Kind = llm.Transient
	case "ValidationException":
		if misplaced(message) {
			f.Kind = llm.Missing
		}
	}
	if strings.Contains(message, "arn:aws") { // names our account
		message = ""
	}
	return f, message
}

// misplaced tells mistakes of the catalogue from those of the client, both of which are validation errors.
func misplaced(message string) bool {
	for _, part := range [...]string{"model identifier is invalid", "on-demand throughput", "model ID is not supported", "isn't supported for model"} {
		if strings.Contains(message, part) {
			return true
		}
	}
	return false
}

func read(src []byte) (message string) {
	c := guard.NewCursor(src)
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		if (string(k) == "message" || string(k) == "Message") && c.Kind() == guard.String {
			raw, _ := c.Text()
			message, _ = guard.Unquote(raw)
			continue
		}
		c.Skip()
	}
	if !c.End() {
		return ""
	}
	return message
}
