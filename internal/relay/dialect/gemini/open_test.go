package gemini

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatFillsThePrompt: a prompt is open where the vendor itself brings in what stands at an address, and a film is one by its address,
// whatever it is called.
func TestWhatFillsThePrompt(t *testing.T) {
	t.Parallel()
	for more, open := range map[string]bool{
		``: false, `,"tools":[{"functionDeclarations":[{"name":"urlContext"}]}]`: false, `,"tools":[{"urlContext":null}]`: false,
		`,"tools":[{"urlContext":{}}]`: true, `,"tools":[{"googleSearch":{}},{"url_context":{}}]`: true,
	} {
		require.Equal(t, open, (&Contents{}).MeasurePrompt(decode(t, `{"contents":[{"parts":[{"text":"a"}]}]`+more+`}`)).Open, more)
	}
	for _, address := range []string{"https://www.youtube.com/watch?v=x", "https://Youtu.be/x", `https://y\u006futu.be/x`} {
		film := (&Contents{}).MeasurePrompt(decode(t, `{"contents":[{"parts":[{"fileData":{"fileUri":"`+address+`","mimeType":"image/png"}}]}]}`))
		require.GreaterOrEqual(t, film.Most, int64(mostPerFile), address)
		require.NotEmpty(t, film.Also, address)
	}
}
