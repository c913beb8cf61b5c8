package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func testNames() []string {
	return []string{"model", "stream", "stream_options", "max_tokens", "usage", "k"}
}

func TestScanFindsMembers(t *testing.T) {
	t.Parallel()
	src := []byte("  {\"messages\":[{\"model\":\"inner\",\"stream\":[{}]}] , \"model\" : \"a\\u002fb\", \"stream\":true,\"x\":{}, \"max_tokens\": -1.5e3 ,\"stream_options\":{\"a\":[1,2,{\"stream\":0}]}}\n")
	var found [6]Member
	if err := Scan(src, testNames(), found[:]); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`"a\u002fb"`, "true", `{"a":[1,2,{"stream":0}]}`, "-1.5e3"} {
		m := found[i]
		if got := string(src[m.From:m.To]); got != want {
			t.Errorf("%s = %q, want %q", testNames()[i], got, want)
		}
		if src[m.Comma] != ',' || src[m.Key] != '"' {
			t.Errorf("%s: comma at %q, key at %q", testNames()[i], src[m.Comma], src[m.Key])
		}
	}
	if !found[0].Escaped || found[1].Kind != True || found[3].Kind != Number || found[4].Kind != Absent {
		t.Errorf("found = %+v", found)
	}
	if err := Scan([]byte(`{"model":null}`), testNames(), found[:]); err != nil || found[0].Present() || found[0].Comma != -1 {
		t.Errorf("null model: %v, %+v", err, found[0])
	}
}

