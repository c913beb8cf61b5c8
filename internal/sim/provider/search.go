package provider

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// searches says whether a model that may search the web does so for what a user says.
func searches(user string) bool { return strings.HasPrefix(user, "search ") }

// foundAt is the page that every search finds.
const (
	foundAt    = "https://example.com/found"
	foundTitle = "What was found"
	sealFound  = "found"
)

// searchBlocks is a search of Anthropic's and what it finds.
func (s *Server) searchBlocks(req *messageRequest, t *task) []outputBlock {
	nonce := newRandom(s.cfg.Seed^hashBytes(hashStart, t.user), uint64(len(req.Messages))|1<<32)
	id := "srvtoolu_" + strconv.FormatUint(nonce.next(), 36)
	result := `{"type":"web_search_tool_result","tool_use_id":"` + id + `","content":[{"type":"web_search_result","url":"` + foundAt +
		`","title":"` + foundTitle + `","encrypted_content":"` + s.seal(nonce.next(), sealFound, id) + `","page_age":null}]}`
	query := string(appendJSON(nil, map[string]string{"query": t.user}))
	return []outputBlock{
		{kind: "server_tool_use", pieces: []string{query}, id: id, name: "web_search"},
		{kind: "web_search_tool_result", data: result},
	}
}

// searchTool says whether the request has the tool, and may use it.
func (r *messageRequest) searchTool() bool {
	for _, t := range r.Tools {
		if strings.HasPrefix(t.Type, "web_search_") && (t.MaxUses == nil || *t.MaxUses > 0) {
			return true
		}
	}
	return false
}

// citation says that a text of Anthropic's is from the page that was found.
const citation = `{"type":"web_search_result_location","cited_text":"Found.","url":"` + foundAt + `","title":"` + foundTitle + `","encrypted_index":"Eo8BCioIAhgBIiQ="}`

// checkSearches refuses results of searches that were changed, or stand without their search.
func (s *Server) checkSearches(blocks []inputBlock) *apiError {
	asked := ""
	for _, b := range blocks {
		switch {
		case b.Type == "server_tool_use":
			asked = b.ID
		case b.Type != "web_search_tool_result" || jsonType(b.Content) != "array":
		case b.ToolUseID != asked:
			return badMessage(b.path, "unexpected `tool_use_id` found in `web_search_tool_result` blocks: %s", b.ToolUseID)
		default:
			var results []struct {
				Content string `json:"encrypted_content"`
			}
			if json.Unmarshal(b.Content, &results) != nil || len(results) != 1 || !s.sealed(results[0].Content, sealFound, asked) {
				return badMessage(b.path, "Invalid `encrypted_content` in `search_result` block")
			}
		}
	}
	return nil
}

// searchTool says whether the model may search the web.
func (r *chatRequest) searchTool() bool { return jsonType(r.WebSearch) == "object" }

// checkSearch refuses what models that search do not take, and searches by others.
func (r *chatRequest) checkSearch() *apiError {
	switch {
	case r.Model != ModelSearch && r.searchTool():
		return newError(http.StatusBadRequest, invalidRequest, "", "web_search_options", "Web search options not supported with this model.")
	case r.Model == ModelSearch && len(r.Tools) > 0:
		return newError(http.StatusBadRequest, invalidRequest, "", "tools", "tools is not supported with this model.")
	}
	return nil
}

// appendAnnotation says where a text of a chat completion is from.
func (c *choice) appendAnnotation(out []byte) []byte {
	if !c.searched {
		return out
	}
	out = append(out, `{"type":"url_citation","url_citation":{"start_index":0,"end_index":`...)
	out = appendInt(out, utf8.RuneCount(join(c.content)))
	return append(out, `,"title":"`+foundTitle+`","url":"`+foundAt+`"}}`...)
}

// appendGrounding says what a text of Gemini's is founded on: all of it on the page that was found.
func appendGrounding(out []byte, query, text string) []byte {
	out = appendQuoted(append(out, `,"groundingMetadata":{"webSearchQueries":[`...), query)
	out = append(out, `],"groundingChunks":[{"web":{"uri":"`+foundAt+`","title":"`+foundTitle+`"}}],"groundingSupports":[{"segment":{"endIndex":`...)
	out = appendInt(out, len(text))
	out = appendQuoted(append(out, `,"text":`...), text)
	return append(out, `},"groundingChunkIndices":[0]}]}`...)
}
