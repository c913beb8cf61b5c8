-- +goose Up
set local role starlane_owner;
set local search_path = starlane, public;

create table provider (
  id uuid primary key,
  slug text not null unique,
  name text not null,
  dialect text not null check (dialect in ('openai', 'anthropic', 'gemini', 'bedrock')),
  simulated boolean not null default false,
  created_at timestamptz not null default now()
);

-- An organisation at a provider: the group that the provider's limits apply to.
create table provider_account (
  id uuid primary key,
  provider_id uuid not null references provider,
  name text not null,
  base_url text not null check (base_url ~ '^https?://'),
  state text not null default 'active' check (state in ('active', 'paused')),
  created_at timestamptz not null default now(),
  unique (provider_id, name)
);

create table upstream_key (
  id uuid primary key,
  account_id uuid not null references provider_account,
  name text not null,
  sealed bytea not null, -- envelope-encrypted; context "upstream_key:<id>"
  hint text not null, -- the last four characters, to tell keys apart
  state text not null default 'active' check (state in ('active', 'paused', 'revoked')),
  weight int not null default 100 check (weight between 1 and 1000),
  created_at timestamptz not null default now()
);

create table model (
  name text primary key check (name ~ '^[a-z0-9][a-z0-9._:/-]*$'),
  display_name text not null,
  description text not null default '',
  capabilities text[] not null check (cardinality(capabilities) > 0), -- chat, embeddings, …
  features text[] not null default '{}', -- tools, vision, json_schema, reasoning, …
  context_length bigint not null check (context_length > 0), -- tokens
  max_output bigint not null check (max_output >= 0), -- tokens
  tokenizer text not null default 'o200k_base',
  state text not null default 'active' check (state in ('active', 'hidden', 'retired')),
  created_at timestamptz not null default now()
);

create table deployment (
  id uuid primary key,
  model_name text not null references model,
  account_id uuid not null references provider_account,
  upstream_model text not null,
  region text not null default 'global',
  state text not null default 'active' check (state in ('active', 'drained')),
  weight int not null default 100 check (weight between 1 and 1000),
  created_at timestamptz not null default now(),
  unique (model_name, account_id, upstream_model, region)
);

create table route (
  alias text primary key check (alias ~ '^[a-z0-9][a-z0-9._:/-]*$'),
  description text not null default '',
  created_at timestamptz not null default now()
);

create table route_candidate (
  alias text not null references route on delete cascade,
  position int not null check (position >= 0), -- tried in this order
  model_name text not null references model,
  primary key (alias, position),
  unique (alias, model_name)
);

create table price_book (
  tenant_id uuid not null references tenant, -- the all-zero tenant owns the list and the provider cost books
  id bigint not null,
  kind text not null check (kind in ('provider_cost', 'list', 'contract')),
  name text not null,
  currency char(3) not null default 'USD',
  primary key (tenant_id, id),
  unique (id)
);

-- Bitemporal and immutable: a change is a new version, valid from its time, recorded when it was said.
create table price_version (
  tenant_id uuid not null,
  id bigint generated always as identity,
  book_id bigint not null,
  model_name text not null, -- public model name; for provider_cost books "provider-slug:upstream-model"
  valid_from timestamptz not null,
  recorded_at timestamptz not null default now(),
  source text not null default '', -- where the figure comes from, a URL or a contract
  proposed_by text not null,
  approved_by text,
  primary key (tenant_id, id),
  unique (id),
  foreign key (tenant_id, book_id) references price_book (tenant_id, id)
);
create index price_version_lookup on price_version (tenant_id, book_id, model_name, valid_from desc, id desc);

create table price_rate (
  tenant_id uuid not null,
  version_id bigint not null,
  class text not null, -- token class, see package usage
  nano_per_million bigint not null check (nano_per_million >= 0),
  primary key (tenant_id, version_id, class),
  foreign key (tenant_id, version_id) references price_version (tenant_id, id)
);

reset role;
-- +goose Down
drop table starlane.price_rate, starlane.price_version, starlane.price_book, starlane.route_candidate, starlane.route,
  starlane.deployment, starlane.model, starlane.upstream_key, starlane.provider_account, starlane.provider;
