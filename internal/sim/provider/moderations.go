package provider

import (
	"encoding/json"
	"strings"
)

// harms are the categories of the API.
func harms() []string {
	return []string{
		"harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
		"self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
	}
}

type moderationPart struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Image struct {
		URL string `json:"url"`
	} `json:"image_url"`
}

func moderationParamType(name string) (string, bool) {
	switch name {
	case "model":
		return "string", true
	case "input":
		return "", true
	}
	return "", false
}

// moderations serves POST /v1/moderations. A text is flagged for a category that it names.
func (s *Server) moderations(c *call) *apiError {
	if e := checkMembers(c.body, moderationParamType, s.cfg.RejectUnknown); e != nil {
		return e
	}
	req := struct {
		Model string          `json:"model"`
		Input json.RawMessage `json:"input"`
	}{Model: ModelModeration}
	if e := decodeOr(c.body, &req, "input"); e != nil {
		return e
	}
	c.model = req.Model
	if req.Model != ModelModeration && req.Model != "omni-moderation-latest" {
		return errModel(req.Model)
	}
	texts, applied, e := readModerated(req.Input)
	if e != nil {
		return e
	}
	steer, e := readSteering(c.r.Header, nil)
	if e != nil {
		return e
	}
	fault, done, e := s.prepareWhole(c, steer)
	if done {
		return e
	}
	type result struct {
		Flagged    bool                `json:"flagged"`
		Categories map[string]bool     `json:"categories"`
		Scores     map[string]float64  `json:"category_scores"`
		Applied    map[string][]string `json:"category_applied_input_types"`
	}
	results := []result{}
	for _, text := range texts {
		r := result{Categories: map[string]bool{}, Scores: map[string]float64{}, Applied: map[string][]string{}}
		for _, harm := range harms() {
			score := float64(hashBytes(hashStart, text+harm)%1000) / 1e6
			named := strings.Contains(strings.ToLower(text), harm)
			if named {
				score = 0.99 - score
			}
			r.Categories[harm], r.Scores[harm], r.Applied[harm] = named, score, applied
			r.Flagged = r.Flagged || named
		}
		results = append(results, r)
	}
	c.wire.timed(c)
	c.settle(c.writeAnswer(appendJSON(nil, map[string]any{"id": s.newID("modr-"), "model": req.Model, "results": results}), fault))
	return nil
}

// readModerated takes the three forms of "input": a text, texts, and parts, which are judged as one.
func readModerated(raw json.RawMessage) (texts, applied []string, e *apiError) {
	var one string
	if jsonType(raw) == "string" && json.Unmarshal(raw, &one) == nil {
		return []string{one}, []string{"text"}, nil
	}
	if json.Unmarshal(raw, &texts) == nil && len(texts) > 0 {
		return texts, []string{"text"}, nil
	}
	var parts []moderationPart
	if jsonType(raw) == "null" || json.Unmarshal(raw, &parts) != nil || len(parts) == 0 {
		return nil, nil, badParam("input", "invalid_type", "Invalid 'input': expected a string, an array of strings, or an array of parts.")
	}
	all := ""
	for i, p := range parts {
		switch {
		case p.Type == "text":
			all += p.Text + "\n"
			applied = append(applied, "text")
		case p.Type == "image_url" && p.Image.URL != "":
			applied = append(applied, "image")
		default:
			return nil, nil, badParam("input", "invalid_value", "Invalid 'input[%d]': expected a text or an image_url.", i)
		}
	}
	return []string{all}, applied, nil
}
