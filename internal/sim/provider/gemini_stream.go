package provider

import "net/http"

// geminiStream sends chunks as events, or as the elements of one array.
type geminiStream struct {
	*eventStream
	a *geminiAnswer
	// told counts the tokens of the answer that are out.
	told int
	// begun says that the array has its bracket.
	begun bool
}

func (s *geminiStream) open() {
	switch {
	case s.a.events:
		s.buf = append(s.buf, "data: "...)
	case s.begun:
		s.buf = append(s.buf, ",\r\n"...)
	default:
		s.buf = append(s.buf, '[')
	}
	s.begun = true
}

func (s *geminiStream) shut() {
	if s.a.events {
		s.buf = append(s.buf, "\r\n\r\n"...)
	}
}

// chunk appends a chunk with one part of a candidate.
func (s *geminiStream) chunk(index int, part []byte, finish string, pieces []string, tokens int) {
	s.told += tokens
	s.open()
	s.buf = s.a.appendCandidate(append(s.buf, `{"candidates":[`...), index, part, finish, pieces)
	s.buf = s.a.appendTail(append(s.buf, ']', ','), s.a.usage.at(s.told), s.fault.Kind != NoUsage)
	s.shut()
}

func (a *geminiAnswer) writeStream(es *eventStream) error {
	s := &geminiStream{eventStream: es, a: a}
	overloaded := appendRPCError(nil, rpcError{Code: http.StatusServiceUnavailable, Message: "The model is overloaded. Please try again later.", Status: "UNAVAILABLE"})
	s.failure = func(out []byte) []byte {
		s.buf = out
		s.open()
		s.buf = append(s.buf, overloaded...)
		s.shut()
		if !a.events {
			s.buf = append(s.buf, ']')
		}
		return s.buf
	}
	if a.events {
		s.w.Header().Set("Content-Type", "text/event-stream")
		s.garbage = "data: {\"candidates\": [{\"cont\x01, not json\r\n\r\ndata \xff\xfe garbage\r\n\r\n"
	} else {
		s.w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		s.garbage = "{\"candidates\": [{\"cont\x01, not json"
	}
	if a.block != "" {
		if err := s.due(); err != nil {
			return err
		}
		s.open()
		s.buf = a.appendTail(append(s.buf, '{'), a.usage, s.fault.Kind != NoUsage)
		s.shut()
		return s.end()
	}
	if err := s.texts(); err != nil {
		return err
	}
	for i, g := range a.candidates {
		for j, call := range g.calls {
			parts, tokens := [][]byte{nil}, choice{calls: []toolCall{call}}.tokens()
			if a.pieces {
				parts = g.callPieces(j)
			} else {
				parts[0] = g.appendCall(nil, j)
			}
			for _, part := range parts {
				if err := s.send(i, part, nil, tokens); err != nil {
					return err
				}
				tokens = 0
			}
		}
	}
	if s.chunks == 0 { // nothing was shown, so no fault had its turn yet
		if err := s.due(); err != nil {
			return err
		}
	}
	for i, g := range a.candidates {
		s.chunk(i, appendTextPart(nil, "", false, g.signature), g.finish, nil, 0)
	}
	return s.end()
}

// texts sends the thoughts and the texts of the candidates in turns.
func (s *geminiStream) texts() error {
	for round, open := 0, true; open; round++ {
		open = false
		for i, g := range s.a.candidates {
			at := round - len(g.thoughts)
			var err error
			switch {
			case at < 0:
				open = true
				err = s.send(i, appendTextPart(nil, g.thoughts[round], true, ""), nil, 0)
			case at < len(g.content):
				open = true
				err = s.send(i, appendTextPart(nil, g.content[at], false, ""), g.content[at:at+1], 1)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *geminiStream) send(index int, part []byte, pieces []string, tokens int) error {
	if err := s.due(); err != nil {
		return err
	}
	s.chunk(index, part, "", pieces, tokens)
	return s.sent()
}

func (s *geminiStream) end() error {
	if !s.a.events {
		s.buf = append(s.buf, ']')
	}
	return s.last()
}
