-- +goose Up
set local role starlane_owner;
set local search_path = starlane, public;

-- Clouds serve the formats of others, each with an address and a credential of its own kind.
alter table provider drop constraint provider_dialect_check;
alter table provider add constraint provider_dialect_check check (dialect in (
  'openai', 'anthropic', 'gemini',
  'azure_openai', 'bedrock', 'bedrock_anthropic', 'vertex_anthropic', 'vertex_gemini'));

-- Where at a cloud the account's models are; empty where the dialect knows no such thing.
alter table provider_account
  add column region text not null default '',
  add column project text not null default '',
  add column api_version text not null default '';
reset role;

-- +goose Down
set local role starlane_owner;
set local search_path = starlane, public;
alter table provider_account drop column region, drop column project, drop column api_version;
alter table provider drop constraint provider_dialect_check;
alter table provider add constraint provider_dialect_check check (dialect in ('openai', 'anthropic', 'gemini', 'bedrock')) not valid;
reset role;
