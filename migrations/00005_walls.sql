-- +goose Up
set local role starlane_owner;
set local search_path = starlane, public;

-- Posted rows never change. A row trigger on the parent covers its partitions; TRUNCATE is a statement of its own.
-- +goose StatementBegin
create function refuse_change() returns trigger
  language plpgsql
  as $$ begin raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation'; end $$;
-- +goose StatementEnd

-- All entries of a transaction arrive in one INSERT, so the statement can be checked as a whole.
-- +goose StatementBegin
create function check_zero_sum() returns trigger
  language plpgsql
  as $$
declare
  bad bigint;
begin
  select txn_id into bad from added group by txn_id having sum(amount_nano) <> 0 limit 1;
  if found then
    raise exception 'ledger transaction % does not sum to zero', bad using errcode = 'integrity_constraint_violation';
  end if;
  return null;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
declare
  t text;
begin
  foreach t in array array['ledger_txn', 'ledger_entry', 'lot_burn', 'usage_event', 'ledger_idem', 'credit_lot',
    'invoice_line', 'price_version', 'price_rate', 'audit_log'] loop
    execute format('create trigger immutable before update or delete on %I for each row execute function refuse_change()', t);
    execute format('create trigger no_truncate before truncate on %I for each statement execute function refuse_change()', t);
  end loop;
end
$$;
-- +goose StatementEnd
create trigger zero_sum after insert on ledger_entry referencing new table as added
  for each statement execute function check_zero_sum();

-- A closed month takes no more postings.
-- +goose StatementBegin
create function refuse_closed_month() returns trigger
  language plpgsql
  as $$
declare
  bad text;
begin
  select p.month into bad from (select distinct to_char(posted_at at time zone 'UTC', 'YYYY-MM') as month from added) a
    join starlane.period p on p.month = a.month and p.state = 'closed' limit 1;
  if found then
    raise exception 'month % is closed', bad using errcode = 'integrity_constraint_violation';
  end if;
  return null;
end
$$;
-- +goose StatementEnd
create trigger open_month after insert on ledger_txn referencing new table as added
  for each statement execute function refuse_closed_month();

-- The worker may make month partitions by this function and by nothing else. Statement triggers of the parent do not
-- fire for statements that name a child, so each child gets them too, and no role but the owner has rights on children.
-- +goose StatementBegin
create function make_month_partitions(from_month date, months int) returns int
  language plpgsql security definer set search_path = starlane, pg_temp
  as $$
declare
  m date := date_trunc('month', from_month)::date;
  made int := 0;
  t text;
  child text;
  lo text;
  hi text;
