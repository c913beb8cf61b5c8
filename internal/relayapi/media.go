package relayapi

import (
	"github.com/gin-gonic/gin"

	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/openaiaudio"
	"starlane/internal/relay/dialect/openaiimages"
	"starlane/internal/usage"
)

// media adds the routes for pictures, speech and transcripts.
func (s *server) media(e *gin.Engine) {
	for _, path := range [...]string{openaiimages.Generations, openaiimages.Edits, openaiimages.Variations} {
		e.POST("/v1"+path, func(c *gin.Context) {
			s.call(c, dialect.Images, openaiimages.Ingress{At: path, Type: c.GetHeader("Content-Type")})
		})
	}
	for _, path := range [...]string{openaiaudio.Speech, openaiaudio.Transcriptions, openaiaudio.Translations} {
		e.POST("/v1"+path, func(c *gin.Context) {
			s.call(c, dialect.Audio, openaiaudio.Ingress{At: path, Type: c.GetHeader("Content-Type")})
		})
	}
}

// describeMedia says what goes into and comes out of a model that makes or hears something else than text. Whether it speaks or
// listens is told by what it has prices for.
func describeMedia(info *modelInfo, m *catalog.Model, rates *pricing.Rates) {
	if m.Has("chat") {
		return
	}
	a := &info.Architecture
	speaks := rates.Has[usage.CharIn] || rates.Has[usage.OutAudio]
	switch {
	case m.Has("realtime"):
		a.InputModalities, a.OutputModalities = []string{"text", "audio"}, []string{"text", "audio"}
	case m.Has(dialect.Images):
		a.InputModalities, a.OutputModalities = []string{"text", "image"}, []string{"image"}
	case m.Has(dialect.Audio) && speaks:
		a.OutputModalities = []string{"audio"}
	case m.Has(dialect.Audio):
		a.InputModalities = []string{"audio"}
	}
}
