package relayapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/catalog"
	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

// clouds deploys the simulator's models at each cloud, with credentials that are right and with ones that are not.
func clouds(s *settings) {
	s.vendors = func(simulator string, sim *provider.Server) []otherVendor {
		key := provider.KeyPrefix + "cloud"
		aws, awsKey := catalog.Place{Region: "us-east-1"}, provider.AWSAccessKeyID+":"+provider.AWSSecretAccessKey
		vertex := catalog.Place{Region: "us-east5", Project: "acme-1"}
		return []otherVendor{
			{model: "azure/v1", dialect: catalog.AzureOpenAI, base: simulator, secret: key},
			{model: "azure/dated", dialect: catalog.AzureOpenAI, base: simulator, secret: key, place: catalog.Place{APIVersion: "2024-10-21"}},
			{model: "azure/bad", dialect: catalog.AzureOpenAI, base: simulator, secret: "no key of it"},
			{model: "foundry/echo", dialect: "anthropic", base: simulator + "/anthropic/v1", secret: key},
			{model: "bedrock/claude", dialect: catalog.BedrockAnthropic, base: simulator, secret: awsKey, place: aws, upstream: "us.anthropic.demo-echo:0"},
			{model: "bedrock/claude-arn", dialect: catalog.BedrockAnthropic, base: simulator, secret: key, place: aws, upstream: "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.demo-echo"},
			{model: "bedrock/claude-bad", dialect: catalog.BedrockAnthropic, base: simulator, secret: awsKey + "no key of it", place: aws},
			{model: "bedrock/converse", dialect: catalog.Bedrock, base: simulator, secret: awsKey, place: aws, upstream: "us.anthropic.claude-demo-echo:0"},
			{model: "bedrock/converse-bad", dialect: catalog.Bedrock, base: simulator, secret: awsKey + "no key of it", place: aws},
			{model: "vertex/claude", dialect: catalog.VertexAnthropic, base: simulator, secret: sim.ServiceAccount(simulator), place: vertex, upstream: "demo-echo@20250929"},
			{model: "vertex/bad", dialect: catalog.VertexAnthropic, base: simulator, secret: provider.New(provider.Config{}).ServiceAccount(simulator), place: vertex},
			{model: "vertex/gemini", dialect: catalog.VertexGemini, base: simulator, secret: sim.ServiceAccount(simulator), place: vertex, upstream: "gemini-3-demo-echo"},
			{model: "vertex/gemini-bad", dialect: catalog.VertexGemini, base: simulator, secret: provider.New(provider.Config{}).ServiceAccount(simulator), place: vertex},
			{model: "foundry/bad", dialect: "anthropic", base: simulator + "/anthropic/v1", secret: "no key of it"},
		}
	}
}

// cloudModels are the models above whose credentials are right; thinks tells those that show their thoughts.
func cloudModels() map[string]struct{ bad, id string } {
	return map[string]struct{ bad, id string }{
		"azure/v1":     {bad: "azure/bad"},
		"azure/dated":  {bad: "azure/bad"},
		"foundry/echo": {bad: "foundry/bad"},

		"bedrock/claude":     {bad: "bedrock/claude-bad"},
		"bedrock/converse":   {bad: "bedrock/converse-bad"},
		"vertex/claude":      {bad: "vertex/bad"},
		"vertex/gemini":      {bad: "vertex/gemini-bad"},
		"bedrock/claude-arn": {bad: "bedrock/claude-bad"},
	}
}

// eachCloud runs a test for each model of a cloud.
func eachCloud(t *testing.T, run func(t *testing.T, w *world, model, bad string)) {
	t.Helper()
	for model, c := range cloudModels() {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			run(t, newWorld(t, clouds), model, c.bad)
		})
	}
}

