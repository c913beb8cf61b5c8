package provider

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strconv"
	"strings"
)

// What pictures cost in tokens: those made by quality and shape, those given at one rate.
const (
	givenPicture = 323
	shownPart    = 100
	blockSide    = 64 // pixels
)

type imageJob struct {
	path          string // generations, edits or variations
	prompt        string
	n, partials   int
	size, quality string
	format        string
	given         [][]byte
}

func (s *Server) generateImages(c *call) *apiError { return s.images(c, "generations") }
func (s *Server) editImages(c *call) *apiError     { return s.images(c, "edits") }
func (s *Server) varyImages(c *call) *apiError     { return s.images(c, "variations") }

// images serves POST /v1/images/{path}.
func (s *Server) images(c *call, path string) *apiError {
	b, e := s.readMedia(c, path != "generations", path == "edits", ModelImage, ModelPicture)
	if e != nil {
		return e
	}
	job, e := readImageJob(path, b, c.stream)
	if e != nil {
		return e
	}
	pace, fault, done, e := s.prepareMedia(c)
	if done {
		return e
	}
	each := pictureTokens(job.quality, job.size)
	text, given := CountTokens(job.prompt), givenPicture*len(job.given)
	c.usage = tokenUsage{Prompt: text + given, Completion: job.n*each + job.partials*shownPart}
	c.usage.Total = c.usage.Prompt + c.usage.Completion
	report := fmt.Sprintf(`,"usage":{"total_tokens":%d,"input_tokens":%d,"output_tokens":%d,"input_tokens_details":{"text_tokens":%d,"image_tokens":%d}}`,
		c.usage.Total, c.usage.Prompt, c.usage.Completion, text, given)
	if fault.Kind == NoUsage || c.model == ModelPicture {
		report = ""
	}
	reply := &mediaReply{stream: c.stream}
	if c.stream {
		reply.parts, reply.last = s.pictureEvents(job, report)
	} else {
		reply.body = s.pictureBody(job, report)
	}
	s.deliver(c, reply, pace, fault)
	return nil
}

func readImageJob(path string, b *mediaBody, stream bool) (job imageJob, e *apiError) {
	job = imageJob{path: path, prompt: b.fields["prompt"], given: append(b.files["image"], b.files["images"]...)}
	if path != "variations" {
		if e = b.want("prompt"); e != nil {
			return job, e
		}
	}
	if path != "generations" && len(job.given) == 0 {
		return job, badParam("image", "missing_required_parameter", "Missing required parameter: 'image'.")
	}
	if job.n, e = b.number("n", 1, 10, 1); e != nil {
		return job, e
	}
	if job.partials, e = b.number("partial_images", 0, 3, 0); e != nil {
		return job, e
	}
	if job.partials > 0 && !stream {
		return job, badParam("partial_images", "invalid_value", "'partial_images' is only supported with 'stream'.")
	}
	if job.size, e = b.oneOf("size", "auto", "1024x1024", "1024x1536", "1536x1024"); e != nil {
		return job, e
	}
	if job.quality, e = b.oneOf("quality", "auto", "low", "medium", "high"); e != nil {
		return job, e
	}
	job.format, e = b.oneOf("output_format", "png", "jpeg")
	if job.size == "auto" {
		job.size = "1024x1024"
	}
	if job.quality == "auto" {
		job.quality = "high"
	}
	return job, e
}

func (j imageJob) describe() string {
	return `,"background":"opaque","output_format":"` + j.format + `","quality":"` + j.quality + `","size":"` + j.size + `"`
}

func pictureTokens(quality, size string) int {
	table := map[string][3]int{"low": {272, 408, 400}, "medium": {1056, 1584, 1568}, "high": {4160, 6240, 6208}}
	switch size {
	case "1024x1536":
		return table[quality][1]
	case "1536x1024":
		return table[quality][2]
	}
	return table[quality][0]
}

// picture paints what follows from the request alone, and gives it as base64.
func (s *Server) picture(j imageJob, index int) string {
	h := hashBytes(hashStart, j.prompt)
	for _, file := range j.given {
		h = hashBytes(h, file)
	}
	rng := newRandom(s.cfg.Seed^h, uint64(index))
	w, height, _ := strings.Cut(j.size, "x")
	width, _ := strconv.Atoi(w)
	tall, _ := strconv.Atoi(height)
	palette := make(color.Palette, 8)
	for i := range palette {
		v := rng.next()
		palette[i] = color.RGBA{R: byte(v), G: byte(v >> 8), B: byte(v >> 16), A: 0xff}
	}
	img := image.NewPaletted(image.Rect(0, 0, width, tall), palette)
	for y := 0; y < tall; y += blockSide {
		for x := 0; x < width; x += blockSide {
			at := byte(rng.below(len(palette)))
			for dy := range blockSide {
				row := img.Pix[(y+dy)*img.Stride+x:]
				for dx := range blockSide {
					row[dx] = at
				}
			}
		}
	}
	var out bytes.Buffer // which takes all
	if j.format == "jpeg" {
		_ = jpeg.Encode(&out, img, nil)
	} else {
		_ = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, img)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

func (s *Server) pictureBody(j imageJob, report string) []byte {
	out := append([]byte(`{"created":`), strconv.FormatInt(s.cfg.Clock.Now().Unix(), 10)...)
	out = append(out, `,"data":[`...)
	for i := range j.n {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, `{"b64_json":"`...), s.picture(j, i)...), `"}`...)
	}
	return append(append(append(append(out, ']'), j.describe()...), report...), '}')
}

func (s *Server) pictureEvents(j imageJob, report string) (parts []string, last string) {
	name := "image_generation"
	if j.path == "edits" {
		name = "image_edit"
	}
	created := `,"created_at":` + strconv.FormatInt(s.cfg.Clock.Now().Unix(), 10) + j.describe()
	for i := range j.partials {
		parts = append(parts, event(name+".partial_image", `"partial_image_index":`+strconv.Itoa(i)+`,"b64_json":"`+s.picture(j, -1-i)+`"`+created))
	}
	return parts, event(name+".completed", `"b64_json":"`+s.picture(j, 0)+`"`+created+report)
}
