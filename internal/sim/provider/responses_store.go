package provider

import (
	"encoding/json"
	"net/http"
	"sync"
)

// maxStored bounds the bytes of stored responses; the oldest go first.
const maxStored = 64 << 20

// storedResponse is a response that the vendor keeps because the client did not ask it not to.
type storedResponse struct {
	key     string
	body    []byte
	history []inputItem
	output  []inputItem
	size    int
}

// responseStore keeps responses for previous_response_id, item references and GET /v1/responses/{id}.
type responseStore struct {
	mu    sync.Mutex
	byID  map[string]*storedResponse
	order []string
	size  int
}

func newResponseStore() *responseStore { return &responseStore{byID: map[string]*storedResponse{}} }

func (st *responseStore) reset() {
	st.mu.Lock()
	defer st.mu.Unlock()
	clear(st.byID)
	st.order, st.size = nil, 0
}

// keep stores an answer with the conversation that led to it.
func (st *responseStore) keep(key string, req *responseRequest, a *responseAnswer) {
	r := &storedResponse{key: key, body: a.appendBody(nil, true)}
	for _, o := range a.output {
		r.output = append(r.output, o.asInput())
	}
	r.history = append(append(r.history, req.items...), r.output...)
	r.size = len(r.body)
	for _, it := range r.history {
		r.size += len(it.text) + len(it.Arguments) + len(it.Content) + len(it.Output)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.byID[a.id] = r
	st.order = append(st.order, a.id)
	st.size += r.size
	for st.size > maxStored && len(st.order) > 1 {
		st.drop(st.order[0])
		st.order = st.order[1:]
	}
}

func (st *responseStore) drop(id string) {
	if r := st.byID[id]; r != nil {
		st.size -= r.size
		delete(st.byID, id)
	}
}

// find gives a stored response of the key.
func (st *responseStore) find(key, id string) *storedResponse {
	st.mu.Lock()
	defer st.mu.Unlock()
	if r := st.byID[id]; r != nil && r.key == key {
		return r
	}
	return nil
}

// history gives the items up to and with a stored response.
func (st *responseStore) history(key, id string) ([]inputItem, bool) {
	r := st.find(key, id)
	if r == nil {
		return nil, false
	}
	return r.history, true
}

// item gives a stored item of the key's responses.
func (st *responseStore) item(key, id string) (inputItem, bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, r := range st.byID {
		if r.key != key {
			continue
		}
		for _, it := range r.output {
			if it.ID == id {
				return it, true
			}
		}
	}
	return inputItem{}, false
}

func errNoResponse(id string) *apiError {
	return newError(http.StatusNotFound, invalidRequest, "", "", "Response with id '"+id+"' not found.")
}

// getResponse serves GET /v1/responses/{id}.
func (s *Server) getResponse(c *call) *apiError {
	id := c.r.PathValue("id")
	r := s.responses.find(c.key, id)
	if r == nil {
		return errNoResponse(id)
	}
	return s.plain(c, r.body)
}

// deleteResponse serves DELETE /v1/responses/{id}.
func (s *Server) deleteResponse(c *call) *apiError {
	id := c.r.PathValue("id")
	if s.responses.find(c.key, id) == nil {
		return errNoResponse(id)
	}
	s.responses.mu.Lock()
	s.responses.drop(id)
	s.responses.mu.Unlock()
	return s.plain(c, appendJSON(nil, struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Deleted bool   `json:"deleted"`
	}{id, "response", true}))
}

// asInput gives an item of an answer as a later request would send it.
func (o outputItem) asInput() inputItem {
	it := inputItem{Type: o.kind, ID: o.id, CallID: o.callID, Name: o.name, kept: true}
	switch o.kind {
	case itemMessage:
		it.Role, it.text = roleAssistant, string(join(o.pieces))
		it.Content = json.RawMessage(quote(it.text))
	case itemCall, itemCustomCall:
		it.Arguments = string(join(o.pieces))
	}
	return it
}
