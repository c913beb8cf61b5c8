package usage

import (
	"encoding/binary"
	"errors"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// binaryVersion starts every record of the log form.
const binaryVersion = 1

var errTruncated = errors.New("usage record: truncated")

// AppendBinary appends the log form of e: compact, self-contained, and made without allocation for ordinary events. The
// same trimming applies as in AppendFields.
func (e *Event) AppendBinary(dst []byte) []byte {
	dst = append(dst, binaryVersion)
	dst = append(dst, e.ID[:]...)
	dst = append(dst, e.Tenant[:]...)
	dst = append(dst, e.Project[:]...)
	dst = append(dst, e.Key[:]...)
	dst = append(dst, e.Hold[:]...)
	dst = append(dst, e.Deployment[:]...)
	dst = binary.AppendVarint(dst, e.OccurredAt.UnixMicro())
	dst = appendText(dst, e.Capability)
	dst = appendText(dst, e.Provider)
	dst = appendText(dst, e.RequestedModel)
	dst = appendText(dst, e.ServedModel)
	dst = appendText(dst, e.ServiceTier)
	dst = appendText(dst, string(e.Outcome))
	dst = binary.AppendVarint(dst, int64(e.HTTPStatus))
	dst = append(dst, byte(boolInt(e.Streamed)))
	dst = e.Counts.appendBinary(dst)
	dst = binary.AppendVarint(dst, e.SellVersion)
	dst = binary.AppendVarint(dst, int64(e.Reserved))
	dst = binary.AppendVarint(dst, int64(e.Estimate))
	dst = binary.AppendVarint(dst, clampMillis(e.TTFTMillis, -1))
	dst = binary.AppendVarint(dst, clampMillis(e.DurationMillis, 0))
	attempts := e.Attempts[:min(len(e.Attempts), MaxAttempts)]
	dst = append(dst, byte(len(attempts)))
	for i := range attempts {
		a := &attempts[i]
		dst = append(dst, a.Deployment[:]...)
		dst = binary.AppendVarint(dst, int64(a.Status))
		dst = appendText(dst, word(a.Fault))
		dst = binary.AppendVarint(dst, clampMillis(a.Millis, 0))
	}
	dst = appendText(dst, e.UpstreamRequestID)
	dst = appendText(dst, e.Relay)
	dst = binary.AppendVarint(dst, e.Boot)
	return binary.AppendUvarint(dst, e.Seq)
}

// ParseBinary reads the log form of an event. It is strict: nothing may follow, and the bounds of Validate hold.
func ParseBinary(b []byte) (Event, error) {
	r := binaryReader{b: b}
	r.version()
	var e Event
	for _, v := range [...]*id.ID{&e.ID, &e.Tenant, &e.Project, &e.Key, &e.Hold, &e.Deployment} {
		*v = r.id()
	}
	e.OccurredAt = time.UnixMicro(r.int()).UTC()
	for _, s := range [...]*string{&e.Capability, &e.Provider, &e.RequestedModel, &e.ServedModel, &e.ServiceTier} {
		*s = r.text()
	}
	e.Outcome = Outcome(r.text())
	e.HTTPStatus = int(r.int())
	e.Streamed = r.bool()
	e.Counts = r.counts()
	e.SellVersion = r.int()
	e.Reserved = money.Amount(r.int())
	e.Estimate = money.Amount(r.int())
	e.TTFTMillis = r.int()
	e.DurationMillis = r.int()
	n := int(r.byte())
	if n > MaxAttempts {
		r.fail(errField("attempts", "too many"))
	} else if n > 0 && r.err == nil {
		e.Attempts = make([]Attempt, n)
		for i := range e.Attempts {
			e.Attempts[i] = Attempt{Deployment: r.id(), Status: int(r.int()), Fault: r.text(), Millis: r.int()}
		}
	}
	e.UpstreamRequestID = r.text()
	e.Relay = r.text()
	e.Boot = r.int()
	e.Seq = r.uint()
	r.done()
	if r.err == nil {
		r.err = e.Validate()
	}
	if r.err != nil {
		return Event{}, r.err
	}
	return e, nil
}

// AppendBinary appends the log form of an open record.
func (o *Open) AppendBinary(dst []byte) []byte {
	dst = append(dst, binaryVersion)
	dst = append(dst, o.ID[:]...)
	dst = append(dst, o.Tenant[:]...)
	dst = append(dst, o.Project[:]...)
	dst = append(dst, o.Key[:]...)
	dst = append(dst, o.Hold[:]...)
	dst = append(dst, o.Deployment[:]...)
	dst = binary.AppendVarint(dst, o.OccurredAt.UnixMicro())
	dst = appendText(dst, o.Capability)
	dst = appendText(dst, o.RequestedModel)
	dst = appendText(dst, o.ServedModel)
	dst = appendText(dst, o.Provider)
	dst = append(dst, byte(boolInt(o.Streamed)))
	dst = binary.AppendVarint(dst, o.InputEstimate)
	dst = binary.AppendVarint(dst, o.SellVersion)
	dst = binary.AppendVarint(dst, int64(o.Reserved))
	if o.InputClass != InText { // a record of text has none, so that relays of before read it
		dst = append(dst, byte(o.InputClass))
	}
	return dst
}

// ParseOpen reads the log form of an open record, as strictly as ParseBinary.
func ParseOpen(b []byte) (Open, error) {
	r := binaryReader{b: b}
	r.version()
	var o Open
	for _, v := range [...]*id.ID{&o.ID, &o.Tenant, &o.Project, &o.Key, &o.Hold, &o.Deployment} {
		*v = r.id()
	}
	o.OccurredAt = time.UnixMicro(r.int()).UTC()
	for _, s := range [...]*string{&o.Capability, &o.RequestedModel, &o.ServedModel, &o.Provider} {
		*s = r.text()
	}
	o.Streamed = r.bool()
	o.InputEstimate = r.int()
	o.SellVersion = r.int()
	o.Reserved = money.Amount(r.int())
	if r.err == nil && len(r.b) > 0 {
		o.InputClass = Class(r.byte())
	}
	r.done()
	if r.err == nil {
		r.err = o.Validate()
	}
	if r.err != nil {
		return Open{}, r.err
	}
	return o, nil
}

func appendText(dst []byte, s string) []byte {
	s = clean(s)
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func (c *Counts) appendBinary(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, 0)
	for class := range NumClasses {
		if c.Units[class] == 0 && c.From[class] == None {
			continue
		}
		dst[at]++
		dst = append(dst, byte(class), byte(c.From[class]))
		dst = binary.AppendVarint(dst, c.Units[class])
	}
	return dst
}

// binaryReader keeps the first error and then returns zeros.
type binaryReader struct {
	b   []byte
	err error
}

func (r *binaryReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

func (r *binaryReader) version() {
	if v := r.byte(); v != binaryVersion {
		r.fail(errField("version", "unknown"))
	}
}

func (r *binaryReader) done() {
	if r.err == nil && len(r.b) > 0 {
		r.fail(errField("end", "surplus bytes"))
	}
}

func (r *binaryReader) byte() byte {
	if len(r.b) == 0 {
		r.fail(errTruncated)
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *binaryReader) bool() bool {
	v := r.byte()
	if v > 1 {
		r.fail(errField("flag", "neither 0 nor 1"))
	}
	return v == 1
}

func (r *binaryReader) id() id.ID {
	var v id.ID
	if len(r.b) < len(v) {
		r.fail(errTruncated)
		return v
	}
	copy(v[:], r.b)
	r.b = r.b[len(v):]
	return v
}

func (r *binaryReader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail(errTruncated)
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *binaryReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail(errTruncated)
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *binaryReader) text() string {
	n := r.uint()
	if n > MaxText || n > uint64(len(r.b)) {
		r.fail(errTruncated)
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *binaryReader) counts() Counts {
	var c Counts
	last := -1
	for range r.byte() {
		class, from := Class(r.byte()), Provenance(r.byte())
		if class >= NumClasses || int(class) <= last {
			r.fail(errField("counts", "malformed"))
			return Counts{}
		}
		last = int(class)
		c.Set(class, r.int(), from)
	}
	return c
}
