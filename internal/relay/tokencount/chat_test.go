package tokencount

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCountChat(t *testing.T) {
	t.Parallel()
	c := New()
	tests := []struct {
		name, body string
		want       int
	}{
		{"one message", `{"model":"m","messages":[{"role":"user","content":"hello world"}]}`, 3 + 3 + 1 + 2},
		// The example with which OpenAI documents how messages are counted: 124 tokens for gpt-4o.
		{"documented example", `{"messages":[
			{"role":"system","content":"You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
			{"role":"system","name":"example_user","content":"New synergies will help drive top-line growth."},
			{"role":"system","name":"example_assistant","content":"Things working well together will increase revenue."},
			{"role":"system","name":"example_user","content":"Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
			{"role":"system","name":"example_assistant","content":"Let's talk later when we're less busy about how to do better."},
			{"role":"user","content":"This late pivot means we don't have time to boil the ocean for the client deliverable."}]}`, 124},
		{"order and blanks do not matter", "{ \"messages\" : [ { \"content\" : \"hello world\" ,\n\"role\":\"user\" } ] , \"model\":\"m\" }", 9},
		{"escapes", `{"messages":[{"role":"user","content":"hello\u0020w\u006frld"}]}`, 9},
		{"surrogates", `{"messages":[{"role":"user","content":"\ud83d\ude00"}]}`, 3 + 3 + 1 + c.Count(O200K, []byte("😀"))},
		{"parts", `{"messages":[{"role":"user","content":[{"type":"text","text":"hello"},{"type":"text","text":" world"},
			{"type":"image_url","image_url":{"url":"data:x","detail":"low"}},{"type":"image_url","image_url":{"url":"data:x"}}]}]}`, 9 + 85 + 765},
		{"null content and a call", `{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function",
			"function":{"name":"f","arguments":"{}"}}]}]}`, 3 + 3 + 1 + 4 + 1 + 1},
		{"nothing", `{}`, 3},
		{"no JSON", `"messages`, 3},
		{"cut", `{"messages":[{"role":"user","content":"hello world"`, 3},
		{"not a list", `{"messages":7}`, 3},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := c.CountChat(O200K, []byte(tc.body)); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

// Tools are rendered into the prompt; OpenAI's own counting example gives 101 tokens for gpt-4o.
func TestCountChatWithTools(t *testing.T) {
	t.Parallel()
	const body = `{"messages":[{"role":"system","content":"You are a helpful assistant that can answer to questions about the weather."},
		{"role":"user","content":"What's the weather like in San Francisco?"}],
		"tools":[{"type":"function","function":{"name":"get_current_weather","description":"Get the current weather in a given location",
		"parameters":{"type":"object","properties":{"location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},
		"unit":{"type":"string","description":"The unit of temperature to return","enum":["celsius","fahrenheit"]}},"required":["location"]}}}]}`
	got := New().CountChat(O200K, []byte(body))
	if got < 95 || got > 110 {
		t.Errorf("got %d, want about 101", got)
	}
}

func TestCountInput(t *testing.T) {
	t.Parallel()
	c := New()
	tests := map[string]int{
		`{"input":"hello world"}`: 2, `{"input":["hello world","a"]}`: 3, `{"input":[1,2,3]}`: 3, `{"input":[[1,2],[3]]}`: 3,
		`{"input":[]}`: 0, `{"input":7}`: 0, `{"model":"x"}`: 0, `[]`: 0, `{"input":[[["deep"]]]}`: 0,
	}
	for _, body := range sortedKeys(tests) {
		if got := c.CountInput(CL100K, []byte(body)); got != tests[body] {
			t.Errorf("%s: got %d, want %d", body, got, tests[body])
		}
	}
}

// Whatever the spelling of the JSON, the texts count as they do when they are decoded first.
func TestCountChatEqualsDecoding(t *testing.T) {
	t.Parallel()
	c := New()
	type message struct {
		Role    string `json:"role"`
		Name    string `json:"name,omitempty"`
		Content string `json:"content"`
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z "\\\n<>&\x{2028}😀é]{0,40}`))
		var list []message
		want := priming
		for range rapid.IntRange(0, 4).Draw(rt, "messages") {
			m := message{rapid.SampledFrom([]string{"user", "assistant", "system"}).Draw(rt, "role"), text.Draw(rt, "name"), text.Draw(rt, "content")}
			list = append(list, m)
		}
		body, err := json.Marshal(map[string]any{"model": "m", "messages": list, "metadata": map[string]string{"messages": "no"}})
		if err != nil {
			rt.Fatal(err)
		}
		var back struct{ Messages []message }
		if err := json.Unmarshal(body, &back); err != nil {
			rt.Fatal(err)
		}
		for _, m := range back.Messages {
			want += perMessage + c.Count(O200K, []byte(m.Role)) + c.Count(O200K, []byte(m.Content))
			if m.Name != "" {
				want += perName + c.Count(O200K, []byte(m.Name))
			}
		}
		if got := c.CountChat(O200K, body); got != want {
			rt.Fatalf("%s: got %d, want %d", body, got, want)
		}
	})
}

func TestCountChatAllocatesNothing(t *testing.T) {
	c := New()
	text, err := json.Marshal(string(prose(20_000)))
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"model":"m","messages":[{"role":"user","content":` + string(text) + `}]}`)
	c.CountChat(O200K, body)
	if got := testing.AllocsPerRun(20, func() { c.CountChat(O200K, body) }); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

func TestDeepSchemaEnds(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"properties":{"a":`, 10_000) + "{}" + strings.Repeat(`}}`, 10_000)
	body := `{"tools":[{"type":"function","function":{"name":"f","parameters":` + deep + `}}]}`
	if got := New().CountChat(O200K, []byte(body)); got < maxSchemaDepth || got > 10*maxSchemaDepth {
		t.Errorf("got %d", got)
	}
}

// Any bytes at all: the count ends, does not panic and stays within the bound of a body and its fixed costs.
func FuzzCountChat(f *testing.F) {
	f.Add([]byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"a\u00e9\"b"}],"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]}`))
	f.Add([]byte(`{"tools":[{"function":{"name":"f","parameters":{"properties":{"a":{"enum":["x",1]}}}}}],"input":["a",[1]]}`))
	f.Add([]byte(`{"messages":[{"content":"\ud83d"},{"content":"\u12"},{"content":"\\"}`))
	c := New()
	f.Fuzz(func(t *testing.T, body []byte) {
		if got := c.CountChat(O200K, body); got > priming+imageHigh*(1+len(body)) {
			t.Errorf("%d tokens for %d bytes", got, len(body))
		}
		c.CountInput(CL100K, body)
	})
}
