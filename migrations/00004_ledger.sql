-- +goose Up
set local role starlane_owner;
set local search_path = starlane, public;

-- Amounts are nano-USD. Debits are positive, credits negative, and every transaction sums to zero.
create table account (
  tenant_id uuid not null references tenant, -- the all-zero tenant owns the platform's own accounts
  id bigint generated always as identity,
  kind text not null,
  lot_id uuid, -- set for kind 'credit' only: one account per lot
  shard smallint not null default 0, -- hot platform accounts are split; their balance is the sum over shards
  currency char(3) not null default 'USD',
  primary key (tenant_id, id),
  unique (id),
  unique nulls not distinct (tenant_id, kind, lot_id, currency, shard)
);

create table ledger_txn (
  tenant_id uuid not null,
  posted_at timestamptz not null,
  id bigint generated always as identity,
  effective_at timestamptz not null,
  kind text not null,
  idem_key text not null,
  reverses_txn_id bigint,
  source_ref text not null,
  actor text not null,
  primary key (tenant_id, posted_at, id)
) partition by range (posted_at);
create index ledger_txn_by_id on ledger_txn (id);

-- Uniqueness across months needs a table that is not partitioned.
create table ledger_idem (
  tenant_id uuid not null,
  idem_key text not null,
  txn_id bigint not null,
  posted_at timestamptz not null,
  request_hash bytea not null, -- the same key with other content is an error, not a repeat
  primary key (tenant_id, idem_key)
);

-- tenant_id is the tenant of the account, so that a tenant can be shown its own legs and no others.
create table ledger_entry (
  tenant_id uuid not null,
  posted_at timestamptz not null,
  txn_id bigint not null,
  account_id bigint not null,
  amount_nano bigint not null check (amount_nano <> 0 and amount_nano between -10000000000000000 and 10000000000000000),
  primary key (tenant_id, posted_at, txn_id, account_id),
  foreign key (tenant_id, account_id) references account (tenant_id, id)
) partition by range (posted_at);
create index ledger_entry_by_account on ledger_entry (account_id, posted_at);
create index ledger_entry_by_txn on ledger_entry (txn_id);

-- A projection of the entries, kept in the same transaction. fillfactor leaves room for in-page updates.
create table balance (
  tenant_id uuid not null,
  account_id bigint not null,
  posted_nano bigint not null,
  last_txn_id bigint not null,
  primary key (tenant_id, account_id),
  unique (account_id), -- batches lock rows in this order
  foreign key (tenant_id, account_id) references account (tenant_id, id)
) with (fillfactor = 50);

create table credit_lot (
  tenant_id uuid not null references tenant,
  id uuid not null,
  source text not null check (source in ('purchase', 'promo', 'adjustment')),
  source_ref text not null, -- for example "topup:<id>": a source can be credited once
  priority smallint not null, -- burnt in order (priority, expires_at, id)
  amount_nano bigint not null check (amount_nano > 0),
  effective_at timestamptz not null,
  expires_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, source_ref)
);

create table lot_burn (
  tenant_id uuid not null,
  posted_at timestamptz not null,
  txn_id bigint not null,
  lot_id uuid not null,
  amount_nano bigint not null check (amount_nano > 0),
  primary key (tenant_id, posted_at, txn_id, lot_id)
) partition by range (posted_at);

-- A slice of credit set aside for relays. A prepaid hold takes from one lot by a posting into escrow; a post-paid hold
-- (lot_id null) takes room under the credit limit.
create table hold (
  tenant_id uuid not null references tenant,
  id uuid not null,
  lot_id uuid,
  amount_nano bigint not null check (amount_nano > 0),
  settled_nano bigint not null default 0 check (settled_nano between 0 and amount_nano),
  epoch bigint not null,
  state text not null check (state in ('open', 'closing', 'released')),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null, -- leases are granted until then
  release_after timestamptz, -- set on closing: leases and running requests are over by then
  primary key (tenant_id, id)
);
create index hold_live on hold (state, expires_at) where state <> 'released'; -- what is due
create index hold_live_of_tenant on hold (tenant_id) where state <> 'released'; -- released ones pile up for ever

create table usage_event (
  tenant_id uuid not null,
  event_id uuid not null, -- UUIDv7 made by the relay; the partition key
  project_id uuid not null,
  key_id uuid not null,
  occurred_at timestamptz not null,
  posted_at timestamptz not null,
  txn_id bigint, -- null when the charge is zero
  hold_id uuid,
  capability text not null,
  provider text not null,
  deployment_id uuid,
  requested_model text not null,
  served_model text not null,
  service_tier text not null,
  outcome text not null check (outcome in ('ok', 'client_gone', 'upstream_error', 'cut', 'crashed')),
  http_status int not null,
  streamed boolean not null,
  units jsonb not null, -- token class → count
  provenance jsonb not null, -- token class → reported, derived or estimated
  charges jsonb not null, -- token class → nano-USD; they sum to charge_nano
  sell_version bigint not null,
  charge_nano bigint not null check (charge_nano >= 0),
  estimate_nano bigint not null, -- what the relay had expected
  ttft_ms int,
  duration_ms int not null,
  attempts jsonb not null,
  upstream_request_id text not null default '',
  stream_ref text not null, -- stream and entry id it came from
  primary key (tenant_id, event_id)
) partition by range (event_id);
create index usage_event_by_key on usage_event (tenant_id, key_id, event_id desc);
create index usage_event_by_posted on usage_event (tenant_id, posted_at, event_id);

-- Events that could not be posted: kept as they came, to be corrected and replayed under the same id.
create table dead_letter (
  stream_ref text primary key,
  received_at timestamptz not null default now(),
  reason text not null,
  payload jsonb not null, -- the stream fields; they hold ids and counts, never content
  resolved_at timestamptz,
  resolution text
);

