package provider

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// mediaBody is a request for pictures, speech or a transcript: a form, or JSON whose scalars are read as a form's fields.
type mediaBody struct {
	fields map[string]string
	files  map[string][][]byte // by name, lists without their brackets
}

// media are the endpoints below the version, for OpenAI's own host and for Azure.
func (s *Server) media() map[string]func(*call) *apiError {
	return map[string]func(*call) *apiError{
		"images/generations": s.generateImages, "images/edits": s.editImages, "images/variations": s.varyImages,
		"audio/speech": s.speech, "audio/transcriptions": s.transcriptions, "audio/translations": s.translations,
	}
}

func mediaModels() []string {
	return []string{ModelImage, ModelPicture, ModelSpeech, ModelTranscribe, ModelWhisper}
}

// maxField bounds a field that is no file, in bytes.
const maxField = 1 << 20

func errForm() *apiError {
	return newError(http.StatusBadRequest, invalidRequest, "", "", "Could not parse multipart form")
}

// readMedia reads a body and the model that it names, if that is one of models.
func (s *Server) readMedia(c *call, form, anyKind bool, models ...string) (*mediaBody, *apiError) {
	b := &mediaBody{fields: map[string]string{}, files: map[string][][]byte{}}
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	isForm := err == nil && kind == "multipart/form-data"
	var e *apiError
	switch {
	case isForm && (form || anyKind):
		e = b.readForm(c.body, params["boundary"])
	case !form || anyKind:
		e = b.readJSON(c.body)
	default:
		return nil, newError(http.StatusUnsupportedMediaType, invalidRequest, "", "",
			"Unsupported content type: '"+kind+"'. This API method only accepts 'multipart/form-data' requests.")
	}
	if e != nil {
		return nil, e
	}
	c.model, c.stream = b.fields["model"], b.fields["stream"] == "true" || b.fields["stream_format"] == "sse"
	if c.deployment != "" {
		c.model = c.deployment
	}
	if c.model == "" {
		return nil, newError(http.StatusBadRequest, invalidRequest, "", "", "you must provide a model parameter")
	}
	if !slices.Contains(models, c.model) {
		return nil, errModel(c.model)
	}
	return b, nil
}

func (b *mediaBody) readForm(body []byte, boundary string) *apiError {
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		p, err := r.NextPart()
		if err == io.EOF { //nolint:errorlint // the reader returns it bare
			return nil
		}
		if err != nil {
			return errForm()
		}
		value, err := io.ReadAll(p)
		if err != nil {
			return errForm()
		}
		name := strings.TrimSuffix(p.FormName(), "[]")
		switch {
		case p.FileName() != "":
			b.files[name] = append(b.files[name], value)
		case len(value) > maxField:
			return errForm()
		default:
			b.fields[name] = string(value)
		}
	}
}

func (b *mediaBody) readJSON(body []byte) *apiError {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || members == nil {
		return errBadJSON()
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		raw := members[name]
		switch jsonType(raw) {
		case "string":
			var text string
			if json.Unmarshal(raw, &text) != nil {
				return errBadJSON()
			}
			b.fields[name] = text
		case "array":
			var list []json.RawMessage
			if json.Unmarshal(raw, &list) != nil {
				return errBadJSON()
			}
			for _, one := range list {
				b.files[name] = append(b.files[name], one)
			}
		case "null":
		default:
			b.fields[name] = string(raw)
		}
	}
	return nil
}

// want refuses a field that is missing.
func (b *mediaBody) want(name string) *apiError {
	if b.fields[name] == "" {
		return badParam(name, "missing_required_parameter", "Missing required parameter: '%s'.", name)
	}
	return nil
}

// oneOf gives a field, the first of the values if it is absent, and refuses others.
func (b *mediaBody) oneOf(name string, values ...string) (string, *apiError) {
	v, ok := b.fields[name]
	if !ok {
		return values[0], nil
	}
	if !slices.Contains(values, v) {
		return "", badParam(name, "invalid_value", "Invalid value: '%s'. Supported values are: '%s'.", v, strings.Join(values, "', '"))
	}
	return v, nil
}

// number gives a field that is a whole number from low to high.
func (b *mediaBody) number(name string, low, high, none int) (int, *apiError) {
	text, ok := b.fields[name]
	if !ok {
		return none, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, badParam(name, "integer_out_of_range", "Invalid value for '%s' = %s. Must be between %d and %d.", name, text, low, high)
	}
	return n, nil
}

// prepareMedia finds pace and fault, plays what comes before an answer and waits for the time to answer; done says that nothing
// more is to be sent.
func (s *Server) prepareMedia(c *call) (pace Pace, fault Rule, done bool, e *apiError) {
	steer, e := readSteering(c.r.Header, nil)
	if e != nil {
		return pace, fault, true, e
	}
	fault, hit := s.pickFault(c, steer.fault)
	if hit {
		if done, e = s.early(c, fault); done {
			return pace, fault, true, e
		}
	}
	pace = fault.applyPace(steer.applyPace(pace))
	p := pacer{pace: pace, start: c.start, done: c.r.Context().Done()}
	if err := p.wait(0); err != nil {
		c.settle(err)
		return pace, fault, true, nil
	}
	c.wire.timed(c)
	return pace, fault, false, nil
}

// mediaReply is a planned answer of pictures or sound.
type mediaReply struct {
	stream bool
	parts  []string // events
	last   string   // the event with the usage
	body   []byte   // of an answer that is no stream
}

func (r *mediaReply) streamed() bool { return r.stream }

func (r *mediaReply) size() int { return len(r.parts) }

func (r *mediaReply) appendBody(out []byte, _ bool) []byte { return append(out, r.body...) }

func (r *mediaReply) writeStream(s *eventStream) error {
	s.opening = ": open\n\n"
	s.garbage = "data: {\"type\":\"\x01, not json\n\n"
	s.failure = func(out []byte) []byte {
		return append(out, "event: error\n"+`data: {"type":"error","error":{"message":"The server had an error while processing your request.",`+
			`"type":"server_error","param":null,"code":null}}`+"\n\n"...)
	}
	for _, e := range r.parts {
		if err := s.due(); err != nil {
			return err
		}
		s.buf = append(s.buf, e...)
		if err := s.sent(); err != nil {
			return err
		}
	}
	if len(r.parts) == 0 {
		if err := s.due(); err != nil {
			return err
		}
	}
	s.buf = append(s.buf, r.last...)
	return s.last()
}

// event renders an event whose data begins with its type.
func event(kind, members string) string {
	return "event: " + kind + "\ndata: {\"type\":\"" + kind + "\"," + members + "}\n\n"
}
