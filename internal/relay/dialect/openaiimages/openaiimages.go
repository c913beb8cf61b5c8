// Package openaiimages is the wire format of POST /v1/images/generations, edits and variations, towards clients and upstreams.
// It changes the model's name and nothing else.
package openaiimages

import (
	"errors"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// The paths, below the base URL.
const (
	Generations = "/images/generations"
	Edits       = "/images/edits"
	Variations  = "/images/variations"
)

var errNoAnswer = errors.New("the answer is not a list of pictures")

const (
	model = iota
	prompt
	number
	size
	quality
	stream
	partials
	images
	members
)

func names() []string {
	return []string{"model", "prompt", "n", "size", "quality", "stream", "partial_images", "images"}[:members]
}

// Bounds of a request. Vendors have their own, which are narrower.
const (
	maxPictures = 64
	maxPartials = 16
)

// Ingress implements dialect.Ingress for one of the paths.
type Ingress struct {
	openai.Media
	At   string
	Type string // content type of the body
}

// Images implements dialect.Egress and dialect.Biller.
type Images struct{ openai.Media }

var (
	_ dialect.Ingress = Ingress{}
	_ dialect.Egress  = Images{}
	_ dialect.Biller  = Images{}
)

// DecodeRequest implements dialect.Ingress.
func (in Ingress) DecodeRequest(c body.Content) (*llm.Request, error) {
	f, err := openai.ReadFields(c, in.Type, names())
	if err != nil {
		return nil, err //nolint:wrapcheck // an apperr for the client
	}
	m := &llm.MediaCall{Path: in.At, Pictures: given(f, c)}
	r, err := f.Request(c, m)
	if err != nil {
		return nil, err //nolint:wrapcheck // likewise
	}
	read := func(step func() error) {
		if err == nil {
			err = step()
		}
	}
	read(func() (err error) { m.Text, m.Escaped, err = f.Span(prompt); return err })
	read(func() (err error) { r.Choices, err = f.Int(number, 1, maxPictures, 1); return err })
	read(func() (err error) { r.Stream, err = f.Bool(stream); return err })
	read(func() (err error) { m.Parts, err = f.Int(partials, 0, maxPartials, 0); return err })
	var area, grade string
	read(func() (err error) { area, err = f.Text(size); return err })
	read(func() (err error) { grade, err = f.Text(quality); return err })
	if err != nil {
		return nil, err //nolint:wrapcheck // likewise
	}
	if in.At != Variations && m.Text.From == m.Text.To {
		return nil, apperr.New(apperr.InvalidRequest, "You must provide a prompt.").WithParam("prompt")
	}
	m.Each = perPicture(area, grade)
	return r, nil
}

// given counts the pictures that come with a request: files of a form, or elements of a JSON list.
func given(f *openai.Fields, c body.Content) (n int64) {
	if m := f.Member(images); m.Kind == guard.Array {
		list := guard.NewCursor(c.Open()[m.From:m.To])
		for ok := list.Array(); ok; ok = list.More() {
			list.Skip()
			n++
		}
		return n
	}
	return int64(len(f.Files("image", "images")))
}

// MeasurePrompt implements dialect.Egress.
func (Images) MeasurePrompt(r *llm.Request) llm.Size {
	m := r.Media
	var tokens, pictures usage.Counts
	text := usage.Tokens(m.Text.To - m.Text.From)
	tokens.Set(usage.InText, text, usage.Estimated)
	tokens.Set(usage.InImage, m.Pictures*mostGiven, usage.Estimated)
	tokens.Set(usage.OutImage, r.Choices*(m.Each+m.Parts*perPart), usage.Estimated)
	pictures.Set(usage.ImageGen, r.Choices, usage.Estimated)
	return llm.Size{Ways: []llm.Way{
		{Most: tokens, Class: usage.InText, Owed: text/bytesPerToken + 1},
		{Most: pictures, Class: usage.ImageGen},
	}}
}

// ReadAnswer implements dialect.Egress.
func (d Images) ReadAnswer(r *llm.Request, content body.Content, meter dialect.Meter) (llm.Answer, error) {
	var report openai.Report
	made, listed := int64(0), false
	c := guard.NewCursor(content.Open())
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case string(k) == "usage" && c.Kind() == guard.Object:
			report = openai.ReadReport(&c, usage.InText, usage.OutImage)
		case string(k) == "data" && c.Kind() == guard.Array:
			listed = true
			for ok := c.Array(); ok; ok = c.More() {
				c.Skip()
				made++
			}
		default:
			c.Skip()
		}
	}
	if !c.End() || !listed {
		return llm.Answer{}, errNoAnswer
	}
	return llm.Answer{Counts: d.bill(r, meter, &report, made, 0), Reported: true, Finished: true}, nil
}

// Owed implements dialect.Biller.
func (d Images) Owed(r *llm.Request, _ bool, m dialect.Meter) usage.Counts {
	return d.bill(r, m, &openai.Report{}, 0, 0)
}

// bill says what is paid for: the tokens that were reported, or else pictures, or else tokens by our own count; whichever the
// model has prices for. shown counts the parts of a picture that were shown before it was left unfinished: who has seen the last of them
// has seen the picture, and a price by the picture knows no parts.
func (d Images) bill(r *llm.Request, m dialect.Meter, report *openai.Report, made, shown int64) (counts usage.Counts) {
	unfinished := shown * perPart
	if shown > 0 && shown >= r.Media.Parts {
		unfinished += r.Media.Each
	}
	byToken := m.Priced(usage.InText) && m.Priced(usage.OutImage) && (r.Media.Pictures == 0 || m.Priced(usage.InImage))
	switch {
	case byToken && report.Tokens:
		counts = report.Counts
		openai.Fold(&counts, usage.OutText, usage.OutImage, m)
		openai.Fold(&counts, usage.InImage, usage.InText, m)
		if unfinished > 0 {
			counts.Set(usage.OutImage, counts.Units[usage.OutImage]+unfinished, usage.Estimated)
		}
	case m.Priced(usage.ImageGen):
		counts.Set(usage.ImageGen, made+min(shown, 1), usage.Derived)
	default:
		counts.Set(usage.InText, d.EstimatePrompt(r, m.Count), usage.Estimated)
		counts.Set(usage.InImage, r.Media.Pictures*likelyGiven, usage.Estimated)
		counts.Set(usage.OutImage, made*r.Media.Each+unfinished, usage.Estimated)
	}
	return counts
}
