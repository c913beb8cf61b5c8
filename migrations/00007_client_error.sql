-- +goose Up
set local role starlane_owner;
set local search_path = starlane, public;

-- A request that the provider refuses as the client's own mistake is not the provider's failure. The rows that are there
-- satisfy the new check, so it is not worth reading them all.
alter table usage_event drop constraint usage_event_outcome_check;
alter table usage_event add constraint usage_event_outcome_check
  check (outcome in ('ok', 'client_gone', 'upstream_error', 'client_error', 'cut', 'crashed')) not valid;
reset role;

-- +goose Down
set local role starlane_owner;
set local search_path = starlane, public;
alter table usage_event drop constraint usage_event_outcome_check;
alter table usage_event add constraint usage_event_outcome_check
  check (outcome in ('ok', 'client_gone', 'upstream_error', 'cut', 'crashed')) not valid;
reset role;
