package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/billing/ledger"
	"starlane/internal/billing/money"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
)

// postingLock is held in share mode by every posting and alone by the close of a period while it picks its cut: whatever
// was posted before the cut is committed then, and whatever comes later has a later time.
const postingLock = 0x5354_4152_4c45_4447

// Ledger keeps the book. The other money stores post through it. It is safe for concurrent use.
type Ledger struct {
	pool     *pgxpool.Pool
	clock    clock.Clock // nil: the clock of the database, which all workers share
	accounts sync.Map    // ledger.Account → int64; accounts never change
}

// NewLedger posts with the time of the database.
func NewLedger(pool *pgxpool.Pool) *Ledger { return &Ledger{pool: pool} }

// NewLedgerAt posts with a clock of the caller's choice, to replay or to test other days.
func NewLedgerAt(pool *pgxpool.Pool, c clock.Clock) *Ledger { return &Ledger{pool: pool, clock: c} }

// Post writes a transaction in one database transaction. A repeat returns the first result. Errors: ledger.ErrInvalid,
// ledger.ErrIdemConflict.
func (l *Ledger) Post(ctx context.Context, t ledger.Transaction) (ledger.Posted, error) {
	var posted ledger.Posted
	err := l.posting(ctx, func(tx pgx.Tx, at time.Time) error {
		var err error
		posted, _, err = l.postIn(ctx, tx, at, t)
		return err
	})
	if err != nil {
		return ledger.Posted{}, fmt.Errorf("post %s: %w", t.Kind, err)
	}
	return posted, nil
}

