// Package form reads a multipart/form-data body once, strictly, and says where its parts stand. As with package guard, what the
// relay reads is what every upstream will read: a body that two parsers could split or name differently is refused.
package form

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"starlane/internal/relay/guard"
)

// Limits of a body.
const (
	MaxParts  = 128
	MaxHeader = 8 << 10 // bytes of one part's header
	maxName   = 64
)

// Errors. All are safe to show: they hold nothing that the client wrote.
var (
	ErrType      = errors.New("the content type is not multipart/form-data with a boundary")
	ErrDelimiter = errors.New("the form does not begin, go on and end with its boundary")
	ErrParts     = fmt.Errorf("more than %d parts", MaxParts)
	ErrHeader    = errors.New("a part of the form has a header that readers may understand differently")
)

// Part is one part of a form.
type Part struct {
	Name     string
	File     bool // it has a file name
	From, To int  // its value
}

// Boundary reads a content type and returns the boundary, and the type in the one form in which it is passed on.
func Boundary(contentType string) (boundary, canonical string, err error) {
	kind, params, err := mime.ParseMediaType(contentType)
	w := multipart.NewWriter(io.Discard)
	if err != nil || kind != "multipart/form-data" || w.SetBoundary(params["boundary"]) != nil {
		return "", "", ErrType
	}
	return w.Boundary(), w.FormDataContentType(), nil
}

// Parse splits src at the boundary, which stands nowhere but between the parts.
func Parse(src []byte, boundary string) ([]Part, error) {
	line := []byte("--" + boundary)
	if !bytes.HasPrefix(src, line) {
		return nil, ErrDelimiter
	}
	var parts []Part
	for at := len(line); ; {
		rest := src[at:]
		switch {
		case bytes.Equal(rest, []byte("--")), bytes.Equal(rest, []byte("--\r\n")):
			return parts, nil
		case !bytes.HasPrefix(rest, []byte("\r\n")):
			return nil, ErrDelimiter
		case len(parts) == MaxParts:
			return nil, ErrParts
		}
		from := at + len("\r\n")
		length := bytes.Index(src[from:min(len(src), from+MaxHeader)], []byte("\r\n\r\n"))
		if length < 0 || bytes.Contains(src[from:from+length], line) {
			return nil, ErrHeader
		}
		part, err := header(string(src[from : from+length]))
		if err != nil {
			return nil, err
		}
		part.From = from + length + len("\r\n\r\n")
		next := bytes.Index(src[part.From:], line)
		part.To = part.From + next - len("\r\n")
		if next < len("\r\n") || string(src[part.To:part.To+2]) != "\r\n" {
			return nil, ErrDelimiter
		}
		parts = append(parts, part)
		at = part.To + len("\r\n") + len(line)
	}
}

// header reads what a part says about itself.
func header(text string) (part Part, err error) {
	for line := range strings.SplitSeq(text, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") || strings.ContainsFunc(line, control) {
			return Part{}, ErrHeader
		}
		switch strings.ToLower(name) {
		case "content-disposition":
			if part.Name != "" {
				return Part{}, ErrHeader
			}
			if part.Name, part.File, err = disposition(value); err != nil {
				return Part{}, err
			}
		case "content-transfer-encoding":
			switch strings.ToLower(strings.TrimSpace(value)) {
			case "7bit", "8bit", "binary":
			default: // some readers decode it, others do not
				return Part{}, ErrHeader
			}
		}
	}
	if part.Name == "" {
		return Part{}, ErrHeader
	}
	return part, nil
}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// disposition reads the name of a part and whether it is a file.
func disposition(value string) (name string, file bool, err error) {
	kind, params, err := mime.ParseMediaType(value)
	name = params["name"]
	extended := strings.ReplaceAll(strings.ToLower(value), "filename*", "")
	if err != nil || kind != "form-data" || name == "" || len(name) > maxName || strings.ContainsFunc(name, odd) || strings.Contains(extended, "name*") {
		return "", false, ErrHeader
	}
	_, file = params["filename"]
	return name, file, nil
}

// odd tells the characters that do not occur in names of fields, and that readers may decode.
func odd(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("_-.[]", r)
}

// Scan fills into found the parts called names, both of the same length, nil for absent ones. A name that repeats, or comes
// in other letters, as a list or with a file, is refused.
func Scan(parts []Part, names []string, found []*Part) error {
	clear(found)
	for i := range parts {
		p := &parts[i]
		for n, name := range names {
			switch {
			case !strings.EqualFold(strings.TrimSuffix(p.Name, "[]"), name):
			case p.Name != name || p.File:
				return &guard.KeyError{Name: name, Reason: "the form spells a field in a way that readers may understand differently"}
			case found[n] != nil:
				return &guard.KeyError{Name: name, Reason: "the form repeats a field"}
			default:
				found[n] = p
			}
		}
	}
	return nil
}
