package awsstream

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/stretchr/testify/require"
)

func encode(t testing.TB, payload string, headers ...string) []byte {
	t.Helper()
	m := eventstream.Message{Payload: []byte(payload)}
	for i := 0; i < len(headers); i += 2 {
		m.Headers.Set(headers[i], eventstream.StringValue(headers[i+1]))
	}
	var b bytes.Buffer
	require.NoError(t, eventstream.NewEncoder().Encode(&b, m))
	return b.Bytes()
}

func event(t testing.TB, kind, payload string) []byte {
	t.Helper()
	return encode(t, payload, ":message-type", "event", ":event-type", kind, ":content-type", "application/json")
}

func chunk(t testing.TB, text string) []byte {
	t.Helper()
	return event(t, "chunk", `{"p":"abc","bytes":"`+base64.StdEncoding.EncodeToString([]byte(text))+`"}`)
}

func TestFrames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	cases := map[string]struct {
		in   []byte
		want string
	}{
		"an event":                  {event(t, "messageStart", `{"role":"assistant"}`), "data: {\"messageStart\":{\"role\":\"assistant\"}}\n\n"},
		"without a payload":         {event(t, "ping", ""), "data: {\"ping\":{}}\n\n"},
		"JSON of several lines":     {event(t, "metadata", "{\r\n \"a\": 1\n}"), "data: {\"metadata\":{   \"a\": 1 }}\n\n"},
		"a chunk":                   {chunk(t, `{"type":"message_stop"}`), "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"},
		"a chunk of another format": {chunk(t, `{"outputText":"a"}`), "data: {\"outputText\":\"a\"}\n\n"},
		"a name that breaks out":    {chunk(t, `{"type":"a\nevent: b"}`), "data: {\"type\":\"a\\nevent: b\"}\n\n"},
		"an exception": {
			encode(t, `{"message":"secret words"}`, ":message-type", "exception", ":exception-type", "throttlingException"),
			"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"throttlingException\"}}\n\n",
		},
		"an error": {
			encode(t, "", ":message-type", "error", ":error-code", "InternalFailure", ":error-message", "x"),
			"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"InternalFailure\"}}\n\n",
		},
		"what is not of the answer": {append(event(t, "initial-response", "{}"), event(t, "a", "{}")...), "data: {\"a\":{}}\n\n"},
		"a long one":                {event(t, "a", `{"x":"`+long+`"}`), "data: {\"a\":{\"x\":\"" + long + "\"}}\n\n"},
		"nothing":                   {nil, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for how, src := range map[string]io.Reader{"whole": bytes.NewReader(c.in), "bytewise": iotest.OneByteReader(bytes.NewReader(c.in))} {
				got, err := io.ReadAll(NewReader(io.NopCloser(src)))
				require.NoError(t, err, how)
				require.Equal(t, c.want, string(got), how)
			}
		})
	}
}

// TestBrokenFrames: what comes before the break is read, the break is an error and no end.
func TestBrokenFrames(t *testing.T) {
	t.Parallel()
	good := event(t, "a", `{"x":1}`)
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 1
		return b
	}
	cases := map[string][]byte{
		"checksum of the prelude": flip(9), "checksum of the message": flip(len(good) - 1), "a bit of the payload": flip(len(good) - 6), "length": flip(2),
		"no base64": event(t, "chunk", `{"bytes":"%"}`), "no bytes": event(t, "chunk", `{}`), "no kind": encode(t, "{}"),
	}
	for n := 1; n < len(good); n++ {
		cases[fmt.Sprint("cut after ", n)] = good[:n]
	}
	for name, in := range cases {
		got, err := io.ReadAll(NewReader(io.NopCloser(bytes.NewReader(append(bytes.Clone(good), in...)))))
		require.Error(t, err, name)
		require.Equal(t, "data: {\"a\":{\"x\":1}}\n\n", string(got), name)
	}
}

// TestFramesLeaveAtOnce: a frame is not kept until the next one comes.
func TestFramesLeaveAtOnce(t *testing.T) {
	t.Parallel()
	src, feed := io.Pipe()
	r := NewReader(src)
	both := append(event(t, "a", "{}"), event(t, "b", "{}")...)
	go func() { _, _ = feed.Write(both) }()
	buf := make([]byte, 1<<10)
	var got string
	for !strings.Contains(got, `"b"`) {
		n, err := r.Read(buf)
		require.NoError(t, err)
		got += string(buf[:n])
	}
	require.NoError(t, r.Close())
}

