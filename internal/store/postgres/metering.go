package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"starlane/internal/billing/ledger"
	"starlane/internal/billing/metering"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// Metering commits batches of usage events. It is safe for concurrent use.
type Metering struct {
	ledger  *Ledger
	revenue ledger.Account
}

// NewMetering books revenue to one of the shards of the revenue account, so that workers do not queue for one row.
func NewMetering(l *Ledger, revenueShard int) *Metering {
	return &Metering{ledger: l, revenue: ledger.RevenueShard(int16(revenueShard % ledger.RevenueShards))}
}

// Commit is one transaction: fence, events that are new, their charges, ledger, roll-up, dead letters, watermarks. Errors:
// metering.ErrFenced, metering.ErrRefused; anything else may be tried again as it is.
func (m *Metering) Commit(ctx context.Context, b metering.Batch, f metering.Fence) (metering.Result, error) {
	if err := m.ensure(ctx, b.Items); err != nil {
		return metering.Result{}, err
	}
	var result metering.Result
	err := m.ledger.posting(ctx, func(tx pgx.Tx, at time.Time) error {
		c := commit{m: m, tx: tx, at: at, batch: b}
		if err := c.run(ctx, f); err != nil {
			return err
		}
		result = c.result
		return nil
	})
	switch code := Code(err); {
	case err == nil:
		return result, nil
	case len(code) == 5 && (code[:2] == "22" || code[:2] == "23"):
		return metering.Result{}, fmt.Errorf("%w: %w", metering.ErrRefused, err)
	default:
		return metering.Result{}, err
	}
}

// ensure makes the accounts that every charge may need. Those of lots exist since the lot does.
func (m *Metering) ensure(ctx context.Context, items []metering.Item) error {
	seen := map[id.ID]bool{}
	accounts := []ledger.Account{m.revenue}
	for i := range items {
		t := items[i].Event.Tenant
		if items[i].Charge.Total > 0 && !seen[t] {
			seen[t] = true
			accounts = append(accounts, ledger.EscrowOf(t), ledger.ReceivableOf(t))
		}
	}
	return m.ledger.ensure(ctx, accounts)
}

// commit is the state of one batch inside its transaction.
type commit struct {
	m      *Metering
	tx     pgx.Tx
	at     time.Time
	batch  metering.Batch
	result metering.Result

	txnOf map[id.ID]int64  // tenant → number of its transaction, if it has charges
	fresh []*metering.Item // events that were not there before, by id
	uses  map[id.ID][]use  // tenant → charges of fresh events, in order
	order []id.ID          // tenants with charges, in order of id
	holds map[id.ID]*metering.Hold
	lots  map[id.ID][]metering.Lot
}

type use struct {
	event id.ID
	metering.Use
}

func (c *commit) run(ctx context.Context, f metering.Fence) error {
	if err := c.checkFence(ctx, f); err != nil {
		return err
	}
	if len(c.batch.Items) > 0 {
		steps := []func(context.Context) error{c.number, c.insertEvents, c.lockHolds, c.findLots, c.post}
		for _, step := range steps {
			if err := step(ctx); err != nil {
				return err
			}
		}
	}
	if err := c.insertLetters(ctx); err != nil {
		return err
	}
	return c.advance(ctx)
}

