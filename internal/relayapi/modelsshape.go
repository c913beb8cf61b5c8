package relayapi

import (
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"starlane/internal/relay/dialect"
)

// anthropicModel is the model object of Anthropic's API.
type anthropicModel struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	CreatedAt   string `json:"created_at"`
}

// anthropicModels is a list of them. All stand on one page.
type anthropicModels struct {
	Data    []anthropicModel `json:"data"`
	HasMore bool             `json:"has_more"`
	FirstID *string          `json:"first_id"`
	LastID  *string          `json:"last_id"`
}

// asksAnthropic tells clients of Anthropic's API by the header that they send with every request.
func asksAnthropic(c *gin.Context) bool { return c.GetHeader("Anthropic-Version") != "" }

// shaped gives the list as the client's own API has it.
func shaped(c *gin.Context, models []modelInfo) any {
	if asGemini(c.Request) {
		return geminiList{toGemini(models)}
	}
	if !asksAnthropic(c) {
		return modelList{Object: "list", Data: models}
	}
	list := anthropicModels{Data: []anthropicModel{}}
	for i := range models {
		if slices.Contains(models[i].Capabilities, dialect.Chat) { // there are no others in that API
			list.Data = append(list.Data, asAnthropic(&models[i]))
		}
	}
	if n := len(list.Data); n > 0 {
		list.FirstID, list.LastID = &list.Data[0].ID, &list.Data[n-1].ID
	}
	return list
}

// shapedOne is shaped for one model.
func shapedOne(c *gin.Context, m *modelInfo) any {
	if asksAnthropic(c) {
		return asAnthropic(m)
	}
	if list := toGemini([]modelInfo{*m}); len(list) > 0 && asGemini(c.Request) {
		return list[0]
	}
	return m
}

func asAnthropic(m *modelInfo) anthropicModel {
	return anthropicModel{Type: "model", ID: m.ID, DisplayName: m.Name, CreatedAt: time.Unix(m.Created, 0).UTC().Format(time.RFC3339)}
}
