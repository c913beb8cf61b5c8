-- name: AddTopup :exec
insert into topup (tenant_id, id, amount_nano, state, created_by, created_at)
values (sqlc.arg(tenant_id), sqlc.arg(id), sqlc.arg(amount_nano), 'created', sqlc.arg(created_by), sqlc.arg(created_at));

-- name: OpenTopup :execrows
update topup
set state = case when state = 'created' then 'session_open' else state end,
    stripe_session_id = sqlc.arg(session_id),
    checkout_url = sqlc.arg(checkout_url)
where tenant_id = sqlc.arg(tenant_id) and id = sqlc.arg(id);

-- name: LockTopup :one
select amount_nano, state, stripe_session_id, created_by
from topup
where tenant_id = sqlc.arg(tenant_id) and id = sqlc.arg(id)
for update;

-- name: EndTopup :exec
update topup
set state = sqlc.arg(state),
    note = sqlc.arg(note),
    stripe_session_id = coalesce(stripe_session_id, sqlc.narg(session_id)),
    stripe_payment_intent_id = coalesce(sqlc.narg(payment_intent_id), stripe_payment_intent_id),
    credited_at = sqlc.narg(credited_at)
where tenant_id = sqlc.arg(tenant_id) and id = sqlc.arg(id);

-- name: StaleTopups :many
-- Purchases that should have heard from the processor by now.
select t.tenant_id, t.id, t.state, t.stripe_session_id, n.stripe_customer_id
from topup t
join tenant n on n.id = t.tenant_id
where t.state in ('created', 'session_open') and t.created_at < sqlc.arg(before)
order by t.created_at
limit 100;
