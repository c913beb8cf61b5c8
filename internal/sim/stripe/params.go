package stripe

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// params reads the bracket syntax of Stripe's forms: a[b][0][c]=v. Every accessor marks what it read; done reports what
// nobody asked for, because Stripe refuses unknown parameters.
type params struct {
	node *node
	path string
	form *form
}

// node is a value, or a table of further nodes.
type node struct {
	value string
	leaf  bool
	used  bool
	kids  map[string]*node
	order []string
}

// form is shared by all params of one request.
type form struct {
	root *node
	err  *apiError // the first problem met
}

// parseForm reads a URL-encoded body or query.
func parseForm(raw string) (*params, error) {
	f := &form{root: &node{}}
	p := &params{node: f.root, form: f}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		rawKey, rawValue, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(rawKey)
		if err != nil {
			return nil, badRequest("parameter_invalid", "", "Invalid form encoding.")
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return nil, badRequest("parameter_invalid", key, "Invalid form encoding.")
		}
		if err := f.root.insert(splitKey(key), value, key); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func splitKey(key string) []string {
	head, rest, nested := strings.Cut(key, "[")
	parts := []string{head}
	if !nested {
		return parts
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(rest, "]"), "][") {
		parts = append(parts, part)
	}
	return parts
}

func (n *node) insert(path []string, value, key string) error {
	for _, part := range path {
		if n.leaf && n.value != "" {
			return badRequest("parameter_invalid", key, "Invalid parameter: %s is both a value and a table.", key)
		}
		n.leaf = false
		if part == "" { // a[] appends
			part = strconv.Itoa(len(n.order))
		}
		if n.kids == nil {
			n.kids = map[string]*node{}
		}
		child, ok := n.kids[part]
		if !ok {
			child = &node{}
			n.kids[part] = child
			n.order = append(n.order, part)
		}
		n = child
	}
	if n.kids != nil {
		return badRequest("parameter_invalid", key, "Invalid parameter: %s is both a value and a table.", key)
	}
	n.value, n.leaf = value, true
	return nil
}

func (p *params) child(key string) *params {
	path := key
	if p.path != "" {
		path = p.path + "[" + key + "]"
	}
	var n *node
	if p.node != nil {
		n = p.node.kids[key]
	}
	return &params{node: n, path: path, form: p.form}
}

func (p *params) fail(code, format string, args ...any) {
	if p.form.err == nil {
		p.form.err = badRequest(code, p.path, format, args...)
	}
}

// has tells whether the parameter was sent at all.
func (p *params) has(key string) bool { return p.child(key).node != nil }

// str returns a text parameter, "" when it is absent.
func (p *params) str(key string) string {
	c := p.child(key)
	if c.node == nil {
		return ""
	}
	if !c.node.leaf {
		c.fail("parameter_invalid", "Invalid string: %s", c.path)
		return ""
	}
	c.node.used = true
	return c.node.value
}

// need is str for a parameter that must be there.
func (p *params) need(key string) string {
	v := p.str(key)
	if v == "" {
		p.child(key).fail("parameter_missing", "Missing required param: %s.", p.child(key).path)
	}
	return v
}

// oneOf returns a text parameter that must be among the allowed values; the first one is the default.
func (p *params) oneOf(key string, allowed ...string) string {
	v := p.str(key)
	if v == "" {
		return allowed[0]
	}
	if !slices.Contains(allowed, v) {
		p.child(key).fail("parameter_invalid", "Invalid %s: must be one of %s", p.child(key).path, strings.Join(allowed, ", "))
	}
	return v
}

// num returns an integer parameter and whether it was sent.
func (p *params) num(key string) (int64, bool) {
	raw := p.str(key)
	if raw == "" {
		return 0, false
	}
	v, err := strconv.ParseInt(raw, 10, 64)
	if err != nil {
		p.child(key).fail("parameter_invalid_integer", "Invalid integer: %s", raw)
		return 0, false
	}
	return v, true
}

// needNum is num for a parameter that must be there.
func (p *params) needNum(key string) int64 {
	p.need(key)
	v, _ := p.num(key)
	return v
}

// flag returns a boolean parameter, or the default when it is absent.
func (p *params) flag(key string, absent bool) bool {
	switch raw := p.str(key); raw {
	case "":
		return absent
	case "true":
		return true
	case "false":
		return false
	default:
		p.child(key).fail("parameter_invalid", "Invalid boolean: %s", raw)
		return absent
	}
}

// table returns the nested parameters under key; they read as absent when nothing was sent.
func (p *params) table(key string) *params {
	c := p.child(key)
	if c.node != nil && c.node.leaf {
		if c.node.value != "" {
			c.fail("parameter_invalid", "Invalid object: %s", c.path)
		}
		c.node.used = true
	}
	return c
}

// list returns the elements of an array parameter in the order they were sent.
func (p *params) list(key string) []*params {
	c := p.table(key)
	if c.node == nil {
		return nil
	}
	var all []*params
	for _, k := range c.node.order {
		if _, err := strconv.Atoi(k); err != nil {
			c.fail("parameter_invalid", "Invalid array: %s", c.path)
			return nil
		}
		all = append(all, c.child(k))
	}
	return all
}

// texts returns an array of plain values.
func (p *params) texts(key string) []string {
	c := p.table(key)
	if c.node == nil {
		return nil
	}
	var all []string
	for _, k := range c.node.order {
		all = append(all, c.str(k))
	}
	return all
}

// Limits of metadata, as Stripe documents them.
const (
	maxMetadataKeys  = 50
	maxMetadataKey   = 40
	maxMetadataValue = 500
)

// metadata merges the sent pairs into old and returns the result: an empty value removes its key.
func (p *params) metadata(key string, old map[string]string) map[string]string {
	merged := map[string]string{}
	for k, v := range old {
		merged[k] = v
	}
	c := p.child(key)
	if c.node == nil {
		return merged
	}
	if c.node.leaf {
		c.node.used = true
		return map[string]string{}
	}
	for _, k := range c.node.order {
		v := c.str(k)
		switch {
		case v == "":
			delete(merged, k)
		case len(k) > maxMetadataKey || len(v) > maxMetadataValue:
			c.child(k).fail("parameter_invalid", "Metadata keys have at most %d and values at most %d characters.", maxMetadataKey, maxMetadataValue)
		default:
			merged[k] = v
		}
	}
	if len(merged) > maxMetadataKeys {
		c.fail("parameter_invalid", "You can have at most %d metadata keys.", maxMetadataKeys)
	}
	return merged
}

// ignore accepts parameters that change nothing in the simulator.
func (p *params) ignore(keys ...string) {
	for _, key := range keys {
		if n := p.child(key).node; n != nil {
			n.markUsed()
		}
	}
}

func (n *node) markUsed() {
	n.used = true
	for _, kid := range n.kids {
		kid.markUsed()
	}
}

// done returns the first problem of the request: a malformed value, a missing one, or one that no accessor asked for.
func (p *params) done() error {
	if p.form.err != nil {
		return p.form.err
	}
	if path := p.form.root.unused(""); path != "" {
		return badRequest("parameter_unknown", path, "Received unknown parameter: %s", path)
	}
	return nil
}

func (n *node) unused(path string) string {
	if n.leaf && !n.used {
		return path
	}
	for _, k := range n.order {
		next := k
		if path != "" {
			next = fmt.Sprintf("%s[%s]", path, k)
		}
		if found := n.kids[k].unused(next); found != "" {
			return found
		}
	}
	return ""
}
