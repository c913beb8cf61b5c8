package relayapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/catalog/vendor"
)

// TestVendorsChargeForTokensAlone: what makes a vendor charge for something else than the tokens of the model asked for does not pass,
// and costs nothing; what switches it off does.
func TestVendorsChargeForTokensAlone(t *testing.T) {
	t.Parallel()
	eachVendor(t, func(t *testing.T, w *world, model string, v *vendor.Profile) {
		ask := func(more string, headers ...string) answer {
			return w.post(t, "/v1/chat/completions", `{"model":"`+model+`","messages":[{"role":"user","content":"a"}]`+more+`}`, headers...)
		}
		refused := map[string]string{
			`,"tools":[{"type":"web_search","web_search":{"enable":true}}]`:                                "tools.type",
			`,"tools":[{"type":"builtin_function","function":{"name":"$web_search"}},` + weatherTool + `]`: "tools.type",
		}
		for _, name := range v.Rules.Charges.Or(nil) {
			refused[`,"`+name+`":["another"]`] = name
			a := ask(`,"` + name + `":null`)
			require.Equal(t, http.StatusOK, a.status, a.body)
		}
		for more, param := range refused {
			a := ask(more)
			require.Equal(t, http.StatusBadRequest, a.status, a.body)
			require.Contains(t, a.body, `"param":"`+param+`"`)
		}
		require.Equal(t, "drop:store", ask(`,"store":true`).header.Get("X-Starlane-Warnings"))
		require.Equal(t, http.StatusBadRequest, ask(`,"store":true`, "X-Starlane-Strict", "1").status)
		require.Equal(t, http.StatusOK, ask(`,"tools":[`+weatherTool+`]`).status)
	})
}
