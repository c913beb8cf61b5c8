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
func (*Chat) ReadAnswer(r *llm.Request, content body.Content, _ dialect.Meter) (llm.Answer, error) {
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
	if r != nil && r.Search.Most > 0 {
		search(&a.Counts)
	}
	return a, nil
}

// search counts the search of an answer: models that search for chat clients do so once, and no usage says it.
func search(c *usage.Counts) { c.Set(usage.SearchQuery, 1, usage.Derived) }

// bytesOf counts enough to tell something from nothing.
func bytesOf(text []byte) usage.Tokens { return usage.Tokens(len(text)) }

// AppendCost implements dialect.Egress.
func (*Chat) AppendCost(dst []byte, usd string) []byte { return dialect.AppendCost(dst, usd) }

// ReadFault implements dialect.Egress.
func (*Chat) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	return openai.ReadFault(status, h, c)
}
