package provider

import (
	"sync"
	"time"
)

const (
	// maxBreakpoints bounds the cache_control marks of a request, cacheLookback the blocks before a mark in which an
	// earlier prefix is looked for.
	maxBreakpoints = 4
	cacheLookback  = 20

	shortTTL = 5 * time.Minute
	longTTL  = time.Hour
)

// promptBlock is one unit of a prompt as the cache sees it.
type promptBlock struct {
	texts  []string
	tokens int
	mark   *cacheControl
}

func promptTokens(blocks []promptBlock) int {
	n := priming
	for _, b := range blocks {
		n += b.tokens
	}
	return n
}

// blocks gives the prompt in the order that the cache compares: tools, system, messages.
func (r *messageRequest) blocks() []promptBlock {
	var out []promptBlock
	for _, t := range r.Tools {
		b := promptBlock{texts: []string{t.Type, t.Name, t.Description, string(t.InputSchema)}, mark: t.CacheControl}
		for _, text := range b.texts {
			b.tokens += CountTokens(text)
		}
		out = append(out, b)
	}
	frame := func(blocks []inputBlock) {
		for i, b := range blocks {
			p := promptBlock{texts: b.texts(nil), tokens: b.tokens(), mark: b.CacheControl}
			if i == 0 {
				p.tokens += perMessage
			}
			out = append(out, p)
		}
	}
	frame(r.system)
	for _, t := range r.turns {
		frame(t.blocks)
	}
	if r.CacheControl != nil && len(out) > 0 && out[len(out)-1].mark == nil {
		out[len(out)-1].mark = r.CacheControl
	}
	return out
}

// texts appends what tells a block from another.
func (b inputBlock) texts(out []string) []string {
	out = append(out, b.Type, b.Text, b.Thinking, b.Data, b.ID, b.Name, string(b.Input), b.ToolUseID)
	if b.Source != nil {
		out = append(out, b.Source.Type, b.Source.Data, b.Source.URL, b.Source.FileID)
	}
	for _, n := range b.nested {
		out = n.texts(out)
	}
	return out
}

func (b inputBlock) tokens() int {
	n := CountTokens(b.Text) + CountTokens(b.Thinking) + CountTokens(b.Name) + CountTokens(string(b.Input))
	for _, inner := range b.nested {
		n += inner.tokens()
	}
	if b.Source != nil && b.Source.Type != "content" && b.Type != "search_result" {
		n += b.Source.tokens(b.Type)
	}
	return n
}

// checkCaching holds the marks of a request to the API's rules.
func (r *messageRequest) checkCaching() *apiError {
	marks, short := 0, false
	check := func(path, kind string, m *cacheControl) *apiError {
		if m == nil {
			return nil
		}
		marks++
		path += ".cache_control"
		switch {
		case m.Type != "ephemeral":
			return badMessage(path, "Input tag '%s' found using 'type' does not match any of the expected tags: 'ephemeral'", m.Type)
		case m.TTL != "" && m.TTL != "5m" && m.TTL != "1h":
			return badMessage(path+".ephemeral.ttl", "Input should be '5m' or '1h'")
		case kind == "thinking" || kind == "redacted_thinking":
			return badMessage(path, "Extra inputs are not permitted")
		case m.TTL == "1h" && short:
			return badMessage(path+".ttl", "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "+
				"Note that blocks are processed in the following order: `tools`, `system`, `messages`.")
		}
		short = short || m.TTL != "1h"
		return nil
	}
	for i, t := range r.Tools {
		if e := check("tools."+string(appendInt(nil, i)), "tool", t.CacheControl); e != nil {
			return e
		}
	}
	lists := [][]inputBlock{r.system}
	for _, t := range r.turns {
		lists = append(lists, t.blocks)
	}
	for _, list := range lists {
		for _, b := range list {
			if e := check(b.path, b.Type, b.CacheControl); e != nil {
				return e
			}
		}
	}
	if e := check("", "", r.CacheControl); e != nil {
		return e
	}
	if marks > maxBreakpoints {
		return badMessage("", "A maximum of %d blocks with cache_control may be provided. Found %d.", maxBreakpoints, marks)
	}
	return nil
}

// cacheUsage splits a prompt by how the cache served it.
type cacheUsage struct{ read, short, long int }

// blockCache imitates Anthropic's prompt caching: prefixes that a request marks are kept for five minutes or an hour
// since their last use, by key and model, and a later prompt reads the longest of them it starts with.
type blockCache struct {
	mu      sync.Mutex
	entries map[uint64]blockEntry
}

type blockEntry struct {
	ttl   time.Duration
	until time.Time
}

func newBlockCache() *blockCache { return &blockCache{entries: map[uint64]blockEntry{}} }

func (c *blockCache) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
}

// serve looks a prompt up, keeps what it marks and tells what it read and wrote.
func (c *blockCache) serve(key, model string, blocks []promptBlock, now time.Time) cacheUsage {
	hashes, ends := make([]uint64, len(blocks)), make([]int, len(blocks))
	h, tokens := hashBytes(hashBytes(hashStart, key), model), 0
	var marks []int
	for i, b := range blocks {
		for _, text := range b.texts {
			h = hashBytes(hashBytes(h, text), "\x00")
		}
		tokens += b.tokens
		hashes[i], ends[i] = h, tokens
		if b.mark != nil && tokens >= cacheMinimum {
			marks = append(marks, i)
		}
	}
	if len(marks) == 0 {
		return cacheUsage{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var u cacheUsage
	hit := c.find(hashes, marks, now)
	if hit >= 0 {
		u.read = ends[hit]
		e := c.entries[hashes[hit]]
		c.entries[hashes[hit]] = blockEntry{e.ttl, now.Add(e.ttl)}
	}
	// Whatever lies before the last one-hour mark is written for an hour, the rest for five minutes.
	written := u.read
	for _, i := range marks {
		if i <= hit {
			continue
		}
		ttl := shortTTL
		if blocks[i].mark.TTL == "1h" {
			ttl = longTTL
			u.long += ends[i] - written
		} else {
			u.short += ends[i] - written
		}
		written = ends[i]
		c.keep(hashes[i], blockEntry{ttl, now.Add(ttl)}, now)
	}
	return u
}

// find gives the block at which the longest kept prefix ends, or -1.
func (c *blockCache) find(hashes []uint64, marks []int, now time.Time) int {
	for m := len(marks) - 1; m >= 0; m-- {
		for i := marks[m]; i >= 0 && i > marks[m]-cacheLookback; i-- {
			if e, ok := c.entries[hashes[i]]; ok && e.until.After(now) {
				return i
			}
		}
	}
	return -1
}

// keep adds an entry; a full cache first forgets what has expired, then everything.
func (c *blockCache) keep(hash uint64, e blockEntry, now time.Time) {
	if len(c.entries) >= cacheEntries {
		for h, old := range c.entries {
			if !old.until.After(now) {
				delete(c.entries, h)
			}
		}
		if len(c.entries) >= cacheEntries {
			clear(c.entries)
		}
	}
	c.entries[hash] = e
}
