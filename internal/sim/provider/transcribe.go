package provider

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
)

// wordsASecond is how fast the people speak whose words are written down.
const (
	wordsASecond = 2
	heardASecond = 10     // tokens
	guessedRate  = 16_000 // bytes a second of files whose header is not read
	maxRecording = 25 << 20
)

func (s *Server) transcriptions(c *call) *apiError { return s.transcribe(c, false) }
func (s *Server) translations(c *call) *apiError   { return s.transcribe(c, true) }

// transcribe serves POST /v1/audio/transcriptions and, with translate, translations.
func (s *Server) transcribe(c *call, translate bool) *apiError {
	models := []string{ModelTranscribe, ModelWhisper}
	if translate {
		models = models[1:]
	}
	b, e := s.readMedia(c, true, false, models...)
	if e != nil {
		return e
	}
	if len(b.files["file"]) != 1 {
		return badParam("file", "missing_required_parameter", "Missing required parameter: 'file'.")
	}
	file := b.files["file"][0]
	switch {
	case len(file) > maxRecording:
		return newError(http.StatusRequestEntityTooLarge, "server_error", "", "", "Maximum content size limit (26214400) exceeded.")
	case len(file) < 4:
		return badParam("file", "invalid_value", "Audio file might be corrupted or unsupported")
	}
	formats := []string{"json", "text", "srt", "verbose_json", "vtt"}
	if c.model == ModelTranscribe {
		formats = formats[:2]
	}
	format, e := b.oneOf("response_format", formats...)
	if e != nil {
		e.Message = fmt.Sprintf("response_format '%s' is not compatible with model '%s'.", b.fields["response_format"], c.model)
		return e
	}
	if c.model == ModelWhisper {
		c.stream = false // it takes the parameter and ignores it
	}
	pace, fault, done, e := s.prepareMedia(c)
	if done {
		return e
	}
	t := s.transcript(file, translate)
	c.usage = tokenUsage{Prompt: t.seconds*heardASecond + CountTokens(b.fields["prompt"]), Completion: len(t.words)}
	c.usage.Total = c.usage.Prompt + c.usage.Completion
	report := fmt.Sprintf(`,"usage":{"type":"tokens","input_tokens":%d,"input_token_details":{"text_tokens":%d,"audio_tokens":%d},"output_tokens":%d,"total_tokens":%d}`,
		c.usage.Prompt, CountTokens(b.fields["prompt"]), t.seconds*heardASecond, len(t.words), c.usage.Total)
	if c.model == ModelWhisper {
		report = fmt.Sprintf(`,"usage":{"type":"duration","seconds":%d}`, t.seconds)
	}
	if fault.Kind == NoUsage {
		report = ""
	}
	text := strings.Join(t.words, " ")
	if c.stream {
		reply := &mediaReply{stream: true, last: event("transcript.text.done", `"text":`+quote(text)+report)}
		for i, w := range t.words {
			if i > 0 {
				w = " " + w
			}
			reply.parts = append(reply.parts, event("transcript.text.delta", `"delta":`+quote(w)))
		}
		s.deliver(c, reply, pace, fault)
		return nil
	}
	c.settle(c.writeTranscript(t, text, format, report, fault))
	return nil
}

type transcript struct {
	seconds int
	words   []string
	task    string
}

// transcript hears words that follow from the file alone.
func (s *Server) transcript(file []byte, translate bool) transcript {
	rate := guessedRate
	size := len(file)
	if size > 44 && string(file[:4]) == "RIFF" {
		rate, size = max(1, int(binary.LittleEndian.Uint32(file[28:]))), size-44
	}
	t := transcript{seconds: (size + rate - 1) / rate, task: "transcribe"}
	if translate {
		t.task = "translate"
	}
	t.words = generated(s.words, newRandom(s.cfg.Seed, hashBytes(hashStart, file)), max(1, min(t.seconds*wordsASecond, 10_000)))
	return t
}

// writeTranscript sends a transcript in a format.
func (c *call) writeTranscript(t transcript, text, format, report string, fault Rule) error {
	end := fmt.Sprintf("%02d:%02d:%02d", t.seconds/3600, t.seconds/60%60, t.seconds%60)
	switch format {
	case "json":
		return c.writeAnswer([]byte(`{"text":`+quote(text)+report+`}`), fault)
	case "verbose_json":
		if fault.Kind == NoUsage {
			return c.writeAnswer([]byte(`{"task":"`+t.task+`","text":`+quote(text)+`}`), fault)
		}
		return c.writeAnswer(fmt.Appendf(nil, `{"task":"%s","language":"english","duration":%d.0,"text":%s,"segments":[{"id":0,"start":0.0,"end":%d.0,"text":%s}]%s}`,
			t.task, t.seconds, quote(text), t.seconds, quote(text), report), fault)
	case "srt":
		text = "1\n00:00:00,000 --> " + end + ",000\n" + text + "\n\n"
	case "vtt":
		text = "WEBVTT\n\n00:00:00.000 --> " + end + ".000\n" + text + "\n\n"
	default:
		text += "\n"
	}
	return c.writeBody([]byte(text), "text/plain; charset=utf-8", fault)
}
