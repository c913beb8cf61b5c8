package provider

import (
	"encoding/json"
	"net/http"
	"sort"
	"strings"
)

// vertexGemini is the wire of Gemini on Vertex AI: Gemini's, with Google's accounts at the door.
type vertexGemini struct {
	gemini
	vertex vertex
}

func (v vertexGemini) key(r *http.Request) (string, *apiError) { return v.vertex.key(r) }

func (v vertexGemini) refuse(c *call, e *apiError) {
	r := v.rpc(c, e)
	if e.class == classBadKey {
		r = rpcError{Code: e.status, Message: e.Message, Status: rpcStatus(e.status)}
	}
	c.status = r.Code
	writeJSON(c.w, r.Code, append(appendRPCError(nil, r), '\n'))
}

// generation is the part of a model's name that says what it can do; without it the simulator knows it by its own name.
const generation = "gemini-3-"

// vertexMethod serves the methods of Google's models at Vertex AI.
func (s *Server) vertexMethod(c *call) *apiError {
	model, method, _ := strings.Cut(c.r.PathValue("call"), ":")
	model = strings.TrimPrefix(model, generation)
	stream := method == "streamGenerateContent"
	switch method {
	case "countTokens":
		return s.countGeminiTokens(c, model)
	case "predict":
		return s.predict(c, model)
	}
	if method != "generateContent" && !stream {
		return newError(http.StatusNotFound, "", "", "", "Method not found.")
	}
	if e := checkVertex(c.body, stream); e != nil {
		return e
	}
	return s.generate(c, model, stream)
}

// checkVertex refuses what the other host of the format takes.
func checkVertex(body []byte, stream bool) *apiError {
	var r struct {
		Tier     json.RawMessage `json:"serviceTier"`
		Store    json.RawMessage `json:"store"`
		Contents []struct {
			Role  string `json:"role"`
			Parts []struct {
				Call, Response struct {
					ID *string `json:"id"`
				}
			} `json:"parts"`
		} `json:"contents"`
		ToolConfig struct {
			Calling struct {
				Pieces bool `json:"streamFunctionCallArguments"`
			} `json:"functionCallingConfig"`
		} `json:"toolConfig"`
	}
	if e := readGemini(renameParts(body), &r); e != nil {
		return e
	}
	for i := range r.Contents {
		if r.Contents[i].Role == "" {
			return badArgument("Please use a valid role: user, model.")
		}
		for _, p := range r.Contents[i].Parts {
			if p.Call.ID != nil || p.Response.ID != nil {
				return errUnknownName("id", "contents[0].parts[0].function_call")
			}
		}
	}
	switch {
	case r.Tier != nil:
		return badArgument("Invalid value at 'service_tier' (type.googleapis.com/google.cloud.aiplatform.v1beta1.ServiceTier)")
	case r.Store != nil:
		return errUnknownName("store", "")
	case r.ToolConfig.Calling.Pieces && !stream:
		return badArgument("stream_function_call_arguments is only supported for streaming requests.")
	}
	return nil
}

// renameParts gives the members of parts names that a struct can be made of.
func renameParts(body []byte) []byte {
	return []byte(strings.NewReplacer(`"functionCall"`, `"Call"`, `"function_call"`, `"Call"`, `"functionResponse"`, `"Response"`,
		`"function_response"`, `"Response"`).Replace(string(body)))
}

// onVertex has an answer be as Vertex AI tells it.
func (a *geminiAnswer) onVertex(c *call, r *geminiRequest) {
	if _, ok := c.wire.(vertexGemini); !ok {
		return
	}
	a.usage.Traffic = "ON_DEMAND"
	a.pieces = a.stream && r.ToolConfig.Calling.Pieces
	for i := range a.candidates {
		for j := range a.candidates[i].calls {
			a.candidates[i].calls[j].id = ""
		}
	}
}

// callPieces are the parts that a call comes in where its arguments are told piece by piece.
func (g geminiCandidate) callPieces(index int) (parts [][]byte) {
	call := g.calls[index]
	begin := appendQuoted([]byte(`{"functionCall":{"name":`), call.name)
	begin = append(begin, `,"willContinue":true}`...)
	if index == 0 {
		begin = appendSignature(begin, g.callSignature)
	}
	parts = append(parts, append(begin, '}'))
	partial := func(path, value string, more bool) {
		out := appendQuoted([]byte(`{"functionCall":{"partialArgs":[{"jsonPath":`), path)
		out = append(append(out, ','), value...)
		if more {
			out = append(out, `,"willContinue":true`...)
		}
		parts = append(parts, append(out, `}],"willContinue":true}}`...))
	}
	var args any
	if json.Unmarshal(join(call.arguments), &args) == nil {
		leaves("$", args, partial)
	}
	return append(parts, []byte(`{"functionCall":{}}`))
}

// leaves tells the values inside of arguments with their paths; texts in two pieces.
func leaves(path string, v any, tell func(path, value string, more bool)) {
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			leaves(path+"."+name, v[name], tell)
		}
	case []any:
		for i := range v {
			leaves(string(appendInt([]byte(path+"["), i))+"]", v[i], tell)
		}
	case string:
		text := []rune(v)
		half := len(text) / 2
		tell(path, `"stringValue":`+quote(string(text[:half])), true)
		tell(path, `"stringValue":`+quote(string(text[half:])), false)
	case float64:
		tell(path, `"numberValue":`+string(appendJSON(nil, v)), false)
	case bool:
		tell(path, `"boolValue":`+string(appendJSON(nil, v)), false)
	case nil:
		tell(path, `"nullValue":"NULL_VALUE"`, false)
	}
}
