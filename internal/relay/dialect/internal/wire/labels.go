package wire

import (
	"crypto/sha256"
	"encoding/hex"

	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Labels visits what a client says about its request: who asks, and its metadata. People are not told apart by their names.
func Labels(p *llm.Prompt, visit func(name, value string)) {
	if len(p.User) > 0 {
		sum := sha256.Sum256(p.User)
		visit("user", hex.EncodeToString(sum[:16]))
	}
	for _, x := range p.Extras {
		if x.Name != "metadata" {
			continue
		}
		c := guard.NewCursor(x.Value)
		Object(&c, func(k string) {
			if value, err := guard.Unquote(Text(&c)); err == nil && value != "" {
				visit(k, value)
			}
		})
	}
}
