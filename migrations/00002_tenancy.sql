-- +goose Up
set local role starlane_owner;
set local search_path = starlane, public;

create table tenant (
  id uuid primary key,
  name text not null check (length(name) between 1 and 120),
  status text not null default 'active' check (status in ('active', 'suspended', 'closed')),
  billing_mode text not null default 'prepaid' check (billing_mode in ('prepaid', 'postpaid')),
  credit_limit_nano bigint not null default 0 check (credit_limit_nano >= 0), -- post-paid: how far receivable may grow
  billing_email text not null default '',
  stripe_customer_id text unique,
  demo boolean not null default false,
  created_at timestamptz not null default now()
);

create table project (
  tenant_id uuid not null references tenant,
  id uuid not null,
  name text not null check (length(name) between 1 and 120),
  archived_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id)
);

-- A person. Not a tenant table: one person may belong to several tenants.
create table app_user (
  id uuid primary key,
  email text not null unique check (email = lower(email)),
  name text not null default '',
  password_hash text not null, -- argon2id in the PHC string format
  failed_logins int not null default 0,
  locked_until timestamptz,
  created_at timestamptz not null default now()
);

-- Staff of the platform are members of the all-zero tenant.
create table member (
  tenant_id uuid not null references tenant,
  user_id uuid not null references app_user,
  role text not null check (role in ('owner', 'admin', 'billing', 'developer', 'viewer', 'operator', 'finance')),
  created_at timestamptz not null default now(),
  primary key (tenant_id, user_id),
  check ((role in ('operator', 'finance')) = (tenant_id = '00000000-0000-0000-0000-000000000000'))
);
create index member_by_user on member (user_id); -- sign-in asks for the tenants of a person

create table session (
  digest bytea primary key, -- SHA-256 of the cookie's secret
  user_id uuid not null references app_user,
  csrf_token text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  last_seen_at timestamptz not null default now()
);

-- A revocable token for the admin API. It acts as its user in its tenant.
create table api_token (
  tenant_id uuid not null references tenant,
  id uuid not null,
  user_id uuid not null references app_user,
  name text not null,
  digest bytea not null unique,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  primary key (tenant_id, id)
);

create table virtual_key (
  tenant_id uuid not null,
  id uuid not null,
  project_id uuid not null,
  name text not null check (length(name) between 1 and 120),
  public_id text not null unique check (length(public_id) = 8),
  digest bytea not null check (length(digest) = 32), -- HMAC-SHA-256 of the whole key
  state text not null default 'active' check (state in ('active', 'disabled', 'revoked')),
  allowed_models text[] not null default '{}', -- empty: all
  rpm bigint check (rpm > 0), -- requests a minute
  tpm bigint check (tpm > 0), -- tokens a minute
  concurrency bigint check (concurrency > 0), -- requests at once
  budget_nano bigint check (budget_nano > 0),
  budget_window text check (budget_window in ('day', 'week', 'month', 'total')),
  expires_at timestamptz,
  created_by uuid not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, project_id) references project (tenant_id, id),
  check ((budget_nano is null) = (budget_window is null))
);

create table audit_log (
  tenant_id uuid not null references tenant,
  id uuid not null,
  at timestamptz not null default now(),
  actor text not null, -- "user:<id>", "token:<id>" or "system:<part>"
  action text not null,
  target text not null,
  detail jsonb not null default '{}',
  primary key (tenant_id, id)
);

-- Answers of money-moving and creating calls, kept for the caller that asks again with the same Idempotency-Key.
create table idempotency (
  tenant_id uuid not null references tenant,
  key text not null check (length(key) between 1 and 255),
  request_hash bytea not null,
  status int,
  body bytea,
  created_at timestamptz not null default now(),
  primary key (tenant_id, key)
);

-- What relays must hear of. The publisher reads rows in order, writes Redis and remembers how far it came.
create table config_change (
  seq bigint generated always as identity primary key,
  kind text not null check (kind in ('virtual_key', 'tenant', 'catalog')),
  tenant_id uuid not null,
  ref text not null,
  at timestamptz not null default now()
);

reset role;
-- +goose Down
drop table starlane.config_change, starlane.idempotency, starlane.audit_log, starlane.virtual_key, starlane.api_token,
  starlane.session, starlane.member, starlane.app_user, starlane.project, starlane.tenant;
