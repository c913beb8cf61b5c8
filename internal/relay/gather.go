package relay

import (
	"errors"
	"io"
	"net/http"
	"time"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
)

var errLong = errors.New("the answer is too long")

// gather reads a stream for a client who wants the answer in one piece, settles, and passes it on. As the client has nothing of it
// before its end, a stream that breaks off may be tried again elsewhere.
func (x *exchange) gather(res *http.Response, begin time.Time) *llm.Fault {
	way, ok := x.wire.(dialect.Gatherer)
	if !ok {
		return &llm.Fault{Phase: llm.Status, Status: res.StatusCode, Err: errKind}
	}
	reader := x.p.readers.Get(res.Body)
	defer x.p.readers.Put(reader)
	g := way.NewGathering(x.req, x)
	size := 0
	for {
		err := reader.Fill()
		x.watch.beat()
		for e, ok := reader.Next(); ok; e, ok = reader.Next() {
			if size += len(e.Raw); size > maxAnswer {
				return streamFault(errLong)
			}
			if e.Data == nil {
				continue
			}
			switch g.Event(e.Data) {
			case dialect.Pass, dialect.Hide:
			case dialect.End:
				fault := x.gathered(g, begin)
				x.drain(reader)
				return fault
			case dialect.Failed:
				return streamFault(errFailed)
			case dialect.Garbage:
				return streamFault(errGarbage)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return x.gathered(g, begin)
		case err != nil:
			return streamFault(err)
		}
	}
}

// gathered delivers the answer of a stream that is over.
func (x *exchange) gathered(g dialect.Gathering, begin time.Time) *llm.Fault {
	answer, err := g.Answer()
	if err != nil {
		return streamFault(err)
	}
	x.event.Counts = answer.Counts
	x.complete(begin, body.Content{}, answer, x.p.json)
	return nil
}
