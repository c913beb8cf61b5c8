-- name: GetPeriod :one
select month, state, force
from period
where month = sqlc.arg(month);

-- name: ClosingPeriods :many
select month, state, force
from period
where state = 'closing'
order by month;

-- name: SetClosing :exec
insert into period as p (month, state, force, requested_by)
values (sqlc.arg(month), 'closing', sqlc.arg(force), sqlc.arg(requested_by))
on conflict (month) do update
set state = 'closing',
    force = excluded.force,
    last_error = '',
    requested_by = case when excluded.requested_by = '' then p.requested_by else excluded.requested_by end
where p.state <> 'closed';

-- name: EndClose :exec
update period
set state = sqlc.arg(state),
    invoiced_until = coalesce(sqlc.narg(cut), invoiced_until),
    closed_at = case when sqlc.arg(state) = 'closed' then clock_timestamp() else closed_at end,
    last_error = sqlc.arg(problem)
where month = sqlc.arg(month) and state <> 'closed';

-- name: OpenLetters :one
select count(*) from dead_letter where resolved_at is null and received_at < sqlc.arg(before);

-- name: LastInvoice :one
select period_end, carry_out_nano
from invoice
where tenant_id = sqlc.arg(tenant_id) and state <> 'void'
order by period_start desc
limit 1;

-- name: CountInvoices :one
select count(*) from invoice where month = sqlc.arg(month);

-- name: AddInvoice :exec
insert into invoice (tenant_id, id, number, month, period_start, period_end, state, usage_nano, credit_nano, carry_in_nano,
  billed_cents, carry_out_nano, created_at, finalized_at)
values (sqlc.arg(tenant_id), sqlc.arg(id), sqlc.arg(number), sqlc.arg(month), sqlc.arg(period_start), sqlc.arg(period_end), sqlc.arg(state),
  sqlc.arg(usage_nano), sqlc.arg(credit_nano), sqlc.arg(carry_in_nano), sqlc.arg(billed_cents), sqlc.arg(carry_out_nano),
  sqlc.arg(created_at), sqlc.narg(finalized_at));

-- name: UnpushedInvoices :many
select tenant_id, id, number, month, period_start, period_end, state, billed_cents, stripe_id, created_at
from invoice
where state in ('drafted', 'verified')
order by created_at
limit 100;

-- name: InvoiceLines :many
select position, kind, model, class, units, amount_nano, amount_cents
from invoice_line
where tenant_id = sqlc.arg(tenant_id) and invoice_id = sqlc.arg(invoice_id)
order by position;

-- name: LockInvoice :one
select number, state, billed_cents, tax_cents, stripe_id
from invoice
where tenant_id = sqlc.arg(tenant_id) and id = sqlc.arg(id)
for update;

-- name: VerifyInvoice :exec
update invoice
set state = 'verified', stripe_id = sqlc.arg(stripe_id)
where tenant_id = sqlc.arg(tenant_id) and id = sqlc.arg(id) and state = 'drafted';

-- name: FinalizeInvoice :exec
update invoice
set state = 'finalized', tax_cents = sqlc.arg(tax_cents), hosted_url = sqlc.narg(hosted_url), finalized_at = sqlc.arg(finalized_at)
where tenant_id = sqlc.arg(tenant_id) and id = sqlc.arg(id) and state = 'verified';

-- name: PayInvoice :exec
update invoice
set state = 'paid', paid_at = sqlc.arg(paid_at)
where tenant_id = sqlc.arg(tenant_id) and id = sqlc.arg(id) and state = 'finalized';
