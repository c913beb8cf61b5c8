package gemini

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/fate"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/dialect/openaiimages"
	"starlane/internal/relay/form"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// What a picture costs in tokens, at most.
const (
	mostDrawn = 2_520 // made, of the largest size
	mostGiven = 1_290 // that comes with the request
	// mostSaid bounds what a model says and thinks beside a picture.
	mostSaid = 32_768
)

var errNoImages = errors.New("the answer is not of generateContent")

// Images is the way of OpenAI's clients who want pictures to models that draw by generateContent. It implements dialect.Egress
// and dialect.Biller.
type Images struct {
	openaiimages.Images
	Host dialect.Upstream // Contents or Vertex
}

var (
	_ dialect.Egress = Images{}
	_ dialect.Biller = Images{}
)

// Path implements dialect.Egress.
func (d Images) Path(_ *llm.Request, model string) string { return d.Host.Path(false, model) }

// NewTap says that translated pictures do not stream.
func (Images) NewTap(*llm.Request, dialect.Meter) dialect.Tap { return nil }

// drawing is a request on its way out.
type drawing struct {
	wire.Builder
	notes  *llm.Notes
	aspect string
}

// EncodeRequest implements dialect.Egress.
func (Images) EncodeRequest(r *llm.Request, _ dialect.Target) (body.Message, error) {
	r.Notes.Reset()
	if r.Media.Path == openaiimages.Variations {
		return body.Message{}, apperr.New(apperr.UnsupportedParam, "The model makes no variations of pictures without a prompt.")
	}
	e := drawing{notes: &r.Notes}
	e.Open('{')
	e.Key("contents")
	e.Open('[')
	e.Open('{')
	e.Key("role")
	e.String("user")
	e.Key("parts")
	e.Open('[')
	var err error
	if r.Media.Type == "" {
		e.members(r.Content.Open())
	} else {
		err = e.form(r.Content.Open(), r.Media.Type)
	}
	e.Close(']')
	e.Close('}')
	e.Close(']')
	e.Key("generationConfig")
	e.Open('{')
	e.Key("responseModalities")
	e.Open('[')
	e.String("IMAGE")
	e.Close(']')
	if e.aspect != "" {
		e.Key("imageConfig")
		e.Open('{')
		e.Key("aspectRatio")
		e.String(e.aspect)
		e.Close('}')
	}
	e.Close('}')
	e.Close('}')
	if err == nil {
		err = r.Notes.Err()
	}
	return body.Own(e.B).Edited(), err
}

// members writes what a JSON body asks for.
func (e *drawing) members(src []byte) {
	c := guard.NewCursor(src)
	wire.Object(&c, func(name string) {
		switch {
		case name == "prompt" && c.Kind() == guard.String:
			e.text(wire.Text(&c))
		case name == "images" && c.Kind() == guard.Array:
			wire.List(&c, func() { e.given(&c) })
		case c.Kind() == guard.String:
			text, err := guard.Unquote(wire.Text(&c))
			if err != nil {
				text = "?" // no value that means anything
			}
			e.field(name, text)
		default:
			e.field(name, strings.TrimPrefix(string(c.Raw()), "null"))
		}
	})
}

// form writes what a form asks for.
func (e *drawing) form(src []byte, contentType string) error {
	boundary, _, err := form.Boundary(contentType)
	if err != nil {
		return err //nolint:wrapcheck // it was read before
	}
	parts, err := form.Parse(src, boundary)
	if err != nil {
		return err //nolint:wrapcheck // likewise
	}
	for _, p := range parts {
		value, name := src[p.From:p.To], strings.TrimSuffix(p.Name, "[]")
		switch {
		case p.File && name == "image":
			kind, _, _ := strings.Cut(http.DetectContentType(value), ";")
			e.picture(llm.Text(kind), base64.StdEncoding.AppendEncode(nil, value))
		case name == "prompt":
			e.text(wire.Escape(llm.Text(nil), value))
		default:
			e.field(name, string(value))
		}
	}
	return nil
}

func (e *drawing) text(t llm.Text) {
	e.Open('{')
	e.Key("text")
	e.Text(t)
	e.Close('}')
}

