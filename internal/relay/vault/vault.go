// Package vault keeps for a while what a model thought before it called tools, for clients that do not give thoughts back with
// the results although its vendor wants them. It is found by tenant and tool call. What leaves the process is encrypted; no
// tenant can reach what another one's calls left.
package vault

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
)

const (
	maxMemory  = 32 << 20 // bytes of entries in memory; the oldest go first
	maxQueue   = 1024     // entries on their way to the store; what comes on top stays in memory only
	askTimeout = 200 * time.Millisecond
)

// Store keeps encrypted entries for all relays. Artifact returns nil if there is none.
type Store interface {
	PutArtifact(ctx context.Context, tenant id.ID, name string, sealed []byte, ttl time.Duration) error
	Artifact(ctx context.Context, tenant id.ID, name string) ([]byte, error)
}

// Options of a Vault. All are required.
type Options struct {
	Store  Store
	Box    *secret.Box
	TTL    time.Duration
	Clock  clock.Clock
	Logger *slog.Logger
}

// Vault implements dialect.Keeper. It is safe for concurrent use.
type Vault struct {
	o     Options
	queue chan *entry

	mu      sync.Mutex
	entries map[place]*list.Element
	order   *list.List // of *entry, oldest first
	bytes   int
}

type place struct {
	tenant id.ID
	name   string
}

type entry struct {
	place
	plain []byte
	until time.Time
}

var _ dialect.Keeper = (*Vault)(nil)

// New returns an empty vault. Run brings its entries to the store.
func New(o Options) *Vault {
	return &Vault{o: o, queue: make(chan *entry, maxQueue), entries: map[place]*list.Element{}, order: list.New()}
}

// artifact is a sealed thing as it is kept.
type artifact struct {
	Text   []byte `json:"t,omitempty"`
	Data   []byte `json:"d"`
	Origin string `json:"o"`
	Alone  bool   `json:"a,omitempty"`
}

type record struct {
	Thoughts []artifact `json:"thoughts,omitempty"`
	Call     *artifact  `json:"call,omitempty"`
}

// Keep implements dialect.Keeper.
func (v *Vault) Keep(tenant id.ID, call llm.Text, k dialect.Kept) {
	var r record
	for _, t := range k.Thoughts {
		r.Thoughts = append(r.Thoughts, artifact{t.Text, t.Sealed.Data, string(t.Sealed.Origin), t.Sealed.Alone})
	}
	if len(k.Call.Data) > 0 {
		r.Call = &artifact{nil, k.Call.Data, string(k.Call.Origin), k.Call.Alone}
	}
	plain, err := json.Marshal(r)
	if err != nil { // plain structs always marshal
		return
	}
	e := &entry{place: place{tenant, nameOf(call)}, plain: plain, until: v.o.Clock.Now().Add(v.o.TTL)}
	v.remember(e)
	select {
	case v.queue <- e:
	default:
	}
}

// nameOf hides what a call is named, which is for the client and its vendor.
func nameOf(call llm.Text) string {
	sum := sha256.Sum256(call)
	return hex.EncodeToString(sum[:16])
}

func (v *Vault) remember(e *entry) {
	if len(e.plain) > maxMemory {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if old := v.entries[e.place]; old != nil {
		v.drop(old)
	}
	v.entries[e.place] = v.order.PushBack(e)
	v.bytes += len(e.plain)
	now := v.o.Clock.Now()
	for first := v.order.Front(); first != nil; first = v.order.Front() {
		oldest, _ := first.Value.(*entry)
		if v.bytes <= maxMemory && now.Before(oldest.until) {
			return
		}
		v.drop(first)
	}
}

// drop takes an entry out. The caller holds the lock.
func (v *Vault) drop(at *list.Element) {
	e, _ := v.order.Remove(at).(*entry)
	delete(v.entries, e.place)
	v.bytes -= len(e.plain)
}

// Find implements dialect.Keeper.
func (v *Vault) Find(tenant id.ID, call llm.Text) (k dialect.Kept, ok bool) {
	at := place{tenant, nameOf(call)}
	plain := v.recall(at)
	if plain == nil {
		if plain = v.fetch(at); plain == nil {
			return k, false
		}
	}
	var r record
	if err := json.Unmarshal(plain, &r); err != nil {
		return k, false
	}
	for _, t := range r.Thoughts {
		k.Thoughts = append(k.Thoughts, llm.Block{Kind: llm.Thinking, Text: t.Text, Sealed: t.sealed()})
	}
	if r.Call != nil {
		k.Call = r.Call.sealed()
	}
	return k, true
}

func (a *artifact) sealed() llm.Sealed {
	return llm.Sealed{Origin: llm.Origin(a.Origin), Data: a.Data, Alone: a.Alone}
}

func (v *Vault) recall(at place) []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	el := v.entries[at]
	if el == nil {
		return nil
	}
	e, _ := el.Value.(*entry)
	if !v.o.Clock.Now().Before(e.until) {
		v.drop(el)
		return nil
	}
	return e.plain
}

// fetch asks the store. That it does not answer is no reason to refuse a request.
func (v *Vault) fetch(at place) []byte {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	sealed, err := v.o.Store.Artifact(ctx, at.tenant, at.name)
	if err != nil {
		v.o.Logger.Warn("the vault cannot be asked", "error", err)
		return nil
	}
	if sealed == nil {
		return nil
	}
	plain, err := v.o.Box.Open(sealed, at.context())
	if err != nil {
		v.o.Logger.Warn("an entry of the vault cannot be opened", "error", err)
		return nil
	}
	return []byte(plain.Reveal())
}

// context binds an entry to its place, so that it opens nowhere else.
func (p place) context() string { return "vault:" + p.tenant.String() + ":" + p.name }

// Run brings entries to the store until ctx ends. It returns nil.
func (v *Vault) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-v.queue:
			v.put(ctx, e)
		}
	}
}

func (v *Vault) put(ctx context.Context, e *entry) {
	sealed, err := v.o.Box.Seal(secret.New(string(e.plain)), e.context())
	if err == nil {
		err = v.o.Store.PutArtifact(ctx, e.tenant, e.name, sealed, e.until.Sub(v.o.Clock.Now()))
	}
	if err != nil && ctx.Err() == nil {
		v.o.Logger.Warn("an entry of the vault is kept on this relay only", "error", err)
	}
}