begin
  if months < 1 or months > 24 then
    raise exception 'months must be between 1 and 24';
  end if;
  perform pg_advisory_xact_lock(hashtext('starlane.make_month_partitions'));
  for i in 1..months loop
    foreach t in array array['ledger_txn', 'ledger_entry', 'lot_burn', 'usage_event'] loop
      child := format('%s_%s', t, to_char(m, 'YYYY_MM'));
      continue when to_regclass(format('starlane.%I', child)) is not null;
      if t = 'usage_event' then
        -- The first 48 bits of a UUIDv7 are milliseconds: a month is a range of identifiers.
        lo := rpad(lpad(to_hex((extract(epoch from m::timestamp) * 1000)::bigint), 12, '0'), 32, '0');
        hi := rpad(lpad(to_hex((extract(epoch from (m + interval '1 month')::timestamp) * 1000)::bigint), 12, '0'), 32, '0');
        execute format('create table %I partition of %I for values from (%L) to (%L)', child, t, lo::uuid, hi::uuid);
      else
        execute format('create table %I partition of %I for values from (%L) to (%L)', child, t,
          to_char(m, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(m + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
      end if;
      execute format('create trigger no_truncate before truncate on %I for each statement execute function refuse_change()', child);
      if t = 'ledger_entry' then
        execute format('create trigger zero_sum after insert on %I referencing new table as added for each statement execute function check_zero_sum()', child);
      elsif t = 'ledger_txn' then
        execute format('create trigger open_month after insert on %I referencing new table as added for each statement execute function refuse_closed_month()', child);
      end if;
      made := made + 1;
    end loop;
    m := (m + interval '1 month')::date;
  end loop;
  return made;
end
$$;
-- +goose StatementEnd
revoke all on function make_month_partitions(date, int) from public;
grant execute on function make_month_partitions(date, int) to starlane_worker;

-- The month before, so that events of a relay that was down over the turn of the month find a place, and three ahead.
select make_month_partitions((now() at time zone 'UTC' - interval '1 month')::date, 5);

-- Row-level security is the second wall: the first is that every query names its tenant.
-- +goose StatementBegin
do $$
declare
  t text;
begin
  foreach t in array array['project', 'member', 'api_token', 'virtual_key', 'audit_log', 'idempotency', 'price_book',
    'price_version', 'price_rate', 'account', 'ledger_txn', 'ledger_idem', 'ledger_entry', 'balance', 'credit_lot',
    'lot_burn', 'hold', 'usage_event', 'usage_rollup', 'topup', 'invoice', 'invoice_line'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant_wall on %I for all to starlane_api '
      'using (tenant_id = current_tenant() or is_operator()) with check (tenant_id = current_tenant() or is_operator())', t);
    execute format('create policy worker_all on %I for all to starlane_worker using (true) with check (true)', t);
    execute format('create policy owner_all on %I for all to starlane_owner using (true) with check (true)', t);
  end loop;
end
$$;
-- +goose StatementEnd
-- Prices of the platform's list are for everybody to read.
create policy list_prices on price_book for select to starlane_api using (kind = 'list');
create policy list_prices on price_version for select to starlane_api
  using (exists (select from price_book b where b.id = book_id and b.kind = 'list'));
create policy list_prices on price_rate for select to starlane_api
  using (exists (select from price_version v join price_book b on b.id = v.book_id where v.id = version_id and b.kind = 'list'));

grant select, insert, update on tenant, project, app_user, virtual_key, api_token, provider, provider_account,
  upstream_key, model, deployment, topup to starlane_api;
grant select, insert, update, delete on member, session, idempotency, route, route_candidate to starlane_api;
grant select, insert on audit_log, config_change, price_book, price_version, price_rate, stripe_event, credit_lot,
  account, ledger_txn, ledger_idem, ledger_entry, lot_burn to starlane_api;
grant select, insert, update on balance, period to starlane_api;
grant select on hold, usage_event, usage_rollup, invoice, invoice_line, dead_letter, relay_watermark,
  leader_lease, shard_lease to starlane_api;
grant update (resolved_at, resolution) on dead_letter to starlane_api;

grant select on all tables in schema starlane to starlane_worker;
-- Partitions are reached through their parents only.
-- +goose StatementBegin
do $$
declare
  c text;
begin
  for c in select inhrelid::regclass::text from pg_inherits i join pg_class k on k.oid = i.inhrelid where k.relkind = 'r' loop
    execute format('revoke all on %s from starlane_worker, starlane_api', c);
  end loop;
end
$$;
-- +goose StatementEnd
grant insert on account, ledger_txn, ledger_idem, ledger_entry, lot_burn, credit_lot, usage_event, audit_log,
  config_change, invoice_line, stripe_event to starlane_worker;
grant insert, update on balance, hold, usage_rollup, topup, invoice, shard_lease, leader_lease,
  relay_watermark, dead_letter, period to starlane_worker;
grant insert, update, delete on relay_ahead to starlane_worker;
grant update on stripe_event to starlane_worker;
grant update (stripe_customer_id, status) on tenant to starlane_worker;
grant delete on session, idempotency, config_change to starlane_worker;
-- Transactions get their number before they are written, because usage events name it and never change afterwards.
grant usage on sequence ledger_txn_id_seq to starlane_worker, starlane_api;

-- Processes refuse to start on a schema that is behind them; the table is made by the migration tool.
-- +goose StatementBegin
do $$
begin
  if to_regclass('public.goose_db_version') is not null then
    execute 'reset role';
    execute 'grant select on public.goose_db_version to starlane_api, starlane_worker';
    execute 'set local role starlane_owner';
  end if;
end
$$;
-- +goose StatementEnd

-- The platform itself, and the accounts every installation has.
reset role;
insert into starlane.tenant (id, name) values ('00000000-0000-0000-0000-000000000000', 'Platform');
insert into starlane.price_book (tenant_id, id, kind, name) values
  ('00000000-0000-0000-0000-000000000000', 1, 'list', 'List'),
  ('00000000-0000-0000-0000-000000000000', 2, 'provider_cost', 'Provider cost');

-- +goose Down
drop schema starlane cascade;
