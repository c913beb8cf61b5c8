-- name: CountPriceVersions :one
-- Versions are immutable, so their number tells whether there is something new. The highest id would not do: ids do not
-- become visible in their order.
select count(*) from price_version;

-- name: SellVersions :many
-- Approved versions of the list and of contracts, a row for each rate.
select v.id, b.kind, v.tenant_id, v.model_name, v.valid_from, v.recorded_at, r.class, r.nano_per_million
from price_version v
join price_book b on b.tenant_id = v.tenant_id and b.id = v.book_id
join price_rate r on r.tenant_id = v.tenant_id and r.version_id = v.id
where b.kind in ('list', 'contract')
order by v.id, r.class;

-- name: KnownTenants :many
select id from tenant where id = any(sqlc.arg(ids)::uuid[]);
