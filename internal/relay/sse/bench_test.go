package sse

import (
	"bytes"
	"strings"
	"testing"
)

func BenchmarkReader(b *testing.B) {
	stream := []byte(strings.Repeat(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}`+"\n\n", 100))
	var pool Pool
	src := bytes.NewReader(stream)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(stream)
		r := pool.Get(src)
		for r.Fill() == nil {
			for ok := true; ok; {
				_, ok = r.Next()
			}
		}
		pool.Put(r)
	}
}
