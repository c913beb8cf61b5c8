package provider

// responseStream numbers the events of one streamed response.
type responseStream struct {
	*eventStream
	serial     int
	obfuscated bool
}

// open appends the start of an event up to its own members, with which the caller goes on.
func (s *responseStream) open(name string) {
	s.buf = append(s.buf, "event: "+name+"\ndata: {\"type\":\""+name+`","sequence_number":`...)
	s.buf = appendInt(s.buf, s.serial)
	s.serial++
}

// openItem also appends which item the event is about.
func (s *responseStream) openItem(name string, index int, it outputItem) {
	s.open(name)
	s.buf = appendInt(append(s.buf, `,"output_index":`...), index)
	s.buf = append(s.buf, `,"item_id":"`+it.id+`"`...)
}

func (s *responseStream) closeEvent() { s.buf = append(s.buf, "}\n\n"...) }

// response sends an event that holds the response in a status.
func (s *responseStream) response(a *responseAnswer, name, status string) {
	s.open(name)
	s.buf = a.appendResponse(append(s.buf, `,"response":`...), status, s.fault.Kind != NoUsage)
	s.closeEvent()
}

// item sends an event that holds a whole item.
func (s *responseStream) item(name string, index int, it outputItem, whole bool) {
	s.open(name)
	s.buf = appendInt(append(s.buf, `,"output_index":`...), index)
	s.buf = it.appendItem(append(s.buf, `,"item":`...), whole)
	s.closeEvent()
}

func (a *responseAnswer) writeStream(es *eventStream) error {
	s := &responseStream{eventStream: es, obfuscated: a.obfuscated}
	s.opening = ": open\n\n"
	s.garbage = "event: response.output_text.delta\ndata: {\"type\":\"response.outp\x01, not json\n\ndata \xff\xfe garbage\n\n"
	s.failure = func(out []byte) []byte {
		s.buf = out
		s.open("error")
		e := failure()
		s.buf = append(s.buf, `,"code":"`+e.Code+`","message":"`+e.Message+`","param":null`...)
		s.closeEvent()
		s.response(a, "response.failed", statusFailed)
		return s.buf
	}
	if err := s.wait(0); err != nil {
		return err
	}
	s.response(a, "response.created", statusInProgress)
	s.response(a, "response.in_progress", statusInProgress)
	if s.pace.Gap > 0 {
		if err := s.flush(); err != nil {
			return err
		}
	}
	for i, it := range a.output {
		s.item("response.output_item.added", i, it, false)
		if err := s.body(i, it); err != nil {
			return err
		}
		s.item("response.output_item.done", i, it, true)
	}
	if s.chunks == 0 { // nothing was shown, so no fault had its turn yet
		if err := s.disturb(); err != nil {
			return err
		}
	}
	s.response(a, "response."+a.status, a.status)
	return s.last()
}

// body sends what is between the start and the end of an item.
func (s *responseStream) body(index int, it outputItem) error {
	switch it.kind {
	case itemReasoning:
		return s.summary(index, it)
	case itemMessage:
		return s.text(index, it)
	case itemCustomCall:
		return s.call(index, it, "response.custom_tool_call_input", "input")
	}
	return s.call(index, it, "response.function_call_arguments", "arguments")
}

// deltas sends the pieces of an item, each as an event whose members after the delta come from more.
func (s *responseStream) deltas(name, where string, index int, it outputItem, more func(piece string)) error {
	for _, piece := range it.pieces {
		if err := s.due(); err != nil {
			return err
		}
		s.openItem(name, index, it)
		s.buf = appendQuoted(append(s.buf, where+`,"delta":`...), piece)
		if more != nil {
			more(piece)
		}
		if s.obfuscated {
			s.buf = append(s.buf, `,"obfuscation":"q7Zp0Xw"`...)
		}
		s.closeEvent()
		if err := s.sent(); err != nil {
			return err
		}
	}
	return nil
}

func (s *responseStream) summary(index int, it outputItem) error {
	if !it.summarised {
		return nil
	}
	const where = `,"summary_index":0`
	part := func(name string, text []byte) {
		s.openItem(name, index, it)
		s.buf = it.appendSummary(append(s.buf, where+`,"part":`...), text)
		s.closeEvent()
	}
	part("response.reasoning_summary_part.added", nil)
	if err := s.deltas("response.reasoning_summary_text.delta", where, index, it, nil); err != nil {
		return err
	}
	text := join(it.pieces)
	s.openItem("response.reasoning_summary_text.done", index, it)
	s.buf = appendQuoted(append(s.buf, where+`,"text":`...), text)
	s.closeEvent()
	part("response.reasoning_summary_part.done", text)
	return nil
}

func (s *responseStream) text(index int, it outputItem) error {
	const where = `,"content_index":0`
	part := func(name string, pieces []string) {
		s.openItem(name, index, it)
		s.buf = it.appendPart(append(s.buf, where+`,"part":`...), pieces)
		s.closeEvent()
	}
	part("response.content_part.added", nil)
	logs := func(piece string) { s.buf = it.appendLogs(append(s.buf, `,"logprobs":`...), []string{piece}) }
	if err := s.deltas("response.output_text.delta", where, index, it, logs); err != nil {
		return err
	}
	s.openItem("response.output_text.done", index, it)
	s.buf = appendQuoted(append(s.buf, where+`,"text":`...), join(it.pieces))
	s.buf = it.appendLogs(append(s.buf, `,"logprobs":`...), it.pieces)
	s.closeEvent()
	part("response.content_part.done", it.pieces)
	return nil
}

func (s *responseStream) call(index int, it outputItem, name, member string) error {
	if err := s.deltas(name+".delta", "", index, it, nil); err != nil {
		return err
	}
	s.openItem(name+".done", index, it)
	s.buf = appendQuoted(append(s.buf, `,"`+member+`":`...), join(it.pieces))
	s.closeEvent()
	return nil
}