// TestCloudsAnswerEachClient asks in each client format for a model of each cloud, in one piece and as a stream.
func TestCloudsAnswerEachClient(t *testing.T) {
	t.Parallel()
	eachCloud(t, func(t *testing.T, w *world, model, _ string) {
		for n, stream := range []string{"false", "true"} {
			turn := `,"stream":` + stream + `,"messages":[{"role":"user","content":"one \"two\" é three"}]`
			chat := w.post(t, "/v1/chat/completions", `{"model":"`+model+`"`+turn+`}`)
			require.Equal(t, http.StatusOK, chat.status, chat.body)
			msg := w.messages(t, model, turn)
			require.Equal(t, http.StatusOK, msg.status, msg.body)
			if stream == "true" {
				require.Equal(t, 1, strings.Count(chat.body, "data: [DONE]"), chat.body)
				require.Equal(t, 1, strings.Count(msg.body, `"type":"message_stop"`), msg.body)
				require.JSONEq(t, `"one \"two\" é three"`, string(assembled(t, chat.body, true)["content"]))
			} else {
				require.Contains(t, chat.body, `"content":"one \"two\" é three"`)
				m := parse[message](t, msg.body)
				require.Equal(t, `one "two" é three`, m.Content[0].Text)
				require.Equal(t, "end_turn", m.StopReason)
			}
			for i := range 2 {
				e := w.event(t, 2*n+i)
				require.Equal(t, usage.OK, e.Outcome)
				require.Equal(t, usage.Reported, e.Counts.From[usage.OutText])
				require.Positive(t, e.Counts.Output())
				require.Positive(t, e.Counts.Input())
				require.Equal(t, model != "vertex/gemini", e.UpstreamRequestID != "", "Gemini's API names its requests nowhere")
			}
		}
	})
}

// TestCloudsAnswerOtherClients: whoever speaks another format still finds them.
func TestCloudsAnswerOtherClients(t *testing.T) {
	t.Parallel()
	eachCloud(t, func(t *testing.T, w *world, model, _ string) {
		for _, stream := range []string{"false", "true"} {
			a := w.respond(t, model, `"one two"`, `,"stream":`+stream)
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.Equal(t, "completed", answered(t, a, stream == "true").Status)
			require.Contains(t, a.body, `one two`)
		}
		for _, method := range []string{"generateContent", "streamGenerateContent?alt=sse"} {
			a := w.post(t, "/v1beta/models/"+model+":"+method, `{"contents":[{"parts":[{"text":"one two"}]}]}`)
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.Equal(t, 1, strings.Count(a.body, `"finishReason":"STOP"`), a.body)
		}
		for n := range 4 {
			require.Equal(t, usage.Reported, w.event(t, n).Counts.From[usage.OutText])
		}
	})
}

// TestCloudsCallTools has clients of each format use a tool over two turns.
func TestCloudsCallTools(t *testing.T) {
	t.Parallel()
	eachCloud(t, func(t *testing.T, w *world, model, _ string) {
		for _, stream := range []bool{false, true} {
			ask := func(history string) answer {
				return w.post(t, "/v1/chat/completions", `{"model":"`+model+`","stream":`+map[bool]string{false: "false", true: "true"}[stream]+
					`,"tools":[`+weatherTool+`],"messages":[{"role":"user","content":"use get_weather"}`+history+`]}`)
			}
			first := ask("")
			require.Equal(t, http.StatusOK, first.status, first.body)
			said := assembled(t, first.body, stream)
			calls := parse[[]struct {
				ID       string
				Function struct{ Name, Arguments string }
			}](t, string(said["tool_calls"]))
			require.Len(t, calls, 1)
			require.Equal(t, "get_weather", calls[0].Function.Name)
			require.Contains(t, first.body, `"finish_reason":"tool_calls"`)
			second := ask(`,{"role":"assistant","tool_calls":` + string(said["tool_calls"]) + `},{"role":"tool","tool_call_id":"` + calls[0].ID + `","content":"sunny"}`)
			require.Equal(t, http.StatusOK, second.status, second.body)
		}
		first := w.messages(t, model, `,"tools":[`+weatherInput+`],"messages":[{"role":"user","content":"use get_weather"}]`)
		require.Equal(t, http.StatusOK, first.status, first.body)
		m := parse[message](t, first.body)
		require.Equal(t, "tool_use", m.StopReason)
		use := m.Content[len(m.Content)-1]
		second := w.messages(t, model, `,"tools":[`+weatherInput+`],"messages":[{"role":"user","content":"use get_weather"},`+
			`{"role":"assistant","content":[{"type":"tool_use","id":"`+use.ID+`","name":"get_weather","input":`+string(use.Input)+`}]},`+
			`{"role":"user","content":[{"type":"tool_result","tool_use_id":"`+use.ID+`","content":"sunny"}]}]`)
		require.Equal(t, http.StatusOK, second.status, second.body)
	})
}