func TestScanRefuses(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}` }
	many := func(n int) string { return `{"a":[` + strings.Repeat("{},", n-4) + `{}]}` }
	cases := []struct {
		name, src string
		want      error
	}{
		{"depth at the bound", deep(MaxDepth), nil},
		{"depth over the bound", deep(MaxDepth + 1), ErrDepth},
		{"nodes at the bound", many(MaxNodes), nil},
		{"nodes over the bound", many(MaxNodes + 1), ErrNodes},
		{"million scalars are fine", `{"a":[` + strings.Repeat("1,", 1_000_000) + `1]}`, nil},
		{"array", `[1]`, ErrNotObject},
		{"string", `"x"`, ErrNotObject},
		{"broken array", `[1`, ErrSyntax},
		{"empty", " ", ErrSyntax},
		{"two values", `{} {}`, ErrSyntax},
		{"trailing comma", `{"a":1,}`, ErrSyntax},
		{"array trailing comma", `{"a":[1,]}`, ErrSyntax},
		{"mismatch", `{"a":[1}}`, ErrSyntax},
		{"control in string", "{\"a\":\"\x01\"}", ErrSyntax},
		{"bad escape", `{"a":"\x"}`, ErrSyntax},
		{"leading zero", `{"a":01}`, ErrSyntax},
		{"byte order mark", "\xef\xbb\xbf{}", ErrSyntax},
		{"escapes that encoders write", `{"a":{"\u00e9\n\u003c\u002b\\u0062":1}}`, nil},
		{"texts may be spelt in any way", `{"a":[{"type":"t\u00e9\n","text":"\u0061"}]}`, nil},
		{"nested repeats are not ours", `{"a":{"b":1,"b":2}}`, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var found [6]Member
			if err := Scan([]byte(c.src), testNames(), found[:]); !errors.Is(err, c.want) {
				t.Errorf("err = %v, want %v", err, c.want)
			}
		})
	}
}

func TestScanRefusesKeysThatReadersDisagreeOn(t *testing.T) {
	t.Parallel()
	cases := []struct{ src, name string }{
		{`{"model":"a","model":"b"}`, "model"},
		{`{"model":"a","MODEL":"b"}`, "model"},
		{`{"Model":"a"}`, "model"},
		{`{"mod\u0065l":"a"}`, "model"},
		{`{"ſtream":true}`, "stream"},
		{`{"\u017ftream":true}`, "stream"},
		{"{\"\u212a\":1}", "k"}, // Kelvin sign
		{`{"x":1,"x":2}`, ""},
		{`{"x":1,"X":2}`, ""},
		{`{"é":1,"É":2}`, ""},
		{`{"\u00e9":1,"é":2}`, ""},
		{`{"a\u0062":1,"ab":2}`, ""},
		{`{"x":[{"\u0063ontent":1}]}`, ""},
		{`{"x":{"cache\u005Fcontrol":1}}`, ""},
		{`{"cache\u005fcontrol":1}`, ""},
		{`{"x":[{"type":"code\u005fexecution_20250825"}]}`, ""},
		{`{"modalities":["text","\u0061udio"]}`, ""},
		{`{"x":{"cache_control":{"type":"ephemeral","ttl":"1\u0068"}}}`, ""},
		{`{"anthropic_beta":["x","c\u006fntext-1m-2025-08-07"]}`, ""},
	}
	for _, c := range cases {
		var found [6]Member
		var ke *KeyError
		if err := Scan([]byte(c.src), testNames(), found[:]); !errors.As(err, &ke) || ke.Name != c.name {
			t.Errorf("%s: err = %v, want a KeyError for %q", c.src, err, c.name)
		}
	}
	var many bytes.Buffer
	for i := range 500 {
		fmt.Fprintf(&many, `"key%d":%d,`, i, i)
	}
	var found [6]Member
	if err := Scan([]byte("{"+many.String()+`"end":1}`), testNames(), found[:]); err != nil {
		t.Errorf("500 different keys: %v", err)
	}
	var ke *KeyError
	if err := Scan([]byte("{"+many.String()+`"KEY77":1}`), testNames(), found[:]); !errors.As(err, &ke) {
		t.Errorf("a repeat after 500 keys: %v, want a KeyError", err)
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	src := []byte(`{"model":"demo/echo","messages":[{"role":"user","content":"hello\nworld"}],"stream":true}`)
	names := testNames()
	var found [6]Member
	if n := testing.AllocsPerRun(100, func() {
		if err := Scan(src, names, found[:]); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("Scan allocates %v times, want 0", n)
	}
}

// FuzzScan holds the guard to encoding/json: what it accepts is valid, and its members are what a decoder finds.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`{"model":"x","stream":true,"a":[1,2.5e-3,{"b":null}]}`, `{"model":"\ud83d\ude00 \n"}`, `{"stream" : false }`, `{}`, ` { } `,
		`{"a":[[],[[]],{}]}`, `{"model":"a","Model":"b"}`, `{"a":"` + strings.Repeat("x", 70) + `\""}`, `[{"a":1}]`, `1`, `{"a":-0}`, `{"a":1e}`,
	} {
		f.Add([]byte(s))
	}
	names := testNames()
	f.Fuzz(func(t *testing.T, src []byte) {
		var found [6]Member
		err := Scan(src, names, found[:])
		valid := json.Valid(src)
		var ke *KeyError
		switch {
		case err == nil && !valid:
			t.Fatal("accepted what is not JSON")
		case errors.Is(err, ErrSyntax) && valid:
			t.Fatalf("refused valid JSON: %v", err)
		case err != nil:
			if errors.As(err, &ke) || errors.Is(err, ErrNotObject) || errors.Is(err, ErrDepth) || errors.Is(err, ErrNodes) || errors.Is(err, ErrSyntax) {
				return
			}
			t.Fatalf("unknown error %v", err)
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(src, &want); err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			raw, ok := want[name]
			if ok != (found[i].Kind != Absent) {
				t.Fatalf("%s: found %v, want %v", name, found[i].Kind != Absent, ok)
			}
			if got := src[found[i].From:found[i].To]; ok && !bytes.Equal(got, raw) {
				t.Fatalf("%s = %q, want %q", name, got, raw)
			}
		}
	})
}

func BenchmarkScan1MiB(b *testing.B) {
	line := "The quick brown fox jumps over the lazy dog, again and again.\\n"
	src := []byte(`{"model":"demo/echo","messages":[{"role":"user","content":"` + strings.Repeat(line, 1<<20/len(line)) + `"}],"stream":true}`)
	names := testNames()
	var found [6]Member
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if err := Scan(src, names, found[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScanSmall(b *testing.B) {
	src := []byte(`{"model":"demo/echo","messages":[{"role":"user","content":"hello\nworld"}],"stream":true}`)
	names := testNames()
	var found [6]Member
	for b.Loop() {
		if err := Scan(src, names, found[:]); err != nil {
			b.Fatal(err)
		}
	}
}
