package provider

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	_ "image/gif"  // DecodeConfig knows the formats that are linked in
	_ "image/jpeg" // likewise
	_ "image/png"  // likewise
	"net/http"
	"strings"
)

const (
	// unseenImage is what an image costs whose size the simulator cannot tell, maxImage the most that one costs.
	unseenImage = 1000
	maxImage    = 1600
	// pixelsPerToken is the vendors' rule of thumb for images.
	pixelsPerToken = 750
	// unseenDocument is what a document costs that the simulator does not read.
	unseenDocument = 1500
)

// imageTokens gives the tokens of an image file.
func imageTokens(file []byte) int {
	size, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return unseenImage
	}
	return max(1, min(maxImage, (size.Width*size.Height+pixelsPerToken-1)/pixelsPerToken))
}

func (m *mediaSource) checkImage(path string) *apiError {
	if m == nil {
		return badMessage(path, "Field required")
	}
	switch m.Type {
	case "url":
		if m.URL == "" {
			return badMessage(path+".url.url", "Field required")
		}
		return nil
	case "file":
		return nil
	case "base64":
	default:
		return badMessage(path, "Input tag '%s' found using 'type' does not match any of the expected tags: 'base64', 'file', 'url'", m.Type)
	}
	switch m.MediaType {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
	default:
		return badMessage(path+".base64.media_type", "Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'")
	}
	file, err := base64.StdEncoding.DecodeString(m.Data)
	if err != nil || len(file) == 0 {
		return badMessage(path+".base64.data", "invalid base64 data")
	}
	if seen := http.DetectContentType(file); seen != m.MediaType {
		if seen == "application/octet-stream" || seen == "text/plain; charset=utf-8" {
			return badMessage(path+".base64.data", "Could not process image")
		}
		return badMessage(path+".base64.data", "The image was specified using the %s media type, but the image appears to be a %s image",
			m.MediaType, seen)
	}
	return nil
}

// tokens gives what a source costs as a prompt.
func (m *mediaSource) tokens(kind string) int {
	switch {
	case m == nil:
		return 0
	case m.Type == "text":
		return CountTokens(m.Data)
	case kind == "document":
		return unseenDocument
	case m.Type == "base64":
		file, err := base64.StdEncoding.DecodeString(m.Data)
		if err != nil {
			return unseenImage
		}
		return imageTokens(file)
	}
	return unseenImage
}

// part of a content in OpenAI's APIs.
type part struct {
	Type string `json:"type"`
	Text string `json:"text"`
	// ImageURL is an object in chat completions, a string in Responses.
	ImageURL json.RawMessage `json:"image_url"`
}

// media gives what a picture or a file costs.
func (p *part) media() int {
	switch p.Type {
	case "file", "input_file":
		return unseenDocument
	case "image_url", "input_image":
	default:
		return 0
	}
	var image struct{ URL string }
	if json.Unmarshal(p.ImageURL, &image) != nil {
		_ = json.Unmarshal(p.ImageURL, &image.URL) // an image at an address, or none, is not seen
	}
	_, data, _ := strings.Cut(image.URL, ";base64,")
	file, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return unseenImage
	}
	return imageTokens(file)
}
