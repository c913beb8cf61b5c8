-- +goose Up
-- Roles are cluster-wide, so they are created only when missing. They have no password and cannot log in: each process
-- connects with the credential it was given and takes its role from the first byte on (run-time parameter "role").
-- +goose StatementBegin
do $$
declare
  name text;
begin
  foreach name in array array['starlane_owner', 'starlane_api', 'starlane_worker'] loop
    begin
      execute format('create role %I nologin', name);
    exception when duplicate_object or unique_violation then
      null; -- another database of the same cluster made it
    end;
    -- From Postgres 16 on, creating a role does not yet allow to work as it; a superuser may anyway.
    if not (select rolsuper from pg_roles where rolname = current_user) then
      begin
        execute format('grant %I to %I', name, current_user);
      exception when insufficient_privilege then
        if not pg_has_role(current_user, name, 'member') then
          raise;
        end if; -- an administrator made the roles and let us in
      end;
    end if;
  end loop;
end
$$;
-- +goose StatementEnd

create schema if not exists starlane authorization starlane_owner;
grant usage on schema starlane to starlane_api, starlane_worker;

-- The tenant a transaction works for. Unset means: none, and row-level security hides everything.
-- +goose StatementBegin
create function starlane.current_tenant() returns uuid
  language sql stable
  as $$ select nullif(current_setting('starlane.tenant', true), '')::uuid $$;
-- +goose StatementEnd

-- Operators and finance staff see all tenants; the api sets this flag only after it has checked the role.
-- +goose StatementBegin
create function starlane.is_operator() returns boolean
  language sql stable
  as $$ select coalesce(current_setting('starlane.operator', true), '') = 'on' $$;
-- +goose StatementEnd

-- +goose Down
drop schema starlane cascade;
