-- +goose Up
set local role starlane_owner;
set local search_path = starlane, public;

-- A tenant may have its responses kept. The epoch is part of the key that they are encrypted with: once it is forgotten here,
-- nobody can read them any more. Null: nothing is kept, which is how every tenant begins.
alter table tenant
  add column response_epoch uuid,
  add column response_hours int not null default 720 check (response_hours between 1 and 720);
reset role;

-- +goose Down
set local role starlane_owner;
set local search_path = starlane, public;
alter table tenant drop column response_epoch, drop column response_hours;
reset role;