func (e *drawing) picture(mediaType, data llm.Text) {
	e.Open('{')
	e.Key("inlineData")
	e.Open('{')
	e.Key("mimeType")
	e.Text(mediaType)
	e.Key("data")
	e.Text(data)
	e.Close('}')
	e.Close('}')
}

// given writes a picture of a JSON list, if its bytes are there.
func (e *drawing) given(c *guard.Cursor) {
	done := false
	wire.Object(c, func(name string) {
		t := wire.Text(c)
		if kind, data, ok := wire.DataURI(t); ok && name == "image_url" && !done {
			done = true
			e.picture(wire.ImageType(kind, data), data)
		}
	})
	if !done {
		e.notes.Reject("images.file_id")
	}
}

// imagesClient is what the table of fates calls requests for pictures.
const imagesClient = "openai_images"

// field judges a member that is neither prompt nor picture.
func (e *drawing) field(name, value string) {
	switch {
	case value == "" || value == "auto" || value == "false":
	case name == "model", name == "n" && value == "1", name == "background" && value == "opaque", name == "response_format" && value == "b64_json",
		name == "output_format" && value == "png":
	case name == "size":
		if e.aspect = aspect(value); e.aspect != "" {
			e.notes.Approx(name)
		} else {
			e.notes.Reject(name)
		}
	case name == "image" || name == "images": // that are neither files nor a list
		e.notes.Reject("images")
	case fate.Of(imagesClient, Dialect, name) == fate.Rejected:
		e.notes.Reject(name)
	default:
		e.notes.Drop(name)
	}
}

// aspect is the nearest of the ratios that the models draw in; empty if the size is none.
func aspect(size string) (nearest string) {
	w, h, _ := strings.Cut(size, "x")
	width, err := strconv.ParseInt(w, 10, 32)
	height, err2 := strconv.ParseInt(h, 10, 32)
	if err != nil || err2 != nil || width <= 0 || height <= 0 {
		return ""
	}
	least := 0.0
	for _, r := range [...]struct {
		name string
		w, h int64
	}{
		{"1:1", 1, 1}, {"2:3", 2, 3}, {"3:2", 3, 2}, {"3:4", 3, 4}, {"4:3", 4, 3}, {"4:5", 4, 5}, {"5:4", 5, 4}, {"9:16", 9, 16}, {"16:9", 16, 9}, {"21:9", 21, 9},
	} {
		off := float64(width*r.h) / float64(height*r.w)
		if off < 1 {
			off = 1 / off
		}
		if nearest == "" || off < least {
			nearest, least = r.name, off
		}
	}
	return nearest
}

// MeasurePrompt implements dialect.Egress.
func (Images) MeasurePrompt(r *llm.Request) llm.Size {
	text := usage.Tokens(r.Media.Text.To - r.Media.Text.From)
	var tokens, pictures usage.Counts
	tokens.Set(usage.InText, text+r.Media.Pictures*mostGiven, usage.Estimated)
	tokens.Set(usage.OutText, mostSaid, usage.Estimated)
	tokens.Set(usage.OutImage, mostDrawn, usage.Estimated)
	pictures.Set(usage.ImageGen, 1, usage.Estimated)
	return llm.Size{Ways: []llm.Way{
		{Most: tokens, Class: usage.InText, Owed: text/4 + 1},
		{Most: pictures, Class: usage.ImageGen},
	}}
}

// Owed implements dialect.Biller.
func (d Images) Owed(r *llm.Request, _ bool, m dialect.Meter) usage.Counts {
	return d.owed(r, m, usage.Counts{}, false, 0)
}

// owed says what is paid for: tokens where the model has prices for them, or else pictures.
func (d Images) owed(r *llm.Request, m dialect.Meter, reported usage.Counts, isReported bool, made int64) (counts usage.Counts) {
	switch {
	case !m.Priced(usage.InText) || !m.Priced(usage.OutText) || !m.Priced(usage.OutImage):
		counts.Set(usage.ImageGen, made, usage.Derived)
	case isReported:
		counts = reported
	default:
		counts.Set(usage.InText, d.EstimatePrompt(r, m.Count)+r.Media.Pictures*mostGiven, usage.Estimated)
		counts.Set(usage.OutImage, made*mostDrawn/2, usage.Estimated)
	}
	return counts
}

