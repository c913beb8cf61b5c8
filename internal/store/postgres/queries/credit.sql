-- name: CreditTenant :one
select id, name, status, billing_mode, credit_limit_nano, billing_email, stripe_customer_id
from tenant
where id = sqlc.arg(tenant_id);

-- name: LockCreditTenant :one
-- Serialises slicing and settling for a tenant. Not FOR UPDATE: rows that refer to the tenant may be inserted meanwhile.
select id, name, status, billing_mode, credit_limit_nano, billing_email, stripe_customer_id
from tenant
where id = sqlc.arg(tenant_id)
for no key update;

-- name: LiveHolds :many
select id, lot_id, amount_nano, settled_nano, epoch, state, expires_at
from hold
where tenant_id = sqlc.arg(tenant_id) and state <> 'released'
order by id;

-- name: HighestEpoch :one
-- Epochs grow with time as identifiers do; looking at a few of the newest allows for clocks that differ.
select coalesce(max(h.epoch), 0)::bigint
from (
  select epoch from hold
  where tenant_id = sqlc.arg(tenant_id)
  order by id desc
  limit 100
) h;

-- name: LineInUse :one
-- Room under the credit limit that post-paid holds have taken and not turned into receivable yet.
select coalesce(sum(amount_nano - settled_nano), 0)::bigint
from hold
where tenant_id = sqlc.arg(tenant_id) and state <> 'released' and lot_id is null;

-- name: AddHold :exec
insert into hold (tenant_id, id, lot_id, amount_nano, epoch, state, created_at, expires_at)
values (sqlc.arg(tenant_id), sqlc.arg(id), sqlc.narg(lot_id), sqlc.arg(amount_nano), sqlc.arg(epoch), 'open', sqlc.arg(created_at), sqlc.arg(expires_at));

-- name: CloseExpiredHolds :many
-- A hold that a batch is charging at this moment is left for the next round.
update hold h
set state = 'closing', release_after = greatest(h.expires_at, sqlc.arg(at)) + make_interval(secs => sqlc.arg(grace_seconds)::float8)
where (h.tenant_id, h.id) in (
  select d.tenant_id, d.id from hold d
  where d.state = 'open' and d.expires_at <= sqlc.arg(at)
  order by d.id
  limit 500
  for update skip locked
)
returning h.tenant_id, h.id;

-- name: CloseTenantHolds :many
-- Closes all open holds of a tenant, or those of earlier epochs.
update hold h
set state = 'closing', release_after = greatest(h.expires_at, sqlc.arg(at)) + make_interval(secs => sqlc.arg(grace_seconds)::float8)
where (h.tenant_id, h.id) in (
  select d.tenant_id, d.id from hold d
  where d.tenant_id = sqlc.arg(tenant_id) and d.state = 'open' and d.epoch < sqlc.arg(before_epoch)
  order by d.id
  for update
)
returning h.id;

-- name: StoppedTenantsWithHolds :many
select distinct h.tenant_id
from hold h
join tenant t on t.id = h.tenant_id
where h.state = 'open' and t.status <> 'active'
limit 500;

-- name: TenantsWithOpenHolds :many
select distinct tenant_id from hold where state = 'open';

-- name: DueReleases :many
select tenant_id, id
from hold
where state = 'closing' and release_after <= sqlc.arg(at)
order by id
limit 500;

-- name: LockHold :one
select lot_id, amount_nano, settled_nano, state
from hold
where tenant_id = sqlc.arg(tenant_id) and id = sqlc.arg(id)
for update;

-- name: ReleaseHold :exec
update hold
set state = 'released'
where tenant_id = sqlc.arg(tenant_id) and id = sqlc.arg(id);

-- name: ShrinkHold :exec
update hold
set amount_nano = amount_nano - sqlc.arg(by_nano)
where tenant_id = sqlc.arg(tenant_id) and id = sqlc.arg(id);

-- name: AddLot :execrows
insert into credit_lot (tenant_id, id, source, source_ref, priority, amount_nano, effective_at, expires_at)
values (sqlc.arg(tenant_id), sqlc.arg(id), sqlc.arg(source), sqlc.arg(source_ref), sqlc.arg(priority), sqlc.arg(amount_nano), sqlc.arg(effective_at), sqlc.narg(expires_at))
on conflict (tenant_id, source_ref) do nothing;

-- name: LotBySource :one
select id, source, amount_nano, effective_at, expires_at
from credit_lot
where tenant_id = sqlc.arg(tenant_id) and source_ref = sqlc.arg(source_ref);

-- name: UnpaidInvoices :one
-- What a tenant owes by invoice, in cents with tax.
select coalesce(sum(billed_cents + tax_cents), 0)::bigint
from invoice
where tenant_id = sqlc.arg(tenant_id) and state in ('drafted', 'verified', 'finalized');

-- name: KeyUse :one
select coalesce(sum(charge_nano), 0)::bigint
from usage_rollup
where tenant_id = sqlc.arg(tenant_id) and key_id = sqlc.arg(key_id) and day >= sqlc.arg(since)::date;

-- name: TenantsWithBudgets :many
select distinct tenant_id
from virtual_key
where budget_nano is not null and state <> 'revoked';

-- name: SetCustomer :execrows
update tenant
set stripe_customer_id = sqlc.arg(customer)
where id = sqlc.arg(tenant_id) and (stripe_customer_id is null or stripe_customer_id = sqlc.arg(customer));
