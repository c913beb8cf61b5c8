package provider

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// Types of the items that the simulator acts on.
const (
	itemMessage    = "message"
	itemReasoning  = "reasoning"
	itemCall       = "function_call"
	itemCustomCall = "custom_tool_call"
	itemReference  = "item_reference"
)

// inputItem is one item of a conversation.
type inputItem struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Arguments string          `json:"arguments"`
	Input     string          `json:"input"`
	Output    json.RawMessage `json:"output"`
	Encrypted *string         `json:"encrypted_content"`

	text string
	// media is what pictures and files cost.
	media int
	// kept says that the item comes from the vendor's store and needs no check.
	kept bool
}

// readItems reads an input that is a text or a list of items.
func readItems(raw json.RawMessage) ([]inputItem, *apiError) {
	if jsonType(raw) == "string" {
		it := inputItem{Type: itemMessage, Role: roleUser}
		return []inputItem{it.withText(raw)}, nil
	}
	var items []inputItem
	if jsonType(raw) != "array" {
		return nil, badParam("input", "invalid_type", "Invalid type for 'input': expected a string or an array of items.")
	}
	if e := decodeOr(raw, &items, "input"); e != nil {
		return nil, e
	}
	for i := range items {
		if e := items[i].read(i); e != nil {
			return nil, e
		}
	}
	return items, nil
}

func (it inputItem) withText(raw json.RawMessage) inputItem {
	_ = json.Unmarshal(raw, &it.text) // the caller saw that it is a JSON string
	return it
}

func (it *inputItem) read(index int) *apiError {
	if it.Type == "" {
		if it.Role == "" {
			return badParam(itemPath(index, ".type"), "missing_required_parameter", "Missing required parameter: '%s'.", itemPath(index, ".type"))
		}
		it.Type = itemMessage
	}
	if prefix := itemPrefix(it.Type); prefix != "" && it.ID != "" && !strings.HasPrefix(it.ID, prefix) {
		return badParam(itemPath(index, ".id"), "invalid_value", "Invalid '%s': '%s'. Expected an ID that begins with '%s'.",
			itemPath(index, ".id"), it.ID, prefix)
	}
	required := func(member, value string) *apiError {
		if value == "" {
			return badParam(itemPath(index, member), "missing_required_parameter", "Missing required parameter: '%s'.", itemPath(index, member))
		}
		return nil
	}
	switch it.Type {
	case itemMessage:
		return it.readMessage(index)
	case itemCall, itemCustomCall:
		if e := required(".call_id", it.CallID); e != nil {
			return e
		}
		return required(".name", it.Name)
	case itemCall + "_output", itemCustomCall + "_output":
		if e := required(".call_id", it.CallID); e != nil {
			return e
		}
		var e *apiError
		it.text, it.media, e = partTexts(it.Output, itemPath(index, ".output"), "input_")
		return e
	}
	return nil
}

// itemPrefix gives what the id of an item starts with.
func itemPrefix(kind string) string {
	switch kind {
	case itemMessage:
		return "msg"
	case itemReasoning:
		return "rs"
	case itemCall:
		return "fc"
	case itemCustomCall:
		return "ctc"
	}
	return ""
}

func (it *inputItem) readMessage(index int) *apiError {
	want := "input_"
	switch it.Role {
	case roleUser, roleSystem, "developer":
	case roleAssistant:
		want = "output_"
	default:
		return badParam(itemPath(index, ".role"), "invalid_value",
			"Invalid value: '%s'. Supported values are: 'assistant', 'system', 'developer', and 'user'.", it.Role)
	}
	var e *apiError
	it.text, it.media, e = partTexts(it.Content, itemPath(index, ".content"), want)
	return e
}