func BenchmarkReader(b *testing.B) {
	var stream []byte
	for range 100 {
		stream = append(stream, event(b, "contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":" word"},"p":"abcdefghijk"}`)...)
	}
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, NewReader(io.NopCloser(bytes.NewReader(stream)))); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzReader reads whatever comes: it ends, and what it read are whole events of one line each.
func FuzzReader(f *testing.F) {
	f.Add(event(f, "messageStart", `{"role":"assistant"}`))
	f.Add(append(chunk(f, `{"type":"message_stop"}`), event(f, "a", "{\n}")...))
	f.Add(encode(f, `{}`, ":message-type", "exception", ":exception-type", "x"))
	f.Add(chunk(f, "{\"type\":\"a\"}\n\nevent: b\ndata: c"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, _ := io.ReadAll(NewReader(io.NopCloser(bytes.NewReader(in))))
		for e := range strings.SplitSeq(strings.TrimSuffix(string(got), "\n\n"), "\n\n") {
			_, data, named := strings.Cut(e, "event: ")
			if named {
				_, data, _ = strings.Cut(data, "\n")
			} else {
				data = e
			}
			if len(got) > 0 && (!strings.HasPrefix(data, "data: ") || strings.Contains(data, "\n")) {
				t.Fatalf("no event: %q", e)
			}
		}
	})
}

// FuzzFrames compares what is read with what AWS's own decoder reads.
func FuzzFrames(f *testing.F) {
	f.Add(event(f, "messageStart", `{"role":"assistant"}`), 0, byte(0))
	f.Add(append(event(f, "a", "{}"), event(f, "b", "")...), 9, byte(1))
	var m eventstream.Message
	for name, v := range map[string]eventstream.Value{
		"a": eventstream.BoolValue(true), "b": eventstream.Int8Value(1), "c": eventstream.Int16Value(2), "d": eventstream.Int32Value(3),
		"e": eventstream.Int64Value(4), "f": eventstream.BytesValue("x"), "g": eventstream.TimestampValue(time.Unix(1, 0)), "h": eventstream.UUIDValue{1},
		":event-type": eventstream.StringValue("x"), ":message-type": eventstream.StringValue("event"),
	} {
		m.Headers.Set(name, v)
	}
	var b bytes.Buffer
	require.NoError(f, eventstream.NewEncoder().Encode(&b, m))
	f.Add(b.Bytes(), 30, byte(0))
	f.Fuzz(func(t *testing.T, in []byte, at int, flip byte) {
		if len(in) > 0 && at >= 0 {
			in[at%len(in)] ^= flip
			mend(in)
		}
		theirs, src := eventstream.NewDecoder(), bytes.NewReader(in)
		ours := reading(in)
		for src.Len() > 0 {
			want, wantErr := theirs.Decode(src, nil)
			if got, err := ours.next(); err == nil {
				require.NoError(t, wantErr, "what AWS refuses is refused")
				same(t, want, got)
				continue
			}
			var again bytes.Buffer // what AWS would write is read, even if it came in a form that is refused
			if wantErr == nil && eventstream.NewEncoder().Encode(&again, want) == nil {
				mended := reading(again.Bytes())
				got, err := mended.next()
				require.NoError(t, err)
				same(t, want, got)
			}
			return
		}
		_, err := ours.next()
		require.ErrorIs(t, err, io.EOF)
	})
}

func reading(in []byte) frames { return frames{src: bufio.NewReaderSize(bytes.NewReader(in), 64)} }

func same(t *testing.T, want eventstream.Message, got frame) {
	t.Helper()
	require.Equal(t, text(want.Headers, ":message-type"), string(got.kind))
	require.Equal(t, text(want.Headers, ":event-type"), string(got.event))
	require.Equal(t, string(want.Payload), string(got.payload))
}

// mend makes the checksums of the first frame right, so that what lies behind them is looked at.
func mend(in []byte) {
	if len(in) < preludeSize {
		return
	}
	binary.BigEndian.PutUint32(in[8:], crc32.ChecksumIEEE(in[:8]))
	if n := binary.BigEndian.Uint32(in); n >= preludeSize+checksumSize && uint64(n) <= uint64(len(in)) {
		binary.BigEndian.PutUint32(in[n-checksumSize:], crc32.ChecksumIEEE(in[:n-checksumSize]))
	}
}

func text(h eventstream.Headers, name string) string {
	v, _ := h.Get(name).(eventstream.StringValue)
	return string(v)
}
