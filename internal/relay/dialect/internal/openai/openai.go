// Package openai holds what the wire formats of the OpenAI API have in common: usage, errors, names.
package openai

import (
	"encoding/json"
	"net/http"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/internal/httpfault"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Dialect is the name under which providers of this kind are registered.
const Dialect = "openai"

// maxTokens bounds a reported count: what is larger is a broken report, and is treated as none.
const maxTokens = 1_000_000_000

type errorBody struct {
	Error errorInfo `json:"error"`
}

type errorInfo struct {
	Message   string  `json:"message"`
	Type      string  `json:"type"`
	Param     *string `json:"param"`
	Code      string  `json:"code"`
	RequestID string  `json:"request_id,omitempty"`
}

// AppendError renders the error object of the API.
func AppendError(dst []byte, e *apperr.Error, requestID string) []byte {
	info := errorInfo{Message: e.Message, Type: errorType(e.Code), Code: string(e.Code), RequestID: requestID}
	if e.Param != "" {
		info.Param = &e.Param
	}
	b, err := json.Marshal(errorBody{info})
	if err != nil { // strings always marshal
		return append(dst, `{"error":{"message":"Something went wrong on our side.","type":"server_error","param":null,"code":"internal"}}`...)
	}
	return append(dst, b...)
}

// AppendStreamError renders the error as the last event of a stream.
func AppendStreamError(dst []byte, e *apperr.Error, requestID string) []byte {
	dst = append(dst, "data: "...)
	dst = AppendError(dst, e, requestID)
	return append(dst, "\n\n"...)
}

func errorType(c apperr.Code) string {
	switch c {
	case apperr.InvalidRequest, apperr.UnsupportedParam, apperr.InvalidAPIKey, apperr.ModelNotFound, apperr.RequestTooLarge, apperr.ModelUnpriced, apperr.NotFound,
		apperr.PreviousNotFound, apperr.SessionExpired, apperr.ContextTooLong:
		return "invalid_request_error"
	case apperr.InsufficientCredit, apperr.BudgetExceeded:
		return "billing_error"
	case apperr.ModelNotAllowed:
		return "permission_error"
	case apperr.RateLimitExceeded:
		return "rate_limit_error"
	case apperr.UpstreamError, apperr.UpstreamAuth, apperr.Timeout:
		return "upstream_error"
	default:
		return "server_error"
	}
}

// ReadFault classifies an answer whose status is not 200. It releases the content unless the fault carries it.
func ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	f := httpfault.Classify(status, h)
	code, shaped := errorCode(c.Open())
	if f.Kind == llm.Limited && (code == "insufficient_quota" || code == "billing_hard_limit_reached" || code == "billing_not_active") {
		f.Kind = llm.Exhausted
	}
	if f.Kind == llm.Caller && shaped {
		f.Answer = c
		return f
	}
	c.Release()
	return f
}

// ReadRefusal is ReadFault for clients of other formats, who are told the sentence alone.
func ReadRefusal(status int, h http.Header, c body.Content) (f *llm.Fault, message string) {
	message = ErrorMessage(c.Open())
	f = ReadFault(status, h, c)
	f.Answer.Release()
	f.Answer = body.Content{}
	return f, message
}

// errorCode returns the code, or failing that the type, of an error body, and whether it is one at all.
func errorCode(src []byte) (code string, shaped bool) {
	var kind string
	c := guard.NewCursor(src)
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		if string(k) != "error" || c.Kind() != guard.Object {
			c.Skip()
			continue
		}
		shaped = true
		for k, ok := c.Object(); ok; k, ok = c.Next() {
			switch {
			case string(k) == "code" && c.Kind() == guard.String:
				raw, _ := c.Text()
				code = string(raw)
			case string(k) == "type" && c.Kind() == guard.String:
				raw, _ := c.Text()
				kind = string(raw)
			default:
				c.Skip()
			}
		}
	}
	if code == "" {
		code = kind
	}
	return code, shaped && c.End()
}

