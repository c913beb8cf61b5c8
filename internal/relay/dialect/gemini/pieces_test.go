package gemini

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// TestPiecesMakeJSON tells arguments value by value, as Vertex AI does, and wants the same JSON of every one, byte by byte.
func TestPiecesMakeJSON(t *testing.T) {
	t.Parallel()
	for _, want := range []string{
		`{}`, `{"a":1}`, `{"a":{"b":{"c":"x\"y\\z\n"}},"d":[1,[2,{"e":null}],true]}`, `{"é 'q'":"","b.c":[{"x":1},{"x":2}]}`, `{"a":{"x":1},"b":{"x":1}}`,
	} {
		p := &pieces{seen: map[string]bool{}}
		d := json.NewDecoder(strings.NewReader(want))
		d.UseNumber()
		tellValue(t, d, "$", p)
		p.end()
		if p.broken || string(p.out) != want {
			t.Errorf("%s became %s (broken: %t)", want, p.out, p.broken)
		}
	}
}

// tellValue tells the value that is next with its path, texts in two pieces.
func tellValue(t *testing.T, d *json.Decoder, path string, to *pieces) {
	t.Helper()
	add := func(value string) {
		c := guard.NewCursor([]byte(`{"jsonPath":` + strconv.Quote(path) + `,` + value + `}`))
		if to.add(&c); !c.End() {
			t.Fatalf("%s is no JSON", value)
		}
	}
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch v := token.(type) {
	case json.Delim:
		for i := 0; d.More(); i++ {
			if v == '[' {
				tellValue(t, d, path+"["+strconv.Itoa(i)+"]", to)
				continue
			}
			key, _ := d.Token()
			tellValue(t, d, path+`["`+key.(string)+`"]`, to)
		}
		_, _ = d.Token()
	case string:
		text, _ := json.Marshal(v)
		half, _ := json.Marshal("")
		add(`"stringValue":` + string(half) + `,"willContinue":true`)
		add(`"stringValue":` + string(text))
	case json.Number:
		add(`"numberValue":` + v.String())
	case bool:
		add(`"boolValue":` + strconv.FormatBool(v))
	case nil:
		add(`"nullValue":"NULL_VALUE"`)
	}
}

// TestPiecesNeverMakeBrokenJSON: whatever paths come in whatever order, what is told is JSON or known to be broken.
func TestPiecesNeverMakeBrokenJSON(t *testing.T) {
	t.Parallel()
	paths := []string{"$.a", "$.a.b", "$.a.b[0]", "$.a[0]", "$.c", "$.c[1].d", "$['e f'].g", "$", "", "$[0]", "$.x[", "$['", "$.a.b.c"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		p := &pieces{seen: map[string]bool{}}
		for range random.IntN(6) {
			value := []string{`"stringValue":"a","willContinue":true`, `"stringValue":"b"`, `"numberValue":1`, `"boolValue":false`, `"nullValue":null`, `"willContinue":true`}[random.IntN(6)]
			c := guard.NewCursor([]byte(`{"jsonPath":"` + paths[random.IntN(len(paths))] + `",` + value + `}`))
			if p.broken {
				break
			}
			p.add(&c)
		}
		if p.broken {
			continue
		}
		p.end()
		if !json.Valid(p.out) || bytes.Contains(p.out, []byte(`"":`)) {
			t.Fatalf("pieces made %s", p.out)
		}
	}
	if parsePath(llm.Text(`$.a['b \"c'][2]`)) == nil {
		t.Error("a quoted key is not read")
	}
}

// TestPathsAreBounded: what leads to a value is remembered step by step, so that a path without end would take its square.
func TestPathsAreBounded(t *testing.T) {
	t.Parallel()
	require.Len(t, parsePath(llm.Text("$"+strings.Repeat(".a", guard.MaxDepth))), guard.MaxDepth)
	require.Empty(t, parsePath(llm.Text("$"+strings.Repeat(".a", guard.MaxDepth+1))))
}
