package provider

import (
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string as the OpenAI API writes it: only what JSON demands is escaped.
func appendQuoted[T string | []byte](out []byte, s T) []byte {
	out = append(out, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		out = append(out, s[start:i]...)
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, '\\', 'n')
		case '\r':
			out = append(out, '\\', 'r')
		case '\t':
			out = append(out, '\\', 't')
		default:
			if c >= utf8.RuneSelf {
				out = append(out, "\ufffd"...)
			} else {
				out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
		}
		i++
		start = i
	}
	return append(append(out, s[start:]...), '"')
}

func appendInt(out []byte, n int) []byte { return strconv.AppendInt(out, int64(n), 10) }

func (u tokenUsage) appendJSON(out []byte) []byte {
	out = append(out, `{"prompt_tokens":`...)
	out = appendInt(out, u.Prompt)
	out = append(out, `,"completion_tokens":`...)
	out = appendInt(out, u.Completion)
	out = append(out, `,"total_tokens":`...)
	out = appendInt(out, u.Total)
	out = append(out, `,"prompt_tokens_details":{"cached_tokens":`...)
	out = appendInt(out, u.PromptDetails.Cached)
	out = append(out, `,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":`...)
	out = appendInt(out, u.CompletionDetails.Reasoning)
	return append(out, `,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`...)
}

// logprobDigit makes up the first digit after the point of a token's logprob from its text.
func logprobDigit(token string) int { return 1 + int(hashBytes(hashStart, token)%9) }

// appendLogprob appends one entry of logprobs.content; the figures are made up from the token's text.
func appendLogprob(out []byte, token string) []byte {
	out = append(out, `{"token":`...)
	out = appendQuoted(out, token)
	out = append(out, `,"logprob":-0.`...)
	out = appendInt(out, logprobDigit(token))
	out = append(out, `,"bytes":[`...)
	for i := range len(token) {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendInt(out, int(token[i]))
	}
	return append(out, `],"top_logprobs":[]}`...)
}

func appendLogprobs(out []byte, tokens ...string) []byte {
	out = append(out, `{"content":[`...)
	for i, t := range tokens {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendLogprob(out, t)
	}
	return append(out, `],"refusal":null}`...)
}

// appendBody appends the whole answer as a chat.completion object.
func (a *answer) appendBody(out []byte, withUsage bool) []byte {
	if a.vendor != nil && a.vendor.Name == "deepseek" {
		out = append(out, "\n\n"...) // sent while a request waits
	}
	out = append(out, `{"id":"`...)
	out = append(out, a.id...)
	out = append(out, `","object":"chat.completion","created":`...)
	out = strconv.AppendInt(out, a.created, 10)
	out = append(out, `,"model":`...)
	out = appendQuoted(out, a.model)
	out = append(out, `,"choices":[`...)
	for i, c := range a.choices {
		if i > 0 {
			out = append(out, ',')
		}
		out = a.appendChoice(out, i, c)
	}
	out = append(out, ']')
	if withUsage {
		out = append(out, `,"usage":`...)
		out = a.appendVendorUsage(out)
	}
	return append(out, `,"service_tier":"default","system_fingerprint":"`+fingerprint+`"}`...)
}

func (a *answer) appendChoice(out []byte, index int, c choice) []byte {
	out = append(out, `{"index":`...)
	out = appendInt(out, index)
	out = append(out, `,"message":{"role":"assistant",`...)
	out = append(a.appendThoughts(out, c.thinking), `"content":`...)
	if len(c.calls) > 0 {
		out = append(out, "null"...)
	} else {
		out = a.appendContent(out, c)
	}
	for i, call := range c.calls {
		if i == 0 {
			out = append(out, `,"tool_calls":[`...)
		} else {
			out = append(out, ',')
		}
		kind, arguments := call.members()
		out = append(out, `{"id":"`+call.id+`","type":"`+kind+`","`+kind+`":{"name":`...)
		out = appendQuoted(out, call.name)
		out = append(out, `,"`+arguments+`":`...)
		out = append(appendQuoted(out, join(call.arguments)), '}', '}')
	}
	if len(c.calls) > 0 {
		out = append(out, ']')
	}
	out = append(out, `,"refusal":null,"annotations":[`...)
	out = append(c.appendAnnotation(out), `]},"logprobs":`...)
	if a.logprobs && len(c.calls) == 0 {
		out = appendLogprobs(out, c.content...)
	} else {
		out = append(out, "null"...)
	}
	out = append(out, `,"finish_reason":"`...)
	out = append(out, c.finish...)
	return append(out, '"', '}')
}

func join(parts []string) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
