package relayapi

import (
	"github.com/gin-gonic/gin"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/openaiaudio"
	"starlane/internal/relay/dialect/openaiimages"
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