// partTexts joins the texts of content whose parts have types of one direction, and gives the tokens of its pictures and files.
func partTexts(raw json.RawMessage, path, direction string) (text string, media int, e *apiError) {
	switch jsonType(raw) {
	case "string":
		return inputItem{}.withText(raw).text, 0, nil
	case "array":
	default:
		return "", 0, badParam(path, "invalid_type", "Invalid type for '%s': expected a string or an array of parts.", path)
	}
	var parts []part
	if e := decodeOr(raw, &parts, path); e != nil {
		return "", 0, e
	}
	var texts []string
	for i, p := range parts {
		media += p.media()
		if !strings.HasPrefix(p.Type, direction) && (direction != "output_" || p.Type != "refusal") {
			return "", 0, badParam(path+"["+string(appendInt(nil, i))+"].type", "invalid_value", "Invalid value: '%s'.", p.Type)
		}
		if strings.HasSuffix(p.Type, "_text") {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, "\n"), media, nil
}

// resolve completes a request by what the vendor stored, and checks the conversation.
func (s *Server) resolve(key string, r *responseRequest) *apiError {
	if id := r.PreviousResponseID; id != "" {
		items, ok := s.responses.history(key, id)
		if !ok {
			return badParam("previous_response_id", "previous_response_not_found", "Previous response with id '%s' not found.", id)
		}
		r.items = append(r.items, items...)
	}
	for i, it := range r.own {
		switch {
		case it.Type == itemReference, it.Type == itemReasoning && (it.Encrypted == nil || *it.Encrypted == ""):
			stored, ok := s.responses.item(key, it.ID)
			if !ok {
				return newError(http.StatusNotFound, invalidRequest, "", "input", "Item with id '"+it.ID+"' not found. "+
					"Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input.")
			}
			r.own[i] = stored
		case it.Type == itemReasoning:
			if e := s.checkEncrypted(it); e != nil {
				return e
			}
		}
	}
	r.items = append(r.items, r.own...)
	return checkItems(r.items)
}

// checkItems holds a conversation to the order that the API demands.
func checkItems(items []inputItem) *apiError {
	for i, it := range items {
		same := func(kind string) func(inputItem) bool {
			return func(o inputItem) bool { return o.Type == kind && o.CallID == it.CallID }
		}
		switch it.Type {
		case itemCall, itemCustomCall:
			if !slices.ContainsFunc(items[i+1:], same(it.Type+"_output")) {
				return badParam("input", "", "No tool output found for %s %s.", strings.ReplaceAll(it.Type, "_", " "), it.CallID)
			}
		case itemCall + "_output", itemCustomCall + "_output":
			kind := strings.TrimSuffix(it.Type, "_output")
			if !slices.ContainsFunc(items[:i], same(kind)) {
				return badParam("input", "", "No tool call found for %s with call_id %s.", strings.ReplaceAll(it.Type, "_", " "), it.CallID)
			}
		case itemReasoning:
			if !it.kept && (i+1 == len(items) || items[i+1].Type == itemMessage && items[i+1].Role != roleAssistant) {
				return badParam("input", "", "Item '%s' of type 'reasoning' was provided without its required following item.", it.ID)
			}
		}
	}
	return nil
}

const (
	sealReasoning = "reasoning"
	// encryptedPrefix is how the vendor's encrypted reasoning starts.
	encryptedPrefix = "gAAAAAB"
)

// encrypt gives the encrypted content of a reasoning item, which is bound to the item's id.
func (s *Server) encrypt(nonce uint64, id string) string {
	return encryptedPrefix + base64.RawURLEncoding.EncodeToString([]byte(id+"\x00"+s.seal(nonce, sealReasoning, id)))
}

func (s *Server) checkEncrypted(it inputItem) *apiError {
	refuse := func(reason string) *apiError {
		return badParam("", "invalid_encrypted_content", "The encrypted content for item %s could not be verified. Reason: %s", it.ID, reason)
	}
	text, _ := strings.CutPrefix(*it.Encrypted, encryptedPrefix)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	id, token, ok := strings.Cut(string(raw), "\x00")
	switch {
	case err != nil || !ok || !s.sealed(token, sealReasoning, id):
		return refuse("Encrypted content could not be decrypted or parsed.")
	case it.ID != "" && it.ID != id:
		return refuse("Encrypted content item_id did not match the target item id.")
	}
	return nil
}