// UsageNames are what a format calls the members of a usage.
type UsageNames struct{ prompt, completion, promptDetails, completionDetails string }

// The formats' names.
var (
	ChatUsage      = UsageNames{"prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details"} //nolint:gochecknoglobals // a constant table
	ResponsesUsage = UsageNames{"input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details"}           //nolint:gochecknoglobals // a constant table
)

// ReadUsage reads a usage object of a chat completion.
func ReadUsage(c *guard.Cursor) (counts usage.Counts, ok bool) { return ReadUsageOf(c, &ChatUsage) }

// ReadUsageOf reads a usage object at the cursor into the classes. ok is false if it says nothing that can be billed. Compatible
// vendors tell what was cached in members of their own, and some do not count thoughts among the completion: then only the total
// has all.
func ReadUsageOf(c *guard.Cursor, names *UsageNames) (counts usage.Counts, ok bool) {
	var prompt, completion, cached, written, reasoning, heard, spoken, total int64
	var have, broken bool
	read := func(into *int64) {
		if c.Kind() == guard.Null {
			c.Skip()
			return
		}
		v, ok := c.Int(maxTokens)
		if *into = v; !ok {
			broken = true
		}
	}
	details := func(name string, into, audio *int64) {
		if c.Kind() != guard.Object {
			c.Skip()
			return
		}
		for k, ok := c.Object(); ok; k, ok = c.Next() {
			switch string(k) {
			case name:
				read(into)
			case "cache_write_tokens", "cache_creation_input_tokens":
				read(&written)
			case "audio_tokens":
				read(audio)
			default:
				c.Skip()
			}
		}
	}
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case names.prompt:
			have = c.Kind() == guard.Number
			read(&prompt)
		case names.completion:
			read(&completion)
		case "total_tokens":
			read(&total)
		case "prompt_cache_hit_tokens", "cached_tokens": // DeepSeek's, Moonshot's
			var n int64
			read(&n)
			cached = max(cached, n)
		case names.promptDetails:
			before := cached
			details("cached_tokens", &cached, &heard)
			cached = max(cached, before)
		case names.completionDetails:
			details("reasoning_tokens", &reasoning, &spoken)
		default:
			c.Skip()
		}
	}
	if c.Bad() || broken || !have || prompt+completion == 0 {
		return usage.Counts{}, false
	}
	if reasoning > 0 && total == prompt+completion+reasoning { // xAI's
		completion += reasoning
	}
	split(&counts, usage.InText, prompt, part{usage.InCached, cached}, part{usage.CacheWrite5m, written}, part{usage.InAudio, heard})
	split(&counts, usage.OutText, completion, part{usage.OutReasoning, reasoning}, part{usage.OutAudio, spoken})
	return counts, true
}

// part is how many tokens of a total have a class of their own.
type part struct {
	class  usage.Class
	tokens int64
}

// split sets a total, less its parts, and the parts, which never exceed it.
func split(counts *usage.Counts, whole usage.Class, total int64, parts ...part) {
	from := usage.Reported
	for _, p := range parts {
		if n := min(p.tokens, total); n > 0 {
			from = usage.Derived
			counts.Set(p.class, n, usage.Reported)
			total -= n
		}
	}
	counts.Set(whole, total, from)
}

// ErrorMessage reads the sentence of an error body, empty if it is none.
func ErrorMessage(src []byte) (message string) {
	c := guard.NewCursor(src)
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		if string(k) != "error" || c.Kind() != guard.Object {
			c.Skip()
			continue
		}
		for k, ok := c.Object(); ok; k, ok = c.Next() {
			if string(k) == "message" && c.Kind() == guard.String {
				raw, _ := c.Text()
				message, _ = guard.Unquote(raw)
				continue
			}
			c.Skip()
		}
	}
	if !c.End() {
		return ""
	}
	return message
}
