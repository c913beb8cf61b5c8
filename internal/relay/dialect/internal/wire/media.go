package wire

import (
	"bytes"
	"encoding/base64"
	"strings"

	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// DataURI splits a data: URI (RFC 2397) with base64 data; false for any other address.
func DataURI(t llm.Text) (mediaType, data llm.Text, ok bool) {
	head, data, found := bytes.Cut(t, []byte(","))
	if !found || len(head) > 200 {
		return nil, nil, false
	}
	plain, err := guard.Unquote(head) // some encoders write \/
	if err != nil {
		return nil, nil, false
	}
	rest, isData := bytes.CutPrefix([]byte(plain), []byte("data:"))
	mediaType, isBase64 := bytes.CutSuffix(rest, []byte(";base64"))
	if !isData || !isBase64 {
		return nil, nil, false
	}
	if params := bytes.IndexByte(mediaType, ';'); params >= 0 {
		mediaType = mediaType[:params]
	}
	if bytes.ContainsFunc(mediaType, notOfType) { // it goes between quotes as it is
		return nil, nil, false
	}
	return mediaType, data, true
}

// notOfType tells what no MIME type is made of (RFC 6838 §4.2).
func notOfType(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("/!#$&-^_.+", r)
}

// ImageType is the type of a picture by its first bytes, which clients declare wrongly now and then; the declared one if they
// say nothing.
func ImageType(declared, data llm.Text) llm.Text {
	var head [12]byte
	n, _ := base64.StdEncoding.Decode(head[:], bytes.ReplaceAll(data[:min(len(data), 16)], []byte(`\/`), []byte("/")))
	switch b := head[:n]; {
	case bytes.HasPrefix(b, []byte("\x89PNG")):
		return llm.Text("image/png")
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return llm.Text("image/jpeg")
	case bytes.HasPrefix(b, []byte("GIF8")):
		return llm.Text("image/gif")
	case n == 12 && bytes.HasPrefix(b, []byte("RIFF")) && string(b[8:]) == "WEBP":
		return llm.Text("image/webp")
	}
	return declared
}