// Balance is the sum of an account's entries, zero if it has none.
func (l *Ledger) Balance(ctx context.Context, a ledger.Account) (money.Amount, error) {
	var sum money.Amount
	err := operatorTx(ctx, l.pool, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			select coalesce(sum(b.posted_nano), 0)::bigint
			from account a join balance b on b.tenant_id = a.tenant_id and b.account_id = a.id
			where a.tenant_id = $1 and a.kind = $2 and a.lot_id is not distinct from $3 and a.shard = $4`,
			a.Tenant, a.Kind, nullable(a.Lot), a.Shard).Scan(&sum)
	})
	if err != nil {
		return 0, fmt.Errorf("balance of %s: %w", a.Kind, err)
	}
	return sum, nil
}

// posting runs f in a transaction that a close of the period waits for, with the time its postings carry.
func (l *Ledger) posting(ctx context.Context, f func(tx pgx.Tx, at time.Time) error) error {
	return operatorTx(ctx, l.pool, func(tx pgx.Tx) error {
		at, err := l.enter(ctx, tx)
		if err != nil {
			return err
		}
		return f(tx, at)
	})
}

// enter takes the share of the posting lock and then the time: the order matters.
func (l *Ledger) enter(ctx context.Context, tx pgx.Tx) (time.Time, error) {
	var at time.Time
	batch := &pgx.Batch{}
	batch.Queue(`select pg_advisory_xact_lock_shared($1)`, int64(postingLock))
	batch.Queue(`select clock_timestamp()`).QueryRow(func(row pgx.Row) error { return row.Scan(&at) })
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return time.Time{}, fmt.Errorf("enter the ledger: %w", err)
	}
	if l.clock != nil {
		at = l.clock.Now().Truncate(time.Microsecond)
	}
	return at.UTC(), nil
}

// now is the time of the ledger's clock, for acts that post nothing.
func (l *Ledger) now(ctx context.Context, tx pgx.Tx) (time.Time, error) {
	if l.clock != nil {
		return l.clock.Now().Truncate(time.Microsecond), nil
	}
	var at time.Time
	if err := tx.QueryRow(ctx, "select clock_timestamp()").Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("read the clock: %w", err)
	}
	return at.UTC(), nil
}

// postIn posts inside a transaction of the caller, who came through posting. fresh is false for a repeat.
func (l *Ledger) postIn(ctx context.Context, tx pgx.Tx, at time.Time, t ledger.Transaction) (posted ledger.Posted, fresh bool, err error) {
	if err := t.Normalize(); err != nil {
		return posted, false, err
	}
	if err := t.Validate(); err != nil {
		return posted, false, err
	}
	if err := l.ensure(ctx, accountsOf(t)); err != nil {
		return posted, false, err
	}
	ids, err := nextTxnIDs(ctx, tx, 1)
	if err != nil {
		return posted, false, err
	}
	p := prepared{id: ids[0], txn: t, hash: t.Hash()}
	tag, err := tx.Exec(ctx, `
		insert into ledger_idem (tenant_id, idem_key, txn_id, posted_at, request_hash)
		values ($1, $2, $3, $4, $5)
		on conflict do nothing`, t.Tenant, t.IdemKey, p.id, at, p.hash)
	if err != nil {
		return posted, false, fmt.Errorf("claim key: %w", err)
	}
	if tag.RowsAffected() == 0 {
		posted, err = repeated(ctx, tx, t.Tenant, t.IdemKey, p.hash)
		return posted, false, err
	}
	if _, err := lockBalances(ctx, tx, l.idsOf(accountsOf(t))); err != nil {
		return posted, false, err
	}
	batch := &pgx.Batch{}
	l.queue(batch, at, []prepared{p})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return posted, false, fmt.Errorf("write entries: %w", err)
	}
	return ledger.Posted{ID: p.id, At: at}, true, nil
}

func repeated(ctx context.Context, tx pgx.Tx, tenant id.ID, key string, hash []byte) (ledger.Posted, error) {
	var p ledger.Posted
	var have []byte
	err := tx.QueryRow(ctx, `
		select txn_id, posted_at, request_hash from ledger_idem where tenant_id = $1 and idem_key = $2`,
		tenant, key).Scan(&p.ID, &p.At, &have)
	if err != nil {
		return p, fmt.Errorf("read earlier result: %w", err)
	}
	if !bytes.Equal(have, hash) {
		return ledger.Posted{}, fmt.Errorf("%w: %s", ledger.ErrIdemConflict, key)
	}
	p.At = p.At.UTC()
	return p, nil
}

// prepared is a normalised transaction with its number.
type prepared struct {
	id   int64
	txn  ledger.Transaction
	hash []byte
}

// queue adds the statements that write transactions whose keys are claimed and whose balances are locked. All entries go in
// one INSERT, so that the zero-sum trigger sees each transaction whole.
func (l *Ledger) queue(batch *pgx.Batch, at time.Time, list []prepared) {
	var txn struct {
		tenants            []id.ID
		ids                []int64
		effective          []time.Time
		kind, key, src, by []string
	}
	var entry struct {
		tenants          []id.ID
		txn, acc, amount []int64
	}
	var burn struct {
		tenants, lots []id.ID
		txn, amount   []int64
	}
	change := map[int64]money.Amount{}
	last := map[int64]int64{}
	owner := map[int64]id.ID{}
	for _, p := range list {
		txn.tenants = append(txn.tenants, p.txn.Tenant)
		txn.ids = append(txn.ids, p.id)
		txn.effective = append(txn.effective, p.txn.EffectiveAt)
		txn.kind, txn.key = append(txn.kind, p.txn.Kind), append(txn.key, p.txn.IdemKey)
		txn.src, txn.by = append(txn.src, p.txn.SourceRef), append(txn.by, p.txn.Actor)
		for _, e := range p.txn.Entries {
			acc := l.accountID(e.Account)
			entry.tenants = append(entry.tenants, e.Account.Tenant)
			entry.txn, entry.acc = append(entry.txn, p.id), append(entry.acc, acc)
			entry.amount = append(entry.amount, int64(e.Amount))
			change[acc] += e.Amount // Postgres checks the sum with the balance for overflow; each entry is far from it
			last[acc] = max(last[acc], p.id)
			owner[acc] = e.Account.Tenant
		}
		for _, b := range p.txn.Burns {
			burn.tenants, burn.lots = append(burn.tenants, p.txn.Tenant), append(burn.lots, b.Lot)
			burn.txn, burn.amount = append(burn.txn, p.id), append(burn.amount, int64(b.Amount))
		}
	}
	batch.Queue(`
		insert into ledger_txn (tenant_id, posted_at, id, effective_at, kind, idem_key, source_ref, actor)
		overriding system value
		select t, $1, i, e, k, y, s, a
		from unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[]) as u (t, i, e, k, y, s, a)`,
		at, txn.tenants, txn.ids, txn.effective, txn.kind, txn.key, txn.src, txn.by)
	batch.Queue(`
		insert into ledger_entry (tenant_id, posted_at, txn_id, account_id, amount_nano)
		select t, $1, x, a, n
		from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) as u (t, x, a, n)`,
		at, entry.tenants, entry.txn, entry.acc, entry.amount)
	if len(burn.lots) > 0 {
		batch.Queue(`
			insert into lot_burn (tenant_id, posted_at, txn_id, lot_id, amount_nano)
			select t, $1, x, l, n
			from unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::bigint[]) as u (t, x, l, n)`,
			at, burn.tenants, burn.txn, burn.lots, burn.amount)
	}
	var tenants []id.ID
	var accs, amounts, lasts []int64
	for _, acc := range sortedKeys(change) {
		tenants, accs = append(tenants, owner[acc]), append(accs, acc)
		amounts, lasts = append(amounts, int64(change[acc])), append(lasts, last[acc])
	}
	batch.Queue(`
		update balance b
		set posted_nano = b.posted_nano + u.n, last_txn_id = u.x
		from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) as u (t, a, n, x)
		where b.tenant_id = u.t and b.account_id = u.a`, tenants, accs, amounts, lasts)
}

// nextTxnIDs reserves numbers of transactions. A gap means only that somebody did not need his.
func nextTxnIDs(ctx context.Context, tx pgx.Tx, n int) ([]int64, error) {
	rows, err := tx.Query(ctx, `select nextval('starlane.ledger_txn_id_seq') from generate_series(1, $1)`, n)
	if err != nil {
		return nil, fmt.Errorf("reserve transaction numbers: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("reserve transaction numbers: %w", err)
	}
	return ids, nil
}

// lockBalances locks rows in the one order that all writers keep, without which two batches deadlock, and reads them.
func lockBalances(ctx context.Context, tx pgx.Tx, accounts []int64) (map[int64]money.Amount, error) {
	rows, err := tx.Query(ctx, `
		select account_id, posted_nano
		from balance
		where account_id = any($1)
		order by account_id
		for update`, accounts)
	if err != nil {
		return nil, fmt.Errorf("lock balances: %w", err)
	}
	out := make(map[int64]money.Amount, len(accounts))
	var account int64
	var posted money.Amount
	_, err = pgx.ForEachRow(rows, []any{&account, &posted}, func() error {
		out[account] = posted
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("lock balances: %w", err)
	}
	return out, nil
}

// lock locks the balances of accounts ahead of several postings that together would take them out of order.
func (l *Ledger) lock(ctx context.Context, tx pgx.Tx, accounts []ledger.Account) error {
	if err := l.ensure(ctx, accounts); err != nil {
		return err
	}
	_, err := lockBalances(ctx, tx, l.idsOf(accounts))
	return err
}

// ensure makes accounts that do not exist, with a balance of zero, in a transaction of its own: an account without entries
// harms nobody, and what is in the cache is committed.
func (l *Ledger) ensure(ctx context.Context, accounts []ledger.Account) error {
	missing := slices.DeleteFunc(slices.Clone(accounts), func(a ledger.Account) bool {
		_, ok := l.accounts.Load(a)
		return ok
	})
	if len(missing) == 0 {
		return nil
	}
	slices.SortFunc(missing, func(a, b ledger.Account) int {
		return cmp.Or(bytes.Compare(a.Tenant[:], b.Tenant[:]), cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Lot[:], b.Lot[:]), cmp.Compare(a.Shard, b.Shard))
	})
	missing = slices.Compact(missing)
	found := make(map[ledger.Account]int64, len(missing))
	err := operatorTx(ctx, l.pool, func(tx pgx.Tx) error {
		clear(found)
		err := findAccounts(ctx, tx, missing, found)
		if err != nil || len(found) == len(missing) {
			return err
		}
		tenants, kinds, lots, shards := columns(missing)
		_, err = tx.Exec(ctx, `
			with fresh as (
				insert into account (tenant_id, kind, lot_id, shard)
				select t, k, l, s
				from unnest($1::uuid[], $2::text[], $3::uuid[], $4::smallint[]) as u (t, k, l, s)
				on conflict do nothing
				returning tenant_id, id
			)
			insert into balance (tenant_id, account_id, posted_nano, last_txn_id)
			select tenant_id, id, 0, 0 from fresh`, tenants, kinds, lots, shards)
		if err != nil {
			return fmt.Errorf("make accounts: %w", err)
		}
		err = findAccounts(ctx, tx, missing, found)
		if err == nil && len(found) != len(missing) {
			err = errors.New("make accounts: some did not come into being")
		}
		return err
	})
	if err != nil {
		return err
	}
	for a, number := range found {
		l.accounts.Store(a, number)
	}
	return nil
}

// findAccounts puts the numbers of those accounts that exist into found.
func findAccounts(ctx context.Context, tx pgx.Tx, accounts []ledger.Account, found map[ledger.Account]int64) error {
	tenants, kinds, lots, shards := columns(accounts)
	rows, err := tx.Query(ctx, `
		select a.tenant_id, a.kind, a.lot_id, a.shard, a.id
		from unnest($1::uuid[], $2::text[], $3::uuid[], $4::smallint[]) as u (t, k, l, s)
		join account a on a.tenant_id = u.t and a.kind = u.k and a.lot_id is not distinct from u.l and a.shard = u.s`,
		tenants, kinds, lots, shards)
	if err != nil {
		return fmt.Errorf("find accounts: %w", err)
	}
	var a ledger.Account
	var lot pgtype.UUID
	var number int64
	_, err = pgx.ForEachRow(rows, []any{&a.Tenant, &a.Kind, &lot, &a.Shard, &number}, func() error {
		a.Lot = lot.Bytes
		found[a] = number
		return nil
	})
	if err != nil {
		return fmt.Errorf("find accounts: %w", err)
	}
	return nil
}

// accountID returns the number of an account that ensure has seen.
func (l *Ledger) accountID(a ledger.Account) int64 {
	v, ok := l.accounts.Load(a)
	if !ok {
		return 0 // no such account: the foreign key refuses the entry
	}
	number, _ := v.(int64)
	return number
}

func (l *Ledger) idsOf(accounts []ledger.Account) []int64 {
	ids := make([]int64, 0, len(accounts))
	for _, a := range accounts {
		ids = append(ids, l.accountID(a))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func accountsOf(t ledger.Transaction) []ledger.Account {
	out := make([]ledger.Account, 0, len(t.Entries))
	for _, e := range t.Entries {
		out = append(out, e.Account)
	}
	return out
}

func columns(accounts []ledger.Account) (tenants []id.ID, kinds []string, lots []pgtype.UUID, shards []int16) {
	for _, a := range accounts {
		tenants, kinds = append(tenants, a.Tenant), append(kinds, string(a.Kind))
		lots, shards = append(lots, nullable(a.Lot)), append(shards, a.Shard)
	}
	return tenants, kinds, lots, shards
}

// nullable turns id.Nil into NULL.
func nullable(v id.ID) pgtype.UUID { return pgtype.UUID{Bytes: v, Valid: v != id.Nil} }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
