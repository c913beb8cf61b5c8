-- name: AddStripeEvent :execrows
insert into stripe_event (id, type, object_id, created_at)
values (sqlc.arg(id), sqlc.arg(type), sqlc.arg(object_id), sqlc.arg(created_at))
on conflict do nothing;

-- name: DueStripeEvents :many
select id, type, object_id, created_at, attempts
from stripe_event
where state = 'pending' and next_attempt_at <= now()
order by next_attempt_at
limit sqlc.arg(most);

-- name: EndStripeEvent :exec
update stripe_event
set state = sqlc.arg(state), attempts = attempts + 1, last_error = sqlc.arg(last_error)
where id = sqlc.arg(id) and state = 'pending';

-- name: RetryStripeEvent :exec
update stripe_event
set attempts = attempts + 1,
    last_error = sqlc.arg(last_error),
    next_attempt_at = now() + make_interval(secs => sqlc.arg(wait_seconds)::float8)
where id = sqlc.arg(id) and state = 'pending';

-- name: NewestStripeEvent :one
select coalesce(max(created_at), now() - interval '30 days')::timestamptz from stripe_event;

-- name: PendingStripeEvents :one
select count(*) from stripe_event where state = 'pending';