// checkFence reads the tokens and keeps their rows until the end, so that nobody takes a shard while its batch commits.
func (c *commit) checkFence(ctx context.Context, f metering.Fence) error {
	if len(f.Tokens) == 0 {
		return fmt.Errorf("%w: no shards", metering.ErrFenced)
	}
	rows, err := c.tx.Query(ctx, `
		select shard, token
		from shard_lease
		where shard = any($1) and owner = $2
		order by shard
		for share`, sortedKeys(f.Tokens), f.Owner)
	if err != nil {
		return fmt.Errorf("check fence: %w", err)
	}
	var shard int
	var token int64
	held := 0
	_, err = pgx.ForEachRow(rows, []any{&shard, &token}, func() error {
		if f.Tokens[shard] == token {
			held++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("check fence: %w", err)
	}
	if held != len(f.Tokens) {
		return metering.ErrFenced
	}
	return nil
}

// number reserves a transaction for each tenant with charges: events name it, and events are written first.
func (c *commit) number(ctx context.Context) error {
	slices.SortFunc(c.batch.Items, func(a, b metering.Item) int {
		return bytes.Compare(a.Event.ID[:], b.Event.ID[:])
	})
	c.txnOf = map[id.ID]int64{}
	for i := range c.batch.Items {
		if item := &c.batch.Items[i]; item.Charge.Total > 0 {
			c.txnOf[item.Event.Tenant] = 0
		}
	}
	if len(c.txnOf) == 0 {
		return nil
	}
	ids, err := nextTxnIDs(ctx, c.tx, len(c.txnOf))
	if err != nil {
		return err
	}
	for t := range c.txnOf {
		c.order = append(c.order, t)
	}
	slices.SortFunc(c.order, func(a, b id.ID) int { return bytes.Compare(a[:], b[:]) })
	for i, t := range c.order {
		c.txnOf[t] = ids[i]
	}
	return nil
}

// insertEvents writes the events and keeps those that were not there.
func (c *commit) insertEvents(ctx context.Context) error {
	rows, err := c.tx.Query(ctx, insertEvents, eventColumns(c.batch.Items, c.txnOf, c.at)...)
	if err != nil {
		return fmt.Errorf("insert events: %w", err)
	}
	got := make(map[id.ID]bool, len(c.batch.Items))
	var event id.ID
	_, err = pgx.ForEachRow(rows, []any{&event}, func() error {
		got[event] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("insert events: %w", err)
	}
	c.uses = map[id.ID][]use{}
	c.result.Charged = map[id.ID]money.Amount{}
	for i := range c.batch.Items {
		item := &c.batch.Items[i]
		if !got[item.Event.ID] {
			c.result.Duplicates++
			continue
		}
		c.fresh = append(c.fresh, item)
		if item.Charge.Total > 0 {
			t := item.Event.Tenant
			c.uses[t] = append(c.uses[t], use{item.Event.ID, metering.Use{Hold: item.Event.Hold, Charge: item.Charge.Total}})
			c.result.Charged[t] += item.Charge.Total // at most a batch of metering.MaxCharge
		}
	}
	c.result.New = len(c.fresh)
	c.result.Duplicates += c.batch.Repeats
	c.order = slices.DeleteFunc(c.order, func(t id.ID) bool { return len(c.uses[t]) == 0 })
	return nil
}

// lockHolds reads the holds that the charges name. They are locked before any balance, and by id, as everywhere.
func (c *commit) lockHolds(ctx context.Context) error {
	c.holds = map[id.ID]*metering.Hold{}
	var tenants, ids []id.ID
	seen := map[id.ID]bool{}
	for _, t := range c.order {
		for _, u := range c.uses[t] {
			if u.Hold != id.Nil && !seen[u.Hold] {
				seen[u.Hold] = true
				tenants, ids = append(tenants, t), append(ids, u.Hold)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := c.tx.Query(ctx, `
		select h.tenant_id, h.id, h.lot_id, h.amount_nano - h.settled_nano
		from hold h
		where h.tenant_id = any($1) and h.id = any($2) and h.state <> 'released'
		order by h.id
		for update`, tenants, ids)
	if err != nil {
		return fmt.Errorf("lock holds: %w", err)
	}
	var h metering.Hold
	var lot pgtype.UUID
	_, err = pgx.ForEachRow(rows, []any{&h.Tenant, &h.ID, &lot, &h.Room}, func() error {
		found := h
		found.Lot = lot.Bytes
		c.holds[h.ID] = &found
		return nil
	})
	if err != nil {
		return fmt.Errorf("lock holds: %w", err)
	}
	return nil
}

// findLots looks at the credit lots of tenants whose holds do not suffice. A lot bought after this moment is for the next
// batch. What is left in a lot is read under lock in post.
func (c *commit) findLots(ctx context.Context) error {
	c.lots = map[id.ID][]metering.Lot{}
	var short []id.ID
	for _, t := range c.order {
		holds := map[id.ID]*metering.Hold{}
		for _, u := range c.uses[t] {
			if h := c.holds[u.Hold]; h != nil && h.Tenant == t {
				holds[h.ID] = h
			}
		}
		if metering.Shortfall(plain(c.uses[t]), holds) {
			short = append(short, t)
		}
	}
	if len(short) == 0 {
		return nil
	}
	lots, err := openLots(ctx, c.tx, short, c.at)
	if err != nil {
		return err
	}
	var accounts []ledger.Account
	for t, list := range lots {
		for _, lot := range list {
			accounts = append(accounts, ledger.CreditOf(t, lot.ID))
		}
	}
	c.lots = lots
	return c.m.ledger.ensure(ctx, accounts)
}

// post locks the balances, decides what is charged to what, and writes everything.
func (c *commit) post(ctx context.Context) error {
	balances, err := lockBalances(ctx, c.tx, c.m.ledger.idsOf(c.accounts()))
	if err != nil {
		return err
	}
	var txns []prepared
	settled := map[id.ID]money.Amount{}
	for _, t := range c.order {
		lots := c.lots[t]
		for i := range lots {
			lots[i].Left = -balances[c.m.ledger.accountID(ledger.CreditOf(t, lots[i].ID))]
		}
		uses := c.uses[t]
		alloc, err := metering.Allocate(t, plain(uses), metering.Funds{Holds: c.holds, Lots: lots}, c.m.revenue)
		if err != nil {
			return fmt.Errorf("allocate charges: %w", err)
		}
		txn := ledger.Transaction{
			Tenant: t, IdemKey: "usage:" + uses[0].event.String(), Kind: ledger.TxnUsage, EffectiveAt: c.at,
			SourceRef: "event:" + uses[0].event.String(), Actor: "system:metering", Entries: alloc.Entries, Burns: alloc.Burns,
		}
		if err := txn.Normalize(); err != nil {
			return fmt.Errorf("usage transaction: %w", err)
		}
		if err := txn.Validate(); err != nil {
			return fmt.Errorf("usage transaction: %w", err)
		}
		for hold, amount := range alloc.Settled {
			settled[hold] += amount
		}
		if alloc.Overflow {
			c.result.Refresh = append(c.result.Refresh, t)
		}
		txns = append(txns, prepared{id: c.txnOf[t], txn: txn, hash: txn.Hash()})
	}
	batch := &pgx.Batch{}
	if len(txns) > 0 {
		queueKeys(batch, c.at, txns)
		c.m.ledger.queue(batch, c.at, txns)
	}
	if len(settled) > 0 {
		queueSettled(batch, c.order, settled)
	}
	if rows := rollup(c.fresh, c.at); len(rows) > 0 {
		queueRollup(batch, rows)
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := c.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write batch: %w", err)
	}
	return nil
}

// accounts lists what the charges may touch.
func (c *commit) accounts() []ledger.Account {
	if len(c.order) == 0 {
		return nil
	}
	out := []ledger.Account{c.m.revenue}
	for _, t := range c.order {
		out = append(out, ledger.EscrowOf(t), ledger.ReceivableOf(t))
		for _, lot := range c.lots[t] {
			out = append(out, ledger.CreditOf(t, lot.ID))
		}
	}
	return out
}

func plain(uses []use) []metering.Use {
	out := make([]metering.Use, len(uses))
	for i, u := range uses {
		out[i] = u.Use
	}
	return out
}

// openLots lists the lots of tenants that have something left and can be burnt at a time, without locking them.
func openLots(ctx context.Context, tx pgx.Tx, tenants []id.ID, at time.Time) (map[id.ID][]metering.Lot, error) {
	rows, err := tx.Query(ctx, `
		select l.tenant_id, l.id, l.priority, l.expires_at, -b.posted_nano
		from credit_lot l
		join account a on a.tenant_id = l.tenant_id and a.kind = 'credit' and a.lot_id = l.id
		join balance b on b.tenant_id = a.tenant_id and b.account_id = a.id
		where l.tenant_id = any($1)
		  and l.effective_at <= $2
		  and (l.expires_at is null or l.expires_at > $2)
		  and b.posted_nano < 0`, tenants, at)
	if err != nil {
		return nil, fmt.Errorf("find credit lots: %w", err)
	}
	out := map[id.ID][]metering.Lot{}
	var tenant id.ID
	var lot metering.Lot
	var expires *time.Time
	_, err = pgx.ForEachRow(rows, []any{&tenant, &lot.ID, &lot.Priority, &expires, &lot.Left}, func() error {
		found := lot
		found.ExpiresAt = expires
		out[tenant] = append(out[tenant], found)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find credit lots: %w", err)
	}
	for _, list := range out {
		slices.SortFunc(list, metering.CompareLots)
	}
	return out, nil
}

// queueKeys claims the keys of usage transactions. Each is made of an event that has just been inserted for the first time,
// so a conflict is impossible and would rightly fail the batch.
func queueKeys(batch *pgx.Batch, at time.Time, txns []prepared) {
	var tenants []id.ID
	var keys []string
	var ids []int64
	var hashes [][]byte
	for _, p := range txns {
		tenants, keys = append(tenants, p.txn.Tenant), append(keys, p.txn.IdemKey)
		ids, hashes = append(ids, p.id), append(hashes, p.hash)
	}
	batch.Queue(`
		insert into ledger_idem (tenant_id, idem_key, txn_id, posted_at, request_hash)
		select t, k, x, $1, h
		from unnest($2::uuid[], $3::text[], $4::bigint[], $5::bytea[]) as u (t, k, x, h)`, at, tenants, keys, ids, hashes)
}

func queueSettled(batch *pgx.Batch, tenants []id.ID, settled map[id.ID]money.Amount) {
	var ids []id.ID
	var amounts []int64
	for hold, amount := range settled {
		ids, amounts = append(ids, hold), append(amounts, int64(amount))
	}
	batch.Queue(`
		update hold h
		set settled_nano = h.settled_nano + u.n
		from unnest($2::uuid[], $3::bigint[]) as u (i, n)
		where h.tenant_id = any($1) and h.id = u.i`, tenants, ids, amounts)
}

// insertLetters keeps messages that cannot be posted.
func (c *commit) insertLetters(ctx context.Context) error {
	if len(c.batch.Letters) == 0 {
		return nil
	}
	var refs, reasons, payloads []string
	for _, letter := range c.batch.Letters {
		refs, reasons = append(refs, letter.Ref), append(reasons, letter.Reason)
		payloads = append(payloads, jsonText(letter.Fields))
	}
	_, err := c.tx.Exec(ctx, `
		insert into dead_letter (stream_ref, received_at, reason, payload)
		select r, $1, w, p::jsonb
		from unnest($2::text[], $3::text[], $4::text[]) as u (r, w, p)
		on conflict do nothing`, c.at, refs, reasons, payloads)
	if err != nil {
		return fmt.Errorf("keep dead letters: %w", err)
	}
	c.result.Letters = c.batch.Letters
	return nil
}

// OpenLetters returns dead letters that nobody has dealt with, oldest first.
func (m *Metering) OpenLetters(ctx context.Context) ([]metering.Letter, error) {
	rows, err := m.ledger.pool.Query(ctx, `
		select stream_ref, reason, payload from dead_letter where resolved_at is null order by received_at, stream_ref`)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	letters, err := pgx.CollectRows(rows, pgx.RowToStructByPos[metering.Letter])
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	return letters, nil
}

// Resolve marks a dead letter as dealt with: its event was sent again under the same id, or is given up.
func (m *Metering) Resolve(ctx context.Context, ref, resolution string) error {
	tag, err := m.ledger.pool.Exec(ctx, `
		update dead_letter set resolved_at = now(), resolution = $2 where stream_ref = $1 and resolved_at is null`, ref, resolution)
	if err != nil {
		return fmt.Errorf("resolve dead letter: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errors.New("resolve dead letter: there is no open one of that name")
	}
	return nil
}
