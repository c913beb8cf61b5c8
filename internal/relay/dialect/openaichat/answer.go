package openaichat

import (
	"errors"
	"net/http"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

var errNoAnswer = errors.New("the answer is not a chat completion")

// ReadAnswer implements dialect.Egress.
func (*Chat) ReadAnswer(content body.Content) (llm.Answer, error) {
	var a llm.Answer
	var choices bool
	c := guard.NewCursor(content.Open())
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case string(k) == "usage" && c.Kind() == guard.Object:
			a.UsageAt = c.At() + 1
			a.Counts, a.Reported = openai.ReadUsage(&c)
		case string(k) == "choices" && c.Kind() == guard.Array:
			choices = true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if !c.End() || !choices {
		return llm.Answer{}, errNoAnswer
	}
	if a.Reported && a.Counts.Output() == 0 && (*Chat)(nil).EstimateAnswer(content, bytesOf) > 0 {
		a.Reported = false // a text that cost no tokens: the report is not one
	}
	if !a.Reported {
		a.UsageAt = 0
	}
	a.Finished = true
	return a, nil
}

// bytesOf counts enough to tell something from nothing.
func bytesOf(text []byte) usage.Tokens { return usage.Tokens(len(text)) }

// AppendCost implements dialect.Egress.
func (*Chat) AppendCost(dst []byte, usd string) []byte { return openai.AppendCost(dst, usd) }

// ReadFault implements dialect.Egress.
func (*Chat) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	return openai.ReadFault(status, h, c)
}

// Tokens that no text shows, as the API's documentation counts them for its chat models.
const (
	perMessage = 3
	perReply   = 3
	perImage   = 765 // a picture of 1024 × 1024 in high detail
)

// EstimatePrompt implements dialect.Egress.
func (d *Chat) EstimatePrompt(r *llm.Request, count dialect.Count) usage.Tokens {
	total := usage.Tokens(perReply)
	c := guard.NewCursor(r.Content.Open())
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case string(k) == "messages" && c.Kind() == guard.Array:
			for ok := c.Array(); ok; ok = c.More() {
				total += perMessage + message(&c, count, true)
			}
		case (string(k) == "tools" || string(k) == "functions" || string(k) == "response_format") && !c.Bad():
			total += count(c.Raw())
		default:
			c.Skip()
		}
	}
	return total
}

// message counts one message of a prompt or an answer; that an answer is the assistant's is not part of it.
func message(c *guard.Cursor, count dialect.Count, prompt bool) (total usage.Tokens) {
	if c.Kind() != guard.Object {
		c.Skip()
		return 0
	}
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case string(k) == "role" && !prompt:
			c.Skip()
		case c.Kind() == guard.String:
			raw, _ := c.Text()
			if string(k) != "id" && string(k) != "tool_call_id" {
				total += countEscaped(raw, len(raw), count)
			}
		case string(k) == "content" && c.Kind() == guard.Array:
			for ok := c.Array(); ok; ok = c.More() {
				total += part(c, count)
			}
		case string(k) == "tool_calls" && c.Kind() == guard.Array:
			total += count(c.Raw())
		default:
			c.Skip()
		}
	}
	return total
}

func part(c *guard.Cursor, count dialect.Count) (total usage.Tokens) {
	if c.Kind() != guard.Object {
		c.Skip()
		return 0
	}
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case (string(k) == "text" || string(k) == "refusal") && c.Kind() == guard.String:
			raw, _ := c.Text()
			total += countEscaped(raw, len(raw), count)
		case string(k) == "image_url":
			total += perImage
			c.Skip()
		default:
			c.Skip()
		}
	}
	return total
}

// EstimateAnswer implements dialect.Egress.
func (*Chat) EstimateAnswer(content body.Content, count dialect.Count) (total usage.Tokens) {
	c := guard.NewCursor(content.Open())
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		if string(k) != "choices" || c.Kind() != guard.Array {
			c.Skip()
			continue
		}
		for ok := c.Array(); ok; ok = c.More() {
			if c.Kind() != guard.Object {
				c.Skip()
				continue
			}
			for k, ok := c.Object(); ok; k, ok = c.Next() {
				if string(k) == "message" {
					total += message(&c, count, false)
				} else {
					c.Skip()
				}
			}
		}
	}
	return total
}

// countEscaped counts the first bytes of a text, escaped as in JSON, and scales the count to all of it.
func countEscaped(raw []byte, all int, count dialect.Count) usage.Tokens {
	if len(raw) == 0 {
		return 0
	}
	text, err := guard.Unquote(raw)
	if err != nil {
		text = string(raw)
	}
	n := count([]byte(text))
	if all > len(raw) {
		n = n * usage.Tokens(all) / usage.Tokens(len(raw))
	}
	return n
}
