package openaiimages

import (
	"strconv"
	"strings"

	"starlane/internal/usage"
)

// What pictures cost in tokens, as OpenAI publishes it for its gpt-image models. It bounds what is set aside; what is billed is
// what the upstream reports, and these figures only where it reports nothing.
const (
	square        = 1024 * 1024
	low           = 272  // tokens of a picture of 1024 by 1024 pixels; others cost in proportion to their area
	medium        = 1056 //
	high          = 4160 // also of qualities that are chosen by the model or not known here
	perPart       = 100  // of each part that is shown early
	largest       = 1536 * 1024
	maxSide       = 1 << 14
	bytesPerToken = 4

	// A picture given is cut into at most 8 tiles after it was scaled down; with high fidelity it costs as much as a large one
	// that is made.
	likelyGiven = 65 + 4*129
	mostGiven   = 65 + 8*129 + 6240
)

// perPicture is what a picture of a size and a quality costs at most.
func perPicture(size, quality string) usage.Tokens {
	each := int64(high)
	switch quality {
	case "low":
		each = low
	case "medium":
		each = medium
	}
	area := int64(largest) // chosen by the model
	if w, h, ok := strings.Cut(size, "x"); ok {
		width, err := strconv.ParseInt(w, 10, 32)
		height, err2 := strconv.ParseInt(h, 10, 32)
		if err == nil && err2 == nil && width > 0 && height > 0 && width <= maxSide && height <= maxSide {
			area = width * height
		}
	}
	return (each*area + square - 1) / square
}