// ReadAnswer implements dialect.Egress. An answer without a picture is a refusal.
func (d Images) ReadAnswer(r *llm.Request, content body.Content, m dialect.Meter) (llm.Answer, error) {
	var out wire.Builder
	var told report
	made, seen, refusal := int64(0), false, ""
	out.Open('{')
	out.Key("created")
	out.Int(clock.System{}.Now().Unix())
	out.Key("data")
	out.Open('[')
	c := guard.NewCursor(content.Open())
	wire.Object(&c, func(name string) {
		switch name {
		case "candidates":
			seen = true
			wire.List(&c, func() { made += drawn(&c, &out, &refusal) })
		case "promptFeedback":
			wire.Object(&c, func(name string) {
				if t := wire.Text(&c); name == "blockReason" {
					seen, refusal = true, string(t)
				}
			})
		case "usageMetadata":
			told.merge(&c)
		default:
			c.Skip()
		}
	})
	if !c.End() || !seen {
		return llm.Answer{}, errNoImages
	}
	if made == 0 {
		return llm.Answer{}, refused(refusal)
	}
	reported, ok := told.counts()
	if reported.Units[usage.OutImage] == 0 { // pictures are not told from text
		reported.Set(usage.OutImage, reported.Units[usage.OutText], usage.Derived)
		reported.Set(usage.OutText, 0, usage.None)
	}
	counts := d.owed(r, m, reported, ok, made)
	shown := counts
	if ok {
		shown = reported
	}
	out.Close(']')
	if shown.Output() > 0 {
		appendImageUsage(&out, shown)
	}
	out.Close('}')
	return llm.Answer{Counts: counts, Reported: true, Finished: true, Body: out.B}, nil
}

// drawn writes the pictures of a candidate, and says how many there were.
func drawn(c *guard.Cursor, out *wire.Builder, refusal *string) (made int64) {
	wire.Object(c, func(name string) {
		switch name {
		case "finishReason":
			*refusal = string(wire.Text(c))
		case "content":
			wire.Object(c, func(name string) {
				if name != "parts" {
					c.Skip()
					return
				}
				wire.List(c, func() {
					if data := inline(c); len(data) > 0 {
						made++
						out.Open('{')
						out.Key("b64_json")
						out.Text(data)
						out.Close('}')
					}
				})
			})
		default:
			c.Skip()
		}
	})
	return made
}

// inline is the data of a part that is a picture and no thought.
func inline(c *guard.Cursor) (data llm.Text) {
	thought := false
	wire.Object(c, func(name string) {
		switch name {
		case "thought":
			thought = wire.Tri(c) == llm.Yes
		case "inlineData":
			wire.Object(c, func(name string) {
				if t := wire.Text(c); name == "data" {
					data = t
				}
			})
		default:
			c.Skip()
		}
	})
	if thought {
		return nil
	}
	return data
}

// refused is what a client is told in place of a picture: a reason that it can change something about, or our failure.
func refused(reason string) error {
	switch reason {
	case "", "STOP", "MAX_TOKENS", "OTHER", "NO_IMAGE", "IMAGE_OTHER":
		return errNoImages
	}
	e := apperr.New(apperr.InvalidRequest, "The request was refused by the model's safety system.")
	return &llm.Fault{
		Phase: llm.Status, Kind: llm.Caller, Status: http.StatusBadRequest, Err: e,
		Answer: body.Own(openai.AppendError(nil, e, "")),
	}
}

func appendImageUsage(b *wire.Builder, c usage.Counts) {
	drawn := c.Units[usage.OutImage]
	b.Key("usage")
	b.Open('{')
	b.Key("input_tokens")
	b.Int(c.Input())
	b.Key("output_tokens")
	b.Int(c.Output())
	b.Key("total_tokens")
	b.Int(c.Input() + c.Output())
	b.Key("output_tokens_details")
	b.Open('{')
	b.Key("image_tokens")
	b.Int(drawn)
	b.Key("text_tokens")
	b.Int(c.Output() - drawn)
	b.Close('}')
	b.Close('}')
}

// ReadFault implements dialect.Egress. A mistake of the client is told in its own format.
func (d Images) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	f, message := d.Host.ReadFault(status, h, c)
	if f.Kind == llm.Caller && message != "" {
		f.Answer = body.Own(openai.AppendError(nil, apperr.New(apperr.InvalidRequest, "%s", message), ""))
	}
	return f
}
