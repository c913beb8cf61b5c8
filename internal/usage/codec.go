package usage

import (
	"strconv"
	"strings"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// formatVersion is the value of the field "v". A reader refuses any other: what it does not know it must not bill.
const formatVersion = "1"

// NumFields is the number of name and value pairs of an event on the stream.
const NumFields = 27

// fieldNames is the order on the stream. Entries with the same names in the same order share them in Redis' memory.
func fieldNames() [NumFields]string {
	return [NumFields]string{
		"v", "id", "tenant", "project", "key", "hold", "dep", "at", "cap", "prov", "asked", "served", "tier", "out", "http",
		"sse", "units", "sell", "res", "est", "ttft", "ms", "tries", "upid", "relay", "boot", "seq",
	}
}

// AppendFields appends the stream form of e: NumFields pairs of name and value in a fixed order. Times are Unix
// microseconds, amounts nano-USD, absent identifiers empty. Texts are trimmed to MaxText and to printable characters,
// attempts beyond MaxAttempts are dropped.
func (e *Event) AppendFields(dst []string) []string {
	w := fieldWriter{buf: make([]byte, 0, 512)}
	w.text(formatVersion)
	for _, v := range [...]*id.ID{&e.ID, &e.Tenant, &e.Project, &e.Key, &e.Hold, &e.Deployment} {
		w.id(v)
	}
	w.int(e.OccurredAt.UnixMicro())
	for _, s := range [...]string{e.Capability, e.Provider, e.RequestedModel, e.ServedModel, e.ServiceTier} {
		w.text(clean(s))
	}
	w.text(string(e.Outcome))
	w.int(int64(e.HTTPStatus))
	w.int(boolInt(e.Streamed))
	w.counts(&e.Counts)
	w.int(e.SellVersion)
	w.int(int64(e.Reserved))
	w.int(int64(e.Estimate))
	w.int(clampMillis(e.TTFTMillis, -1))
	w.int(clampMillis(e.DurationMillis, 0))
	w.attempts(e.Attempts)
	w.text(clean(e.UpstreamRequestID))
	w.text(clean(e.Relay))
	w.int(e.Boot)
	w.buf = strconv.AppendUint(w.buf, e.Seq, 10)
	w.end()
	return w.pairs(dst)
}

// fieldWriter gathers all values in one buffer, which becomes one string that the pairs share.
type fieldWriter struct {
	buf  []byte
	ends [NumFields]int
	n    int
}

func (w *fieldWriter) end() { w.ends[w.n] = len(w.buf); w.n++ }

func (w *fieldWriter) text(s string) { w.buf = append(w.buf, s...); w.end() }

func (w *fieldWriter) int(v int64) { w.buf = strconv.AppendInt(w.buf, v, 10); w.end() }

func (w *fieldWriter) id(v *id.ID) { w.appendID(v); w.end() }

func (w *fieldWriter) appendID(v *id.ID) {
	if *v == id.Nil {
		return
	}
	const hex = "0123456789abcdef"
	for i, b := range v {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			w.buf = append(w.buf, '-')
		}
		w.buf = append(w.buf, hex[b>>4], hex[b&15])
	}
}

func (w *fieldWriter) counts(c *Counts) {
	first := true
	for class := range NumClasses {
		if c.Units[class] == 0 && c.From[class] == None {
			continue
		}
		if !first {
			w.buf = append(w.buf, ',')
		}
		first = false
		w.buf = append(append(w.buf, class.String()...), ':')
		w.buf = append(strconv.AppendInt(w.buf, c.Units[class], 10), ':')
		w.buf = append(w.buf, c.From[class].String()...)
	}
	w.end()
}

func (w *fieldWriter) attempts(list []Attempt) {
	for i, a := range list[:min(len(list), MaxAttempts)] {
		if i > 0 {
			w.buf = append(w.buf, ';')
		}
		w.appendID(&a.Deployment)
		w.buf = append(strconv.AppendInt(append(w.buf, ':'), int64(a.Status), 10), ':')
		w.buf = append(append(w.buf, word(a.Fault)...), ':')
		w.buf = strconv.AppendInt(w.buf, clampMillis(a.Millis, 0), 10)
	}
	w.end()
}

