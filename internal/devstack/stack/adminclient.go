package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// admin calls the admin API as one caller. The seed uses no other way in, so it proves the API at each first start.
type admin struct {
	base   string // with /api/v1
	token  string
	client *http.Client
}

// problem is an answer of the API, or of the relay, that is no success.
type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	what   string
}

func (p *problem) Error() string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s: %d %s %s %s", p.what, p.Status, p.Code, p.Title, p.Detail)), " ")
}

// isStatus tells whether an error is an answer with that status.
func isStatus(err error, status int) bool {
	var p *problem
	return errors.As(err, &p) && p.Status == status
}

const answerLimit = 8 << 20

func (a admin) call(ctx context.Context, method, path string, in, out any, headers ...string) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, answerLimit))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode/100 != 2 {
		p := &problem{what: method + " " + path}
		if json.Unmarshal(data, p) != nil {
			p.Detail = string(data[:min(len(data), 300)])
		}
		p.Status = res.StatusCode
		return p
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

type page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// find reads pages of a list until one item fits.
func find[T any](ctx context.Context, a admin, path string, fits func(T) bool) (item T, found bool, err error) {
	query := url.Values{"limit": {"200"}}
	for {
		var p page[T]
		if err := a.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &p); err != nil {
			return item, false, err
		}
		for _, it := range p.Items {
			if fits(it) {
				return it, true, nil
			}
		}
		if p.NextCursor == nil || *p.NextCursor == "" {
			return item, false, nil
		}
		query.Set("cursor", *p.NextCursor)
	}
}

// ensure returns the item of a list that fits, and creates it if there is none.
func ensure[T any](ctx context.Context, a admin, path string, fits func(T) bool, create any) (T, error) {
	item, ok, err := find(ctx, a, path, fits)
	if ok || err != nil {
		return item, err
	}
	err = a.call(ctx, http.MethodPost, path, create, &item)
	return item, err
}

// accessToken signs in with email and password.
func accessToken(ctx context.Context, a admin, email, password string) (string, error) {
	var out struct {
		AccessToken string `json:"access_token"`
	}
	err := a.call(ctx, http.MethodPost, "/auth/token", map[string]string{"email": email, "password": password}, &out)
	if err == nil && out.AccessToken == "" {
		err = errors.New("POST /auth/token: no access_token in the answer")
	}
	return out.AccessToken, err
}
