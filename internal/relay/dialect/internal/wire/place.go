package wire

import (
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// ReadPlace reads about where somebody is, as several formats have it.
func ReadPlace(c *guard.Cursor) (p llm.Place) {
	Object(c, func(k string) {
		switch k {
		case "city":
			p.City = Text(c)
		case "region":
			p.Region = Text(c)
		case "country":
			p.Country = Text(c)
		case "timezone":
			p.Timezone = Text(c)
		case "approximate": // holds the rest, in one of the formats
			p = ReadPlace(c)
		default:
			c.Skip()
		}
	})
	return p
}