func (w *fieldWriter) pairs(dst []string) []string {
	all, from := string(w.buf), 0
	for i, name := range fieldNames() {
		dst = append(dst, name, all[from:w.ends[i]])
		from = w.ends[i]
	}
	return dst
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// ParseFields reads the stream form. It is strict: every field must be there once, nothing else may be, and all values
// must be within the bounds of Validate. The values are strings, as a Redis client returns them.
func ParseFields(values map[string]any) (Event, error) {
	r := fieldReader{values: values, names: fieldNames()}
	if len(values) != NumFields {
		return Event{}, errField("fields", "wrong number")
	}
	if r.text() != formatVersion {
		return Event{}, errField("v", "unknown version")
	}
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
	e.Attempts = r.attempts()
	e.UpstreamRequestID = r.text()
	e.Relay = r.text()
	e.Boot = r.int()
	e.Seq = r.uint()
	if r.err != nil {
		return Event{}, r.err
	}
	if err := e.Validate(); err != nil {
		return Event{}, err
	}
	return e, nil
}

// fieldReader walks the fields in order and keeps the first error.
type fieldReader struct {
	values map[string]any
	names  [NumFields]string
	n      int
	err    error
}

func (r *fieldReader) fail(name, problem string) {
	if r.err == nil {
		r.err = errField(name, problem)
	}
}

func (r *fieldReader) next() (name, value string) {
	name = r.names[r.n]
	r.n++
	value, ok := r.values[name].(string)
	if !ok {
		r.fail(name, "missing")
	}
	return name, value
}

func (r *fieldReader) text() string {
	_, v := r.next()
	return v
}

func (r *fieldReader) id() id.ID {
	name, v := r.next()
	parsed, ok := parseID(v)
	if !ok {
		r.fail(name, "not an identifier")
	}
	return parsed
}

func (r *fieldReader) int() int64 {
	name, v := r.next()
	n, ok := parseInt(v)
	if !ok {
		r.fail(name, "not a number")
	}
	return n
}

func (r *fieldReader) uint() uint64 {
	name, v := r.next()
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || (len(v) > 1 && v[0] == '0') {
		r.fail(name, "not a number")
	}
	return n
}

func (r *fieldReader) bool() bool {
	name, v := r.next()
	if v != "0" && v != "1" {
		r.fail(name, "neither 0 nor 1")
	}
	return v == "1"
}

func (r *fieldReader) counts() Counts {
	name, v := r.next()
	var c Counts
	for last := -1; v != ""; {
		var part string
		var more bool
		if part, v, more = strings.Cut(v, ","); more && v == "" {
			r.fail(name, "malformed")
		}
		label, rest, _ := strings.Cut(part, ":")
		figure, source, _ := strings.Cut(rest, ":")
		class, known := ParseClass(label)
		n, number := parseInt(figure)
		from, sourced := ParseProvenance(source)
		if !known || !number || !sourced || int(class) <= last {
			r.fail(name, "malformed")
			return Counts{}
		}
		last = int(class)
		c.Set(class, n, from)
	}
	return c
}

func (r *fieldReader) attempts() []Attempt {
	name, v := r.next()
	if v == "" {
		return nil
	}
	parts := strings.SplitN(v, ";", MaxAttempts+1)
	list := make([]Attempt, 0, len(parts))
	for _, part := range parts {
		f := strings.Split(part, ":")
		if len(f) != 4 {
			r.fail(name, "malformed")
			return nil
		}
		dep, okID := parseID(f[0])
		status, okStatus := parseInt(f[1])
		ms, okMillis := parseInt(f[3])
		if !okID || !okStatus || !okMillis || status > maxStatus {
			r.fail(name, "malformed")
			return nil
		}
		list = append(list, Attempt{Deployment: dep, Status: int(status), Fault: f[2], Millis: ms})
	}
	return list
}

// parseID accepts the canonical lower-case form and nothing for Nil.
func parseID(s string) (id.ID, bool) {
	if s == "" {
		return id.Nil, true
	}
	v, err := id.Parse(s)
	return v, err == nil && v != id.Nil && v.String() == s
}

// parseInt accepts the one form that strconv writes.
func parseInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || s[0] == '+' || s == "-0" {
		return 0, false
	}
	digits := strings.TrimPrefix(s, "-")
	return n, len(digits) == 1 || digits[0] != '0'
}
