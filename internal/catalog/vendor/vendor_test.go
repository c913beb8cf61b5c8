package vendor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVendorsAreKnownByTheirHosts(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://api.deepseek.com": "deepseek", "https://api.mistral.ai/v1": "mistral", "https://API.X.AI/v1": "xai",
		"https://dashscope-intl.aliyuncs.com/compatible-mode/v1": "dashscope", "https://open.bigmodel.cn/api/paas/v4": "zhipu",
		"https://api.openai.com/v1": "", "https://notdeepseek.com/v1": "", "http://localhost:8000/v1": "", "https://box.ai/v1": "", "::": "",
	} {
		require.Equal(t, want, At(base), base)
	}
	require.Nil(t, Find(None))
	require.Nil(t, Find(""))
}

func TestRulesAreOfModels(t *testing.T) {
	t.Parallel()
	x := &Find("xai").Rules
	require.True(t, x.Refused("presence_penalty", "grok-4.3"))
	require.False(t, x.Refused("presence_penalty", "grok-4.20-non-reasoning"))
	require.False(t, x.Refused("temperature", "grok-4.3"))
	require.Equal(t, map[string]string{"reasoning_format": "parsed"}, Find("groq").Rules.Added("qwen/qwen3-32b"))
	require.Nil(t, Find("groq").Rules.Added("llama-3.3-70b"))
}
