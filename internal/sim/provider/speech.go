package provider

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// What is spoken: 24 kHz, one channel, 16 bit, 15 characters a second.
const (
	speechRate     = 24_000
	perCharacter   = speechRate / 15 // samples
	speechChunk    = 8 << 10
	maxSpoken      = 4096 // characters
	tokensASecond  = 21   // of speech
	mp3Frame       = 192  // bytes: 64 kbit/s
	mp3FrameLength = 576  // samples
)

// speech serves POST /v1/audio/speech.
func (s *Server) speech(c *call) *apiError {
	b, e := s.readMedia(c, false, false, ModelSpeech)
	if e != nil {
		return e
	}
	for _, name := range []string{"input", "voice"} {
		if e := b.want(name); e != nil {
			return e
		}
	}
	letters := utf8.RuneCountInString(b.fields["input"])
	if letters > maxSpoken {
		return badParam("input", "string_too_long", "Invalid 'input': string too long. Expected a string with maximum length %d.", maxSpoken)
	}
	format, e := b.oneOf("response_format", "mp3", "opus", "aac", "flac", "wav", "pcm")
	if e != nil {
		return e
	}
	if _, e := b.oneOf("stream_format", "audio", "sse"); e != nil {
		return e
	}
	if v, ok := b.fields["speed"]; ok {
		if speed, err := strconv.ParseFloat(v, 64); err != nil || speed < 0.25 || speed > 4 {
			return badParam("speed", "decimal_out_of_range", "Invalid 'speed': expected a number from 0.25 to 4.")
		}
	}
	pace, fault, done, e := s.prepareMedia(c)
	if done {
		return e
	}
	sound := s.speak(b.fields["input"]+b.fields["voice"], letters*perCharacter, format)
	c.usage = tokenUsage{Prompt: CountTokens(b.fields["input"]), Completion: (letters*tokensASecond + 14) / 15}
	c.usage.Total = c.usage.Prompt + c.usage.Completion
	if c.stream {
		reply := &mediaReply{stream: true}
		for part := range slices.Chunk(sound, speechChunk) {
			reply.parts = append(reply.parts, event("speech.audio.delta", `"audio":"`+base64.StdEncoding.EncodeToString(part)+`"`))
		}
		report := fmt.Sprintf(`"usage":{"input_tokens":%d,"output_tokens":%d,"total_tokens":%d}`, c.usage.Prompt, c.usage.Completion, c.usage.Total)
		if fault.Kind == NoUsage {
			report = `"usage":null`
		}
		reply.last = event("speech.audio.done", report)
		s.deliver(c, reply, pace, fault)
		return nil
	}
	kinds := map[string]string{"mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav", "pcm": "audio/pcm"}
	c.settle(c.writeSound(sound, kinds[format], pace, fault))
	return nil
}

// writeSound sends sound in pieces at their pace, or what a fault leaves of it.
func (c *call) writeSound(sound []byte, kind string, pace Pace, fault Rule) error {
	c.status = http.StatusOK
	c.w.Header().Set("Content-Type", kind)
	p := pacer{pace: pace, start: c.start, done: c.r.Context().Done()}
	breaks := fault.Kind == Cut || fault.Kind == Garbage || fault.Kind == ErrorEvent || fault.Kind == NoDone || fault.Kind == StallStream
	for part := range slices.Chunk(sound, speechChunk) {
		if breaks && c.chunks == fault.AfterChunks {
			break
		}
		if err := p.wait(c.chunks); err != nil {
			return err
		}
		if _, err := c.w.Write(part); err != nil {
			return errGone
		}
		if f, ok := c.w.(http.Flusher); ok {
			f.Flush()
		}
		c.chunks++
	}
	switch {
	case fault.Kind == StallStream:
		return p.forever(time.Duration(fault.DelayMS) * time.Millisecond)
	case breaks:
		hangUp(c.w)
		return errCut
	}
	return nil
}

// speak gives sound that follows from a text: real samples in wav and pcm, frames of silence in mp3, and in the other formats bytes
// that begin as such a file does.
func (s *Server) speak(text string, samples int, format string) []byte {
	rng := newRandom(s.cfg.Seed, hashBytes(hashStart, text))
	switch format {
	case "mp3":
		n := (samples + mp3FrameLength - 1) / mp3FrameLength
		out := make([]byte, n*mp3Frame)
		for i := range n {
			copy(out[i*mp3Frame:], []byte{0xff, 0xf3, 0x84, 0xc4}) // MPEG 2, layer III, 64 kbit/s, 24 kHz, mono
		}
		return out
	case "wav", "pcm":
		var out []byte
		size := uint32(2 * samples)
		if format == "wav" {
			out = append(out, "RIFF"...)
			out = binary.LittleEndian.AppendUint32(out, 36+size)
			out = append(out, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
			out = binary.LittleEndian.AppendUint32(out, speechRate)
			out = binary.LittleEndian.AppendUint32(out, 2*speechRate)
			out = append(out, "\x02\x00\x10\x00data"...)
			out = binary.LittleEndian.AppendUint32(out, size)
		}
		step, level := uint16(200), uint16(0)
		for i := range samples {
			if i%perCharacter == 0 {
				step = uint16(100 + rng.below(800))
			}
			level += step // a saw whose pitch changes with each character
			out = binary.LittleEndian.AppendUint16(out, level)
		}
		return out
	}
	out := []byte(map[string]string{"opus": "OggS", "aac": "\xff\xf1\x58\x40", "flac": "fLaC"}[format])
	for range samples / 16 {
		out = append(out, byte(rng.next()))
	}
	return out
}
