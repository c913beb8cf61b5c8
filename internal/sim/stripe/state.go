package stripe

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
)

// ident names an object.
type ident struct {
	ID     string `json:"id"`
	Object string `json:"object"`
}

func (i *ident) identity() string { return i.ID }

// core is what every dated object starts with.
type core struct {
	ident
	Created int64 `json:"created"` // Unix seconds
}

func (c *core) createdUnix() int64 { return c.Created }

// base is what most objects start with.
type base struct {
	core
	Livemode bool              `json:"livemode"`
	Metadata map[string]string `json:"metadata"`
}

// stored is anything that lives in a table.
type stored interface {
	identity() string
	createdUnix() int64
}

// table keeps objects by id and remembers the order in which they were made.
type table[T stored] struct {
	rows  map[string]T
	order []string
}

func (t *table[T]) put(row T) {
	if t.rows == nil {
		t.rows = map[string]T{}
	}
	if _, known := t.rows[row.identity()]; !known {
		t.order = append(t.order, row.identity())
	}
	t.rows[row.identity()] = row
}

func (t *table[T]) get(id string) (T, bool) {
	row, ok := t.rows[id]
	return row, ok
}

func (t *table[T]) remove(id string) {
	delete(t.rows, id)
	t.order = slices.DeleteFunc(t.order, func(other string) bool { return other == id })
}

// oldestFirst returns all rows in the order of their making.
func (t *table[T]) oldestFirst() []T {
	rows := make([]T, 0, len(t.order))
	for _, id := range t.order {
		rows = append(rows, t.rows[id])
	}
	return rows
}

// newestFirst is the order of every Stripe list.
func (t *table[T]) newestFirst() []T {
	rows := t.oldestFirst()
	slices.Reverse(rows)
	return rows
}

// trim forgets the oldest rows beyond keep.
func (t *table[T]) trim(keep int) {
	for len(t.order) > keep {
		delete(t.rows, t.order[0])
		t.order = t.order[1:]
	}
}

// MarshalJSON writes the rows as an array, oldest first.
func (t *table[T]) MarshalJSON() ([]byte, error) { return json.Marshal(t.oldestFirst()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *table[T]) UnmarshalJSON(raw []byte) error {
	var rows []T
	if err := json.Unmarshal(raw, &rows); err != nil {
		return err
	}
	t.rows, t.order = nil, nil
	for _, row := range rows {
		t.put(row)
	}
	return nil
}

// maxEvents bounds the event list; Stripe itself keeps events for 30 days.
const maxEvents = 5000

// state is everything the simulator remembers. The server's mutex guards it.
type state struct {
	Counter       uint64                   `json:"counter"` // ids made so far; survives a reset so that no id comes twice
	OffsetSeconds int64                    `json:"offset_seconds"`
	Customers     table[*customer]         `json:"customers"`
	Methods       table[*paymentMethod]    `json:"payment_methods"`
	SetupIntents  table[*setupIntent]      `json:"setup_intents"`
	Intents       table[*paymentIntent]    `json:"payment_intents"`
	Charges       table[*charge]           `json:"charges"`
	Balance       table[*balanceTxn]       `json:"balance_transactions"`
	Refunds       table[*refund]           `json:"refunds"`
	Sessions      table[*checkoutSession]  `json:"checkout_sessions"`
	Invoices      table[*invoice]          `json:"invoices"`
	Items         table[*invoiceItem]      `json:"invoice_items"`
	CreditNotes   table[*creditNote]       `json:"credit_notes"`
	Products      table[*product]          `json:"products"`
	Prices        table[*price]            `json:"prices"`
	Endpoints     table[*webhookEndpoint]  `json:"webhook_endpoints"`
	Events        table[*event]            `json:"events"`
	Keys          map[string]*keptResponse `json:"idempotency_keys"`
}

func newState() *state { return &state{Keys: map[string]*keptResponse{}} }

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newID returns prefix plus 24 characters that depend on the seed and on how many ids were made before.
func (s *Server) newID(prefix string) string { return prefix + s.token(24) }

// token returns n deterministic base62 characters, n at most 32.
func (s *Server) token(n int) string {
	s.st.Counter++
	var in [16]byte
	binary.BigEndian.PutUint64(in[:8], s.cfg.Seed)
	binary.BigEndian.PutUint64(in[8:], s.st.Counter)
	sum := sha256.Sum256(in[:])
	out := make([]byte, n)
	for i := range out {
		out[i] = base62[int(sum[i])%len(base62)]
	}
	return string(out)
}

func (s *Server) newBase(prefix, object string, metadata map[string]string) base {
	return base{core: s.newCore(prefix, object), Metadata: orEmpty(metadata)}
}

// orEmpty makes metadata that nobody sent {} rather than null.
func orEmpty(metadata map[string]string) map[string]string {
	if metadata == nil {
		return map[string]string{}
	}
	return metadata
}

func (s *Server) newCore(prefix, object string) core {
	return core{ident: ident{ID: s.newID(prefix), Object: object}, Created: s.now().Unix()}
}

// lookup finds any object by its id, rendered as the API shows it; expand[] needs it.
func (s *Server) lookup(id string) (any, bool) {
	st := s.st
	if row, ok := st.Customers.get(id); ok {
		return row, true
	}
	if row, ok := st.Methods.get(id); ok {
		return row, true
	}
	if row, ok := st.Intents.get(id); ok {
		return row, true
	}
	if row, ok := st.SetupIntents.get(id); ok {
		return row, true
	}
	if row, ok := st.Charges.get(id); ok {
		return row, true
	}
	if row, ok := st.Balance.get(id); ok {
		return row, true
	}
	if row, ok := st.Refunds.get(id); ok {
		return row, true
	}
	if row, ok := st.Invoices.get(id); ok {
		return s.invoiceView(row), true
	}
	if row, ok := st.Products.get(id); ok {
		return row, true
	}
	return nil, false
}

// toTree turns a value into maps and slices, so that expand[] can replace ids in it. Numbers keep their digits.
func toTree(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	return tree, nil
}
