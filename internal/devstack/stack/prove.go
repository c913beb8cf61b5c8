package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"starlane/internal/devstack/proc"
)

const (
	// A new key and a new price reach the relay within two seconds; a busy machine is given more.
	proofAcceptedWithin = 20 * time.Second
	proofBilledWithin   = 20 * time.Second
	proofBody           = `{"model":"` + demoModel + `","messages":[{"role":"user","content":"hi"}]}`
)

// Proof is the last request of a start.
type Proof struct {
	RequestID    string `json:"request_id"`
	Charge       string `json:"charge_usd"`
	InputTokens  int64  `json:"input_tokens"`
	OutputTokens int64  `json:"output_tokens"`
	Balance      string `json:"balance_usd"`
	BilledAfter  string `json:"billed_after"`
}

// prove sends a chat completion as the demo tenant would and waits until the ledger has it.
func (u *up) prove(ctx context.Context) (*Proof, error) {
	requestID, err := u.askRelay(ctx)
	if err != nil {
		return nil, fmt.Errorf("the relay does not answer a chat completion: %w", err)
	}
	answered := time.Now()
	owner, err := u.owner(ctx)
	if err != nil {
		return nil, err
	}
	p := &Proof{RequestID: requestID}
	var request struct {
		Charge       string `json:"charge"`
		InputTokens  int64  `json:"input_tokens"`
		OutputTokens int64  `json:"output_tokens"`
	}
	var last error
	wait, cancel := context.WithTimeout(ctx, proofBilledWithin)
	defer cancel()
	err = proc.WaitFor(wait, 50*time.Millisecond, func() bool {
		err := owner.call(wait, http.MethodGet, "/requests/"+requestID, nil, &request)
		if err != nil && wait.Err() != nil {
			return false
		}
		last = err
		return err == nil || !isStatus(err, http.StatusNotFound)
	})
	if err != nil || last != nil {
		return nil, fmt.Errorf("request %s is not billed after %s: %w", requestID, time.Since(answered).Round(time.Millisecond), errors.Join(err, last))
	}
	p.BilledAfter = time.Since(answered).Round(time.Millisecond).String()
	p.Charge, p.InputTokens, p.OutputTokens = request.Charge, request.InputTokens, request.OutputTokens
	var balance struct {
		Balance string `json:"balance"`
	}
	if err := owner.call(ctx, http.MethodGet, "/balance", nil, &balance); err != nil {
		return nil, fmt.Errorf("balance: %w", err)
	}
	p.Balance = balance.Balance
	return p, nil
}

// askRelay returns the id of a request that was answered.
func (u *up) askRelay(ctx context.Context) (requestID string, err error) {
	err = untilAccepted(ctx, func(ctx context.Context) error {
		requestID, err = u.chatOnce(ctx)
		return err
	})
	return requestID, err
}

// untilAccepted tries a request until the relay has heard of its key, its model and their price; until then it refuses.
func untilAccepted(ctx context.Context, try func(context.Context) error) error {
	wait, cancel := context.WithTimeout(ctx, proofAcceptedWithin)
	defer cancel()
	var last error
	err := proc.WaitFor(wait, 100*time.Millisecond, func() bool {
		err := try(wait)
		if err != nil && wait.Err() != nil {
			return false // the end of the wait says nothing; what came before does
		}
		last = err
		return err == nil
	})
	if err != nil && last != nil {
		return last
	}
	return err
}

// ask sends a request to the relay and reads the whole answer. Every status but 200 is a problem.
func (u *up) ask(ctx context.Context, key, path string, body []byte) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.relayURL()+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("ask the relay: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	res, err := u.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, answerLimit))
	if err != nil {
		return nil, nil, fmt.Errorf("read the relay's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, nil, &problem{Status: res.StatusCode, Detail: string(bytes.TrimSpace(answer[:min(len(answer), 500)])), what: "POST " + path}
	}
	return res.Header, answer, nil
}

func (u *up) chatOnce(ctx context.Context) (string, error) {
	header, body, err := u.ask(ctx, u.secrets.Demo.VirtualKey, "/v1/chat/completions", []byte(proofBody))
	if err != nil {
		return "", err
	}
	var answer struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
		Usage *struct{} `json:"usage"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Choices) == 0 || answer.Choices[0].Message.Content == "" || answer.Usage == nil {
		return "", errors.New("the answer is no chat completion with content and usage")
	}
	id := header.Get("x-request-id")
	if id == "" {
		return "", errors.New("the answer has no x-request-id")
	}
	return id, nil
}