// TestCloudsRefuseOurCredentials: what is wrong with our key is our trouble and no mistake of the client.
func TestCloudsRefuseOurCredentials(t *testing.T) {
	t.Parallel()
	eachCloud(t, func(t *testing.T, w *world, _, bad string) {
		for _, stream := range []string{"false", "true"} {
			turn := `,"stream":` + stream + `,"messages":[{"role":"user","content":"one"}]`
			chat := w.post(t, "/v1/chat/completions", `{"model":"`+bad+`"`+turn+`}`)
			require.Equal(t, http.StatusBadGateway, chat.status, chat.body)
			require.Equal(t, "upstream_auth", errorCode(t, chat.body))
			msg := w.messages(t, bad, turn)
			require.Equal(t, http.StatusBadGateway, msg.status, msg.body)
			require.Contains(t, msg.body, `"type":"api_error"`)
			require.NotContains(t, chat.body+msg.body+w.logs.String(), "no key of it")
		}
		require.Equal(t, usage.UpstreamError, w.event(t, 0).Outcome)
	})
}

// TestCloudsFail: before the answer an error with a status, in the middle of it an event, never an end as if all were well.
func TestCloudsFail(t *testing.T) {
	t.Parallel()
	eachCloud(t, func(t *testing.T, w *world, model, _ string) {
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.RateLimit}}))
		a := w.post(t, "/v1/chat/completions", `{"model":"`+model+`","messages":[{"role":"user","content":"a"}]}`)
		require.Equal(t, http.StatusTooManyRequests, a.status, a.body)
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.Overloaded}}))
		a = w.messages(t, model, `,"stream":true,"messages":[{"role":"user","content":"a"}]`)
		require.Equal(t, 529, a.status, a.body)
		for _, kind := range []provider.Kind{provider.Cut, provider.ErrorEvent} {
			require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: kind, AfterChunks: 3}}))
			turn := `,"stream":true,"messages":[{"role":"user","content":"one two three four five six seven eight"}]`
			a = w.messages(t, model, turn)
			require.NotContains(t, a.body, "message_stop")
			require.Contains(t, a.body, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"")
			a = w.post(t, "/v1/chat/completions", `{"model":"`+model+`"`+turn+`}`)
			require.NotContains(t, a.body, "[DONE]")
			require.Contains(t, a.body, `"error":{`)
		}
		e := w.event(t, 2)
		require.Equal(t, usage.Cut, e.Outcome)
		require.Positive(t, e.Counts.Output(), "what was delivered is billed")
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.ErrorEvent}}))
		a = w.post(t, "/v1/chat/completions", `{"model":"`+model+`","stream":true,"messages":[{"role":"user","content":"a"}]}`)
		require.GreaterOrEqual(t, a.status, 500, "before the first word there is still a status")
	})
}

