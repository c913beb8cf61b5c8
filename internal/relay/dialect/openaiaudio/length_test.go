package openaiaudio

import (
	"encoding/binary"
	"testing"
)

func le32(v ...uint32) (out []byte) {
	for _, n := range v {
		out = binary.LittleEndian.AppendUint32(out, n)
	}
	return out
}

func be32(v ...uint32) (out []byte) {
	for _, n := range v {
		out = binary.BigEndian.AppendUint32(out, n)
	}
	return out
}

func cat(parts ...any) (out []byte) {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			out = append(out, p...)
		case []byte:
			out = append(out, p...)
		case int:
			out = append(out, make([]byte, p)...)
		}
	}
	return out
}

// riff is a recording at so many bytes a second, with size written as the size of its data.
func riff(rate, size uint32, data int) []byte {
	return cat("RIFF", 4, "WAVE", "LIST", le32(3), "abc\x00", "fmt ", le32(16), le32(1, rate/2), le32(rate), 4, "data", le32(size), data)
}

// pcm is a recording of 8,000 bytes a second whose header says otherwise where it can.
func pcm(byteRate uint32, align uint32, data ...any) []byte {
	return cat(append([]any{"RIFF", 4, "WAVE", "fmt ", le32(16, 1|1<<16, 8000, byteRate, align|8<<16)}, data...)...)
}

func TestLength(t *testing.T) {
	t.Parallel()
	page := func(position uint32) []byte { return cat("OggS", 2, le32(position, 0), 13) }
	for name, tc := range map[string]struct {
		file         []byte
		likely, most int64
		known        bool
	}{
		"nothing":                          {nil, 0, 0, false},
		"wav":                              {riff(16_000, 40_000, 40_000), 3, 3, true},
		"wav of unknown size":              {riff(16_000, 0xffffffff, 32_000), 2, 2, true},
		"wav of no size":                   {riff(16_000, 0, 32_000), 2, 2, true},
		"wav that claims more than it has": {riff(16_000, 1<<30, 16_001), 2, 2, true},
		"wav too fast to be true":          {riff(1<<31, 64_000, 64_000), 5, 65, false},
		"wav without a format":             {cat("RIFF", 4, "WAVE", "data", le32(100), 100), 1, 1, false},
		"wav, cut":                         {cat("RIFF", 4, "WAVE", "fmt "), 1, 1, false},
		"wav that says that it plays fast": {pcm(6_000_000, 1, "data", le32(80_000), 80_000), 10, 10, true},
		"wav with wide samples by name":    {pcm(8000, 500, "data", le32(80_000), 80_000), 10, 10, true},
		"wav in two pieces":                {pcm(8000, 1, "data", le32(8000), 8000, "junk", le32(2), 2, "data", le32(72_000), 72_000), 10, 10, true},
		"wav with two formats":             {pcm(8000, 1, "fmt ", le32(16, 1|1<<16, 192_000, 192_000, 1|8<<16), "data", le32(79_956), 79_956), 6, 81, false},
		"wav that is compressed":           {cat("RIFF", 4, "WAVE", "fmt ", le32(16, 0x11|1<<16, 8000, 6_000_000, 1), "data", le32(79_956), 79_956), 5, 80, false},
		"opus":                             {cat(page(0), "OpusHead", 20, page(96_001)), 1, 1, false},
		"opus, longer":                     {cat(page(0), "OpusHead", 20_000, page(480_000)), 10, 21, false},
		"vorbis":                           {cat(page(0), "\x01vorbis", 5, le32(8000), 20_000, page(80_000)), 10, 21, false},
		"flac":                             {cat("fLaC", 4, 10, []byte{0x0a, 0xc4, 0x40, 0x00}, be32(441_000), 20_000), 10, 21, false},
		"m4a":                              {cat(be32(20), "ftyp", 12, be32(100), "moov", "mvhd", 12, be32(1000, 12_500), 20_000), 13, 21, false},
		"m4a, wide":                        {cat(be32(20), "ftyp", 12, be32(100), "moov", "mvhd\x01", 19, be32(1000, 0, 12_500), 20_000), 13, 21, false},
		"mp3 at 64 kbit/s":                 {cat("\xff\xf3\x84\xc4", 31_996), 4, 32, false},
		"mp3 with a title":                 {cat("ID3\x04\x00\x00\x00\x00\x00\x05hello", "\xff\xfb\x90\x00", 31_981), 2, 32, false},
		"noise":                            {make([]byte, 32_000), 2, 32, false},
	} {
		likely, most, known := length(tc.file)
		if likely != tc.likely || most != tc.most || known != tc.known {
			t.Errorf("%s: %d, %d, %v; want %d, %d, %v", name, likely, most, known, tc.likely, tc.most, tc.known)
		}
	}
}

func TestLastCue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"": 0, "a --> b": 0, "hello": 0, "1\n00:00:01,000 --> 00:00:04,500\nHi\n\n2\n00:59:00,000 --> 01:00:02,001\nbye\n": 3603,
		"WEBVTT\n\n00:01.000 --> 02:03.000 align:start\nHi": 123, "-->": 0, "--> 1e300:00": 0, "--> -1": 0, "--> NaN": 0,
	} {
		if got := lastCue([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func FuzzLength(f *testing.F) {
	f.Add(riff(16_000, 40_000, 100))
	f.Add(cat(be32(20), "ftyp", 12, "mvhd\x01", 19, be32(1000, 0, 12_500)))
	f.Fuzz(func(t *testing.T, file []byte) {
		likely, most, _ := length(file)
		if likely < 0 || likely > most || most > int64(len(file)) {
			t.Errorf("%d of at most %d seconds in %d bytes", likely, most, len(file))
		}
	})
}
