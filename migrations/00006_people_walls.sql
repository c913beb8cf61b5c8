-- +goose Up
-- The tables that no tenant_id leads get walls of their own; docs/adr/0013 says why each is as it is.
set local role starlane_owner;
set local search_path = starlane, public;

-- The person a transaction works for. Unset means: nobody.
-- +goose StatementBegin
create function current_person() returns uuid
  language sql stable
  as $$ select nullif(current_setting('starlane.person', true), '')::uuid $$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
declare
  t text;
begin
  foreach t in array array['tenant', 'app_user', 'session'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy owner_all on %I for all to starlane_owner using (true) with check (true)', t);
  end loop;
end
$$;
-- +goose StatementEnd

create policy tenant_wall on tenant for all to starlane_api
  using (id = current_tenant() or is_operator()) with check (id = current_tenant() or is_operator());
create policy worker_all on tenant for all to starlane_worker using (true) with check (true);

-- A tenant sees its members. Only people themselves are changed, one by one, whatever the tenant.
create policy person_wall on app_user for all to starlane_api
  using (id = current_person()) with check (id = current_person());
create policy members on app_user for select to starlane_api
  using (exists (select from member m where m.tenant_id = current_tenant() and m.user_id = app_user.id));

create policy person_wall on session for all to starlane_api
  using (user_id = current_person()) with check (user_id = current_person());
create policy worker_expires on session for all to starlane_worker using (true);

-- Hashes of passwords and tokens of sessions come out of the functions below and no other way.
revoke select, insert, update on app_user from starlane_api;
grant select (id, email, name, failed_logins, locked_until, created_at), insert (id, email, name, password_hash),
  update (name, password_hash, failed_logins, locked_until) on app_user to starlane_api;
revoke select, update on session from starlane_api;
grant select (digest, user_id, created_at, expires_at) on session to starlane_api;
revoke select on app_user, session from starlane_worker;
grant select (expires_at) on session to starlane_worker;

-- Signing in comes before any tenant is known. These look-ups cross the walls for whoever knows what cannot be guessed or
-- listed: an address together with what follows its use (the password is checked against the hash), a secret's digest, an
-- identifier.
-- +goose StatementBegin
create function person_by_email(address text)
  returns table (id uuid, email text, name text, password_hash text, locked_until timestamptz)
  language sql stable security definer set search_path = starlane, pg_temp
  as $$ select u.id, u.email, u.name, u.password_hash, u.locked_until from app_user u where u.email = address $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function person_by_id(person uuid)
  returns table (id uuid, email text, name text, password_hash text, locked_until timestamptz)
  language sql stable security definer set search_path = starlane, pg_temp
  as $$ select u.id, u.email, u.name, u.password_hash, u.locked_until from app_user u where u.id = person $$;
-- +goose StatementEnd

-- Logs and receipts name people by their address, also when they have left the tenant or never belonged to it.
-- +goose StatementBegin
create function address_of(person uuid) returns text
  language sql stable security definer set search_path = starlane, pg_temp
  as $$ select u.email from app_user u where u.id = person $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function session_by_digest(secret bytea)
  returns table (user_id uuid, csrf_token text, created_at timestamptz, expires_at timestamptz)
  language sql stable security definer set search_path = starlane, pg_temp
  as $$ select s.user_id, s.csrf_token, s.created_at, s.expires_at from session s where s.digest = secret $$;
-- +goose StatementEnd

revoke all on function person_by_email(text), person_by_id(uuid), address_of(uuid), session_by_digest(bytea) from public;
grant execute on function person_by_email(text), person_by_id(uuid), address_of(uuid), session_by_digest(bytea) to starlane_api;

reset role;
-- +goose Down
set local role starlane_owner;
set local search_path = starlane, public;
drop policy tenant_wall on tenant;
drop policy worker_all on tenant;
drop policy owner_all on tenant;
drop policy person_wall on app_user;
drop policy members on app_user;
drop policy owner_all on app_user;
drop policy person_wall on session;
drop policy worker_expires on session;
drop policy owner_all on session;
alter table tenant no force row level security, disable row level security;
alter table app_user no force row level security, disable row level security;
alter table session no force row level security, disable row level security;
drop function person_by_email(text), person_by_id(uuid), address_of(uuid), session_by_digest(bytea), current_person();
grant select, insert, update on app_user to starlane_api;
grant select, insert, update, delete on session to starlane_api;
grant select on app_user, session to starlane_worker;
reset role;
