package provider

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// bedrock is the wire of Amazon Bedrock.
type bedrock struct{}

func (bedrock) greet(c *call) { c.w.Header()["X-Amzn-Requestid"] = []string{c.id} }

// key finds a bearer token, or the id of an access key, whose signature is checked when the body is there.
func (bedrock) key(r *http.Request) (string, *apiError) {
	header := r.Header.Get("Authorization")
	if key, ok := strings.CutPrefix(header, "Bearer "); ok {
		return key, nil
	}
	if s, ok := readSignature(header); ok {
		return KeyPrefix + s.accessKey, nil
	}
	return "", newError(http.StatusForbidden, "", "MissingAuthenticationTokenException", "", "Missing Authentication Token")
}

func (bedrock) maxBody() int64                 { return 25 << 20 }
func (bedrock) limits(*call, limits)           {}
func (bedrock) exhausted(*call, time.Duration) {}
func (bedrock) timed(c *call) {
	c.w.Header()["X-Amzn-Bedrock-Invocation-Latency"] = []string{strconv.FormatInt(c.elapsed().Milliseconds(), 10)}
}

// words tells an error in Bedrock's terms.
func (bedrock) words(e *apiError) (status int, kind, message string) {
	switch e.class {
	case classBadKey:
		return http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid."
	case classNoModel:
		return http.StatusBadRequest, "ValidationException", "The provided model identifier is invalid."
	case classRate:
		return http.StatusTooManyRequests, "ThrottlingException", "Too many requests, please wait before trying again."
	case classQuota:
		return http.StatusBadRequest, "ServiceQuotaExceededException", "You have exceeded a quota of your account."
	case classServer:
		return http.StatusInternalServerError, "InternalServerException", "The system encountered an unexpected error during processing. Try your request again."
	case classOverloaded:
		return http.StatusServiceUnavailable, "ServiceUnavailableException", "Bedrock is unable to process your request."
	case classBadJSON, classTooLarge: // below
	}
	if e.Code != nil && strings.HasSuffix(*e.Code, "Exception") {
		return e.status, *e.Code, e.Message
	}
	return e.status, "ValidationException", e.Message
}

func (v bedrock) refuse(c *call, e *apiError) {
	status, kind, message := v.words(e)
	c.status = status
	c.w.Header()["X-Amzn-Errortype"] = []string{kind + ":http://internal.amazon.com/coral/com.amazon.bedrock/"}
	writeJSON(c.w, status, append(appendQuoted([]byte(`{"message":`), message), '}'))
}

func (s *Server) bedrock() {
	s.mux.HandleFunc("POST /model/{model}/invoke", s.api(bedrock{}, s.signed(s.invoke)))
	s.mux.HandleFunc("POST /model/{model}/converse", s.api(bedrock{}, s.signed(s.converse)))
	s.mux.HandleFunc("POST /model/{model}/converse-stream", s.api(bedrock{}, s.signed(s.converse)))
	s.mux.HandleFunc("POST /model/{model}/invoke-with-response-stream", s.api(bedrock{}, s.signed(s.invoke)))
}

// signed checks the signature of a request that has one.
func (s *Server) signed(serve func(*call) *apiError) func(*call) *apiError {
	return func(c *call) *apiError {
		if !strings.HasPrefix(c.r.Header.Get("Authorization"), "Bearer ") {
			if kind, problem := checkSignature(c.r, c.body, s.cfg.Clock.Now()); kind != "" {
				return newError(http.StatusForbidden, "", kind, "", problem)
			}
		}
		return serve(c)
	}
}

// modelOf is the simulator's name of a model of Bedrock: what stands behind a region, a vendor and an ARN, without a version.
func modelOf(name string) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	name, _, _ = strings.Cut(name, ":")
	for _, prefix := range []string{"us.", "anthropic.", "claude-"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return name
}

// invoke serves InvokeModel for Claude: the Messages API without model and stream, with the version in the body.
func (s *Server) invoke(c *call) *apiError {
	if e := c.hosted("bedrock-2023-05-31", "stream", "anthropic_beta"); e != nil {
		return e
	}
	stream := strings.HasSuffix(c.path, "-stream")
	if e := c.setMembers(map[string]any{"model": modelOf(c.r.PathValue("model")), "stream": stream}); e != nil {
		return e
	}
	c.r.Header.Set(anthropicVersion, "2023-06-01")
	c.w = &rewriter{ResponseWriter: c.w, kind: awsFrames, rewrite: chunks}
	return s.messages(c)
}

const awsFrames = "application/vnd.amazon.eventstream"

// eventsOf gives name and data of each event of a stream.
func eventsOf(events []byte, take func(name, data []byte)) {
	for event := range bytes.SplitSeq(events, []byte("\n\n")) {
		var name, data []byte
		for line := range bytes.SplitSeq(event, []byte("\n")) {
			if v, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
				name = v
			} else if v, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
				data = v
			} else if len(line) > 0 {
				name, data = []byte("garbage"), line
			}
		}
		if name != nil {
			take(name, data)
		}
	}
}

// chunks frames the events of a message as InvokeModel does.
func chunks(events []byte) []byte {
	var out bytes.Buffer
	eventsOf(events, func(name, data []byte) {
		switch string(name) {
		case "ping":
		case "error":
			frame(&out, "exception", "modelStreamErrorException", []byte(`{"message":"The model failed in the middle of its answer."}`))
		default:
			frame(&out, "event", "chunk", []byte(`{"bytes":"`+base64.StdEncoding.EncodeToString(data)+`","p":"abcdefghij"}`))
		}
	})
	return out.Bytes()
}

// frame writes one frame of an event stream.
func frame(out *bytes.Buffer, kind, name string, payload []byte) {
	m := eventstream.Message{Payload: payload}
	m.Headers.Set(":"+kind+"-type", eventstream.StringValue(name))
	m.Headers.Set(":content-type", eventstream.StringValue("application/json"))
	m.Headers.Set(":message-type", eventstream.StringValue(kind))
	_ = eventstream.NewEncoder().Encode(out, m) // a buffer takes all
}
