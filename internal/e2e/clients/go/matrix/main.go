// Command matrix runs cases with one client library, as clients/js/matrix.mjs does: one JSON object a line on stdin, one with what a
// user of the library saw on stdout.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// task is a case.
type task struct {
	Model   string            `json:"model"`
	Stream  bool              `json:"stream"`
	System  string            `json:"system"`
	Texts   []string          `json:"texts"`
	Files   []file            `json:"files"`
	Tools   []tool            `json:"tools"`
	Results map[string]string `json:"results"`
	Schema  map[string]any    `json:"schema"`
	Effort  string            `json:"effort"`
}

type file struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Data []byte `json:"data"`
}

type tool struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Parameters  map[string]any `json:"parameters"`
}

// turn is what a user saw of one answer.
type turn struct {
	Text     string `json:"text"`
	Thinking string `json:"thinking"`
	Signed   bool   `json:"signed"`
	Calls    []call `json:"calls"`
	Finish   string `json:"finish"`
	Usage    usage  `json:"usage"`
}

type call struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
	output    string
}

type usage struct {
	Input     int64  `json:"input"`
	Output    int64  `json:"output"`
	Cached    int64  `json:"cached"`
	Reasoning *int64 `json:"reasoning,omitempty"`
}

type seen struct {
	Turns    []*turn  `json:"turns"`
	Requests []string `json:"requests"`
	Error    *failure `json:"error"`
}

type failure struct {
	Type    string `json:"type"`
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// conversation with a model, in the words of one library. It keeps its history.
type conversation interface {
	say(text string, files []file)
	ask(ctx context.Context, t *turn) error
	give(calls []call)
}

// caseTimeout bounds one case, on a busy machine.
const caseTimeout = 2 * time.Minute

func main() {
	if err := run(os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func run(library string, in io.Reader, out io.Writer) error {
	open, ok := map[string]func(*task, *http.Client) conversation{
		"go-openai:chat": openChat, "go-openai:responses": openResponses, "go-anthropic": openMessages, "go-genai": openContents, "go-bedrock": openConverse,
	}[library]
	if !ok {
		return fmt.Errorf("there is no library %q", library)
	}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var c task
		if err := json.Unmarshal(line, &c); err != nil {
			return err
		}
		if err := json.NewEncoder(out).Encode(c.run(open)); err != nil {
			return err
		}
	}
}

func (c *task) run(open func(*task, *http.Client) conversation) *seen {
	ctx, cancel := context.WithTimeout(context.Background(), caseTimeout)
	defer cancel()
	var ids recorder
	s := &seen{Turns: []*turn{}}
	if err := c.converse(ctx, open(c, &http.Client{Transport: &ids}), s); err != nil {
		s.Error = &failure{Type: fmt.Sprintf("%T", err), Status: statusOf(err), Message: err.Error()}
	}
	s.Requests = ids
	return s
}

// converse says the user's texts in turn, and after each of them gives results for as long as the model calls tools.
func (c *task) converse(ctx context.Context, with conversation, s *seen) error {
	for n, text := range c.Texts {
		files := c.Files
		if n > 0 {
			files = nil
		}
		with.say(text, files)
		for {
			t := &turn{Calls: []call{}}
			s.Turns = append(s.Turns, t)
			if err := with.ask(ctx, t); err != nil {
				return err
			}
			if len(t.Calls) == 0 {
				break
			}
			for i := range t.Calls {
				t.Calls[i].output = c.Results[t.Calls[i].Name]
			}
			with.give(t.Calls)
		}
	}
	return nil
}

// recorder is a transport that keeps the ids of requests.
type recorder []string

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		*r = append(*r, res.Header.Get("X-Request-Id"))
	}
	return res, err
}
