package relay

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"starlane/internal/relay/llm"
)

// passBuffer is how much of an answer of bytes is read at once.
const passBuffer = 32 << 10

// pass hands an answer of bytes through as it comes. Its last byte waits until the call is settled, so that no client ever has
// a whole answer that is on no record.
func (x *exchange) pass(res *http.Response, begin time.Time) *llm.Fault {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if kind == "application/json" || strings.HasPrefix(kind, "text/") { // an error under the wrong status
		return &llm.Fault{Phase: llm.Status, Status: res.StatusCode, Err: errKind}
	}
	buf := make([]byte, passBuffer)
	kept := 0 // bytes at the start of buf that have not been passed on, 1 at most
	for {
		n, err := res.Body.Read(buf[kept:])
		x.watch.beat()
		n += kept
		switch {
		case errors.Is(err, io.EOF) && n == 0:
			return streamFault(errEmpty)
		case errors.Is(err, io.EOF):
			x.passing()
			x.tally()
			x.succeed(begin)
			_ = x.forward(res, buf[:n]) // the answer is settled: whether the client still took the end of it changes nothing
			return nil
		case err != nil:
			return streamFault(err)
		case n > 1:
			x.passing()
			if fault := x.forward(res, buf[:n-1]); fault != nil {
				return fault
			}
			buf[0] = buf[n-1]
		}
		kept = min(n, 1)
	}
}

// passing notes the first byte that goes to the client: from here on the answer is the client's.
func (x *exchange) passing() {
	if x.event.TTFTMillis < 0 {
		x.event.TTFTMillis = x.p.Clock.Now().Sub(x.call.Start).Milliseconds()
	}
}

// forward writes bytes to the client at once, after the head if that is not out yet.
func (x *exchange) forward(res *http.Response, p []byte) *llm.Fault {
	x.watch.writing.Store(true)
	defer x.watch.writing.Store(false)
	if !x.started {
		if res.ContentLength >= 0 {
			x.sink.Header()["Content-Length"] = decimal(res.ContentLength)
		}
		kind := res.Header["Content-Type"]
		if len(kind) != 1 {
			kind = []string{"application/octet-stream"}
		}
		x.head(http.StatusOK, kind)
	}
	_, err := x.sink.Write(p)
	if err == nil {
		err = x.sink.Flush()
	}
	if err != nil {
		return &llm.Fault{Phase: llm.Client, Kind: llm.Gone, Err: errClient}
	}
	return nil
}
