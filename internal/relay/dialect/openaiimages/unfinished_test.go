package openaiimages

import (
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/body"
	"starlane/internal/usage"
)

// priced has prices for some classes.
type priced []usage.Class

func (p priced) Priced(c usage.Class) bool {
	for _, have := range p {
		if have == c {
			return true
		}
	}
	return false
}
func (priced) Count([]byte) usage.Tokens { return 1 }
func (priced) Cost(usage.Counts) string  { return "" }

// TestPicturesLeftUnfinishedAreNotFree: the last part that is shown early is as good as the picture, so leaving behind it saves nothing.
func TestPicturesLeftUnfinishedAreNotFree(t *testing.T) {
	t.Parallel()
	const part = `{"type":"image_generation.partial_image","b64_json":"QQ=="}`
	const whole = `{"type":"image_generation.completed","b64_json":"QQ==","usage":{"input_tokens":3,"output_tokens":500}}`
	tokens, pictures := priced{usage.InText, usage.OutImage}, priced{usage.ImageGen}
	for name, tc := range map[string]struct {
		prices            priced
		events            []string
		tokens, generated int64
	}{
		"nothing shown":                         {tokens, nil, 0, 0},
		"a part":                                {tokens, []string{part}, perPart, 0},
		"the last part":                         {tokens, []string{part, part}, 272 + 2*perPart, 0},
		"the last part of the second":           {tokens, []string{part, part, whole, part, part}, 500 + 272 + 2*perPart, 0},
		"a part, by the picture":                {pictures, []string{part}, 0, 1},
		"the last part of the second, likewise": {pictures, []string{part, part, whole, part, part}, 0, 2},
		"nothing of the second, by the picture": {pictures, []string{part, part, whole}, 0, 1},
		"nothing shown, by the picture":         {pictures, nil, 0, 0},
	} {
		r, err := Ingress{At: Generations}.DecodeRequest(body.Copy([]byte(
			`{"model":"m","prompt":"a","n":2,"stream":true,"partial_images":2,"quality":"low","size":"1024x1024"}`)))
		require.NoError(t, err)
		tap := Images{}.NewTap(r, tc.prices)
		for _, e := range tc.events {
			tap.Event([]byte(e))
		}
		counts := tap.Answer().Counts
		require.Equal(t, tc.tokens, counts.Units[usage.OutImage], name)
		require.Equal(t, tc.generated, counts.Units[usage.ImageGen], name)
	}
}
