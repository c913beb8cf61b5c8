package dialect

import (
	"net/http"
	"strings"

	"starlane/internal/platform/apperr"
)

// tooLong are what vendors say of a prompt that is longer than the model's context, in small letters. None of them has a code for it
// that all of its models give.
var tooLong = [...]string{ //nolint:gochecknoglobals // a constant table
	"maximum context length", "context window", "context length", "context limit", "prompt is too long", "input is too long", "input token count",
	"maximum number of tokens allowed",
}

// mistake is the code of a client's mistake. Agents shorten their history where they are told that it is too long, and give up at
// other mistakes.
func mistake(status int, message string) apperr.Code {
	if status == http.StatusRequestEntityTooLarge {
		return apperr.RequestTooLarge
	}
	message = strings.ToLower(message)
	for _, words := range tooLong {
		if strings.Contains(message, words) {
			return apperr.ContextTooLong
		}
	}
	return apperr.InvalidRequest
}
