package form_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/form"
	"starlane/internal/relay/guard"
)

const line = "--b0undary"

// body joins parts, each a header and a value, as clients do.
func body(parts ...[2]string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(line + "\r\n" + p[0] + "\r\n\r\n" + p[1] + "\r\n")
	}
	return b.String() + line + "--\r\n"
}

func field(name string) string { return `Content-Disposition: form-data; name="` + name + `"` }

func TestParse(t *testing.T) {
	t.Parallel()
	src := body(
		[2]string{field("model"), "whisper"},
		[2]string{`content-disposition: form-data; name="file"; filename="na\"ïve.wav"; filename*=UTF-8''na%C3%AFve.wav` + "\r\nContent-Type: audio/wav", "RIFF\r\n--\r\n\x00\xff"},
		[2]string{field("empty"), ""},
	)
	parts, err := form.Parse([]byte(src), "b0undary")
	require.NoError(t, err)
	require.Len(t, parts, 3)
	values := map[string]string{}
	for _, p := range parts {
		values[p.Name] = src[p.From:p.To]
		require.Equal(t, p.Name == "file", p.File)
	}
	require.Equal(t, map[string]string{"model": "whisper", "file": "RIFF\r\n--\r\n\x00\xff", "empty": ""}, values)
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"nothing":                          "",
		"a preamble":                       "hello\r\n" + body([2]string{field("a"), "1"}),
		"an epilogue":                      body([2]string{field("a"), "1"}) + "more",
		"no end":                           strings.TrimSuffix(body([2]string{field("a"), "1"}), "--\r\n"),
		"space behind the boundary":        strings.Replace(body([2]string{field("a"), "1"}), line+"\r\n", line+" \r\n", 1),
		"a boundary behind a bare newline": body([2]string{field("a"), "1\n" + line + "\n" + field("model") + "\n\n2"}),
		"a boundary inside a value":        body([2]string{field("a"), "x" + line + "y"}),
		"a longer boundary inside":         body([2]string{field("a"), "\r\n" + line + "x\r\n"}),
		"a boundary inside a header":       body([2]string{field("a") + "\r\nX-A: " + line, "1"}),
		"no blank line before the end":     line + "\r\n" + field("a") + "\r\n\r\n" + line + "--\r\n",
		"no header":                        body([2]string{"", "1"}),
		"no name":                          body([2]string{`Content-Disposition: form-data`, "1"}),
		"a long header":                    body([2]string{field("a") + "\r\nX-A: " + strings.Repeat("a", form.MaxHeader), "1"}),
		"a folded header":                  body([2]string{"Content-Disposition: form-data;\r\n name=\"a\"", "1"}),
		"a bare newline in a header":       body([2]string{"X: 1\n" + field("a"), "1"}),
		"two dispositions":                 body([2]string{field("a") + "\r\n" + field("model"), "1"}),
		"two names":                        body([2]string{field("a") + `; name="model"`, "1"}),
		"an extended name":                 body([2]string{field("a") + `; name*=UTF-8''model`, "1"}),
		"a name in pieces":                 body([2]string{`Content-Disposition: form-data; name*0="mo"; name*1="del"`, "1"}),
		"an escaped name":                  body([2]string{field(`mo\del`), "1"}),
		"a name in percent signs":          body([2]string{field(`%6dodel`), "1"}),
		"an attachment":                    body([2]string{`Content-Disposition: attachment; name="a"`, "1"}),
		"an encoded value":                 body([2]string{field("a") + "\r\nContent-Transfer-Encoding: base64", "MQ=="}),
		"too many parts":                   body(make([][2]string, form.MaxParts+1)...),
	} {
		if name == "too many parts" {
			src = strings.ReplaceAll(src, line+"\r\n\r\n\r\n", line+"\r\n"+field("a")+"\r\n\r\n")
		}
		parts, err := form.Parse([]byte(src), "b0undary")
		require.Error(t, err, name)
		require.Nil(t, parts, name)
	}
}

func TestBoundary(t *testing.T) {
	t.Parallel()
	boundary, kind, err := form.Boundary(`multipart/Form-Data; charset=utf-8; boundary="a b"`)
	require.NoError(t, err)
	require.Equal(t, "a b", boundary)
	require.Equal(t, `multipart/form-data; boundary="a b"`, kind)
	for _, bad := range []string{"", "application/json", "multipart/form-data", "multipart/form-data; boundary=", `multipart/form-data; boundary="a\r\nb"`, "multipart/mixed; boundary=a", "multipart/form-data; boundary=" + strings.Repeat("a", 71)} {
		_, _, err := form.Boundary(bad)
		require.ErrorIs(t, err, form.ErrType, bad)
	}
}

func TestScan(t *testing.T) {
	t.Parallel()
	parse := func(parts ...[2]string) error {
		all, err := form.Parse([]byte(body(parts...)), "b0undary")
		require.NoError(t, err)
		var found [2]*form.Part
		err = form.Scan(all, []string{"model", "n"}, found[:])
		if err == nil {
			require.Equal(t, "model", found[0].Name)
			require.Nil(t, found[1])
		}
		return err
	}
	model := [2]string{field("model"), "m"}
	require.NoError(t, parse(model, [2]string{field("x[]"), "1"}, [2]string{field("x[]"), "2"}))
	for _, second := range []string{field("model"), field("Model"), field("model[]"), field("MODEL") + `; filename="a"`} {
		var ke *guard.KeyError
		require.ErrorAs(t, parse(model, [2]string{second, "other"}), &ke)
		require.Equal(t, "model", ke.Name)
	}
}

// FuzzParse holds what is accepted against the standard library: the same parts with the same values.
func FuzzParse(f *testing.F) {
	f.Add([]byte(body([2]string{field("model"), "whisper"}, [2]string{field("file") + `; filename="a.wav"`, "a\r\nb"})))
	f.Add([]byte(body([2]string{field("a"), ""})))
	f.Add([]byte(line + "--"))
	f.Fuzz(func(t *testing.T, src []byte) {
		parts, err := form.Parse(src, "b0undary")
		if err != nil || len(parts) == 0 {
			return
		}
		theirs := multipart.NewReader(bytes.NewReader(src), "b0undary")
		for _, p := range parts {
			part, err := theirs.NextRawPart()
			require.NoError(t, err)
			require.Equal(t, part.FormName(), p.Name)
			value, err := io.ReadAll(part)
			require.NoError(t, err)
			require.Equal(t, string(value), string(src[p.From:p.To]))
		}
		_, err = theirs.NextRawPart()
		require.ErrorIs(t, err, io.EOF)
	})
}