-- One row per day, key, model and token class; the day is that of posting, so that it adds up with the ledger.
create table usage_rollup (
  tenant_id uuid not null,
  day date not null,
  project_id uuid not null,
  key_id uuid not null,
  model text not null,
  class text not null, -- token class, or 'requests' whose units count requests
  units bigint not null,
  charge_nano bigint not null,
  primary key (tenant_id, day, key_id, model, class)
) with (fillfactor = 70);

-- Setting a month to 'closing' asks the worker to close it. A month that is not over can only be invoiced up to now, when
-- forced; it goes back to 'open' then. Only 'closed' stops postings.
create table period (
  month text primary key check (month ~ '^\d{4}-(0[1-9]|1[0-2])$'),
  state text not null check (state in ('open', 'closing', 'closed')),
  force boolean not null default false, -- do not wait for the end of the month or the time of grace
  requested_by text not null default '',
  requested_at timestamptz not null default now(),
  invoiced_until timestamptz, -- postings before it are on invoices
  closed_at timestamptz,
  last_error text not null default '' -- why the last attempt did not go through
);

create table topup (
  tenant_id uuid not null references tenant,
  id uuid not null,
  amount_nano bigint not null check (amount_nano > 0 and amount_nano % 10000000 = 0), -- whole cents
  state text not null check (state in ('created', 'session_open', 'credited', 'expired', 'failed', 'quarantined')),
  stripe_session_id text unique,
  stripe_payment_intent_id text unique,
  checkout_url text,
  note text not null default '', -- why it failed or is quarantined
  created_by text not null,
  created_at timestamptz not null default now(),
  credited_at timestamptz,
  primary key (tenant_id, id)
);

create table invoice (
  tenant_id uuid not null references tenant,
  id uuid not null,
  number text not null unique,
  month text not null,
  period_start timestamptz not null, -- covers postings from here …
  period_end timestamptz not null, -- … to before here; the next invoice of the tenant starts here
  state text not null check (state in ('drafted', 'verified', 'finalized', 'paid', 'void')),
  usage_nano bigint not null check (usage_nano >= 0),
  credit_nano bigint not null check (credit_nano >= 0), -- the part of the usage that prepaid credit has covered
  carry_in_nano bigint not null,
  billed_cents bigint not null check (billed_cents >= 0),
  carry_out_nano bigint not null,
  tax_cents bigint not null default 0,
  stripe_id text unique,
  hosted_url text,
  created_at timestamptz not null default now(),
  finalized_at timestamptz,
  paid_at timestamptz,
  primary key (tenant_id, id),
  check (period_start < period_end),
  check (usage_nano - credit_nano + carry_in_nano = billed_cents * 10000000 + carry_out_nano),
  check (carry_out_nano >= 0 and (carry_out_nano < 10000000 or billed_cents = 0))
);
-- Invoices of a tenant follow each other without gap or overlap. Usually there is one a month; a month that an operator
-- closes early has one more for the rest.
create unique index invoice_chain on invoice (tenant_id, period_start) where state <> 'void';

create table invoice_line (
  tenant_id uuid not null,
  invoice_id uuid not null,
  position int not null,
  kind text not null check (kind in ('usage', 'credit', 'carry')),
  model text not null,
  class text not null,
  units bigint not null,
  amount_nano bigint not null,
  amount_cents bigint not null, -- what the processor's line says; by largest remainder, so that lines sum to billed_cents
  primary key (tenant_id, invoice_id, position),
  foreign key (tenant_id, invoice_id) references invoice (tenant_id, id)
);

-- What the processor says that has happened. Calls to it need no table of their own: a top-up, an invoice or a tenant is
-- written down before the call, and its id is the Idempotency-Key.
create table stripe_event (
  id text primary key,
  type text not null,
  object_id text not null,
  created_at timestamptz not null,
  received_at timestamptz not null default now(),
  state text not null default 'pending' check (state in ('pending', 'done', 'ignored', 'quarantined')),
  attempts int not null default 0,
  next_attempt_at timestamptz not null default now(),
  last_error text not null default ''
);
create index stripe_event_due on stripe_event (next_attempt_at) where state = 'pending';

-- One active consumer per usage stream. The token fences: a batch of a former owner is refused inside its transaction.
create table shard_lease (
  shard smallint primary key,
  owner text not null,
  token bigint not null,
  expires_at timestamptz not null
);

-- A single runner per duty (publisher, scheduler …).
create table leader_lease (
  duty text primary key,
  owner text not null,
  token bigint not null,
  expires_at timestamptz not null
);

-- How far the events of a relay's boot are committed: every sequence number up to seq is in the ledger.
create table relay_watermark (
  relay_id text not null,
  boot bigint not null,
  seq bigint not null,
  updated_at timestamptz not null default now(),
  primary key (relay_id, boot)
);

-- Sequence numbers that came ahead of a gap.
create table relay_ahead (
  relay_id text not null,
  boot bigint not null,
  seq bigint not null,
  primary key (relay_id, boot, seq)
);

reset role;
-- +goose Down
drop table starlane.relay_ahead, starlane.relay_watermark, starlane.leader_lease, starlane.shard_lease,
  starlane.stripe_event, starlane.invoice_line, starlane.invoice, starlane.topup, starlane.period,
  starlane.usage_rollup, starlane.dead_letter, starlane.usage_event, starlane.hold, starlane.lot_burn,
  starlane.credit_lot, starlane.balance, starlane.ledger_entry, starlane.ledger_idem, starlane.ledger_txn,
  starlane.account;
