-- name: SeedShards :exec
-- One row per usage stream; a free shard has no owner.
insert into shard_lease (shard, owner, token, expires_at)
select s::smallint, '', 0, now()
from generate_series(0, 63) as s
on conflict do nothing;

-- name: TakeLeader :one
-- Takes or renews a duty. No row comes back while somebody else holds it.
insert into leader_lease (duty, owner, token, expires_at)
values (sqlc.arg(duty), sqlc.arg(owner), 1, now() + make_interval(secs => sqlc.arg(ttl_seconds)::float8))
on conflict (duty) do update
set owner = excluded.owner,
    token = leader_lease.token + case when leader_lease.owner = excluded.owner and leader_lease.expires_at > now() then 0 else 1 end,
    expires_at = excluded.expires_at
where leader_lease.owner = excluded.owner or leader_lease.expires_at <= now()
returning token;

-- name: DropLeader :exec
update leader_lease
set expires_at = now()
where duty = sqlc.arg(duty) and owner = sqlc.arg(owner);

-- name: CountAlive :one
-- Workers show that they live by holding a duty of their own.
select count(*) from leader_lease
where duty like 'worker:%' and expires_at > now();

-- name: RenewShards :many
update shard_lease
set expires_at = now() + make_interval(secs => sqlc.arg(ttl_seconds)::float8)
where owner = sqlc.arg(owner) and expires_at > now() and shard = any(sqlc.arg(shards)::smallint[])
returning shard, token;

-- name: TakeShards :many
-- Takes free shards, at most so many, and those that an earlier life of the same worker held. The token grows, so that a
-- batch of the former owner is refused.
update shard_lease
set owner = sqlc.arg(owner),
    token = token + 1,
    expires_at = now() + make_interval(secs => sqlc.arg(ttl_seconds)::float8)
where shard in (
  select s.shard from shard_lease s
  where (s.expires_at <= now() or s.owner = sqlc.arg(owner)) and not s.shard = any(sqlc.arg(held)::smallint[])
  order by s.shard
  limit sqlc.arg(most)
  for update skip locked
)
returning shard, token;

-- name: DropShards :exec
update shard_lease
set owner = '', expires_at = now()
where owner = sqlc.arg(owner) and shard = any(sqlc.arg(shards)::smallint[]);
