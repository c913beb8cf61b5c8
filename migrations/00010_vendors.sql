-- +goose Up
set local role starlane_owner;
set local search_path = starlane, public;

-- Whose dialect of OpenAI's format a provider speaks. Empty: as the base URLs of its accounts say.
alter table provider add column vendor text not null default '' check (vendor ~ '^[a-z0-9_]{0,40}$');
reset role;

-- +goose Down
set local role starlane_owner;
set local search_path = starlane, public;
alter table provider drop column vendor;
reset role;