// TestCloudsThink has a client give back what Claude thought: the simulator refuses a turn whose signatures are missing.
func TestCloudsThink(t *testing.T) {
	t.Parallel()
	eachCloud(t, func(t *testing.T, w *world, model, _ string) {
		if strings.HasPrefix(model, "azure/") {
			return // OpenAI's format shows no thoughts
		}
		for _, stream := range []string{"false", "true"} {
			ask := func(history string) answer {
				return w.post(t, "/v1/chat/completions", `{"model":"`+model+`","reasoning_effort":"high","stream":`+stream+
					`,"tools":[`+weatherTool+`],"messages":[{"role":"user","content":"use get_weather"}`+history+`]}`)
			}
			first := ask("")
			require.Equal(t, http.StatusOK, first.status, first.body)
			said := assembled(t, first.body, stream == "true")
			require.NotEmpty(t, said["reasoning_content"])
			calls := parse[[]struct{ ID string }](t, string(said["tool_calls"]))
			turn, err := json.Marshal(said)
			require.NoError(t, err)
			second := ask("," + string(turn) + `,{"role":"tool","tool_call_id":"` + calls[0].ID + `","content":"sunny"}`)
			require.Equal(t, http.StatusOK, second.status, second.body)
			require.Empty(t, second.header.Get("X-Starlane-Warnings"))

			msg := w.messages(t, model, `,"stream":`+stream+`,"thinking":{"type":"adaptive","display":"summarized"},"messages":[{"role":"user","content":"one two"}]`)
			require.Equal(t, http.StatusOK, msg.status, msg.body)
			require.Contains(t, msg.body, `"signature":"`)
			require.NotContains(t, msg.body, `"thinking":""}]`)
		}
	})
}

// TestVertexTellsCallsPieceByPiece: what the model writes of a call reaches the client at once, and Google's own clients, who give
// back ids that Vertex AI does not know and leave out whose turn it is, pass.
func TestVertexTellsCallsPieceByPiece(t *testing.T) {
	t.Parallel()
	w := newWorld(t, clouds)
	a := w.post(t, "/v1/chat/completions", `{"model":"vertex/gemini","stream":true,"stream_options":{"include_usage":true},"tools":[`+weatherTool+
		`],"messages":[{"role":"user","content":"use get_weather"}]}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, `"arguments":"{\"city\":\"use get`)
	require.Contains(t, a.body, `"arguments":"_weather\""`)
	require.Contains(t, a.body, `"service_tier":"default"`)
	for _, method := range []string{"generateContent", "streamGenerateContent?alt=sse", "streamGenerateContent"} {
		a = w.post(t, "/v1beta/models/vertex/gemini:"+method, `{"serviceTier":"standard",`+weatherDeclare+`,"contents":[{"parts":[{"text":"use get_weather"}]},`+
			`{"role":"model","parts":[{"functionCall":{"id":"c1","name":"get_weather","args":{}},"thoughtSignature":"skip_thought_signature_validator"}]},`+
			`{"parts":[{"functionResponse":{"id":"c1","name":"get_weather","response":{"result":"sunny"}}}]}]}`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Contains(t, a.body, "sunny")
		require.Contains(t, a.body, `"trafficType":"ON_DEMAND"`)
	}
}

// TestAzureSpeaksOfItsFilter: chunks without choices or without a delta reach the client in a form that SDKs bear.
func TestAzureSpeaksOfItsFilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, clouds)
	turn := `,"stream":true,"messages":[{"role":"user","content":"one two"}]`
	a := w.post(t, "/v1/chat/completions", `{"model":"azure/dated"`+turn+`}`)
	require.Contains(t, a.body, `"choices":[],"prompt_filter_results"`)
	require.Contains(t, a.body, `{"delta":{},"index":0,"finish_reason":null,"content_filter_results"`)
	require.NotContains(t, a.body, `"usage":{`, "the client did not ask for it")
	require.Equal(t, usage.Reported, w.event(t, 0).Counts.From[usage.OutText])
	require.NotContains(t, w.messages(t, "azure/dated", turn).body, "filter")
}
