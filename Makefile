# The two commands of the README are `make up` and `make test`. Everything else is for daily work.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export GOTOOLCHAIN := local
export CGO_ENABLED ?= 1
tool := go tool -modfile=internal/tools/go.mod
# Built and replaced by exec: make then waits for the stack itself, and Ctrl-C reaches it without a `go run` in between.
starlane = { [ -x var/bin/starlane ] || echo "building the starlane command (once, a minute or two with cold caches) …" >&2; } && go build -buildvcs=false -o var/bin/starlane ./cmd/starlane && exec var/bin/starlane
gofiles = $(shell git ls-files '*.go' | grep -v -E '/gen/|/pgdb/')

.PHONY: help up down reset test test-go test-web test-deploy check precommit fmt generate generate-check lint bench crash fuzz clean

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

up: ## start everything on this machine and prove that it works (DETACH=1: in the background; ARGS=… for starlane up)
	@$(starlane) up $(if $(DETACH),--detach) $(ARGS)

down: ## stop what make up started
	@$(starlane) down

reset: ## stop, delete the local data folder and start over
	@$(starlane) down
	@$(starlane) up --reset --yes $(if $(DETACH),--detach) $(ARGS)

test: test-web test-go test-deploy ## everything a change must pass
	@echo "make test: all passed"

test-go: web/dist/index.html ## Go tests with the race detector, real Postgres and Redis, and the whole product end to end
	go vet ./...
	go test -race -timeout 30m $$(go list ./... | grep -v '/internal/e2e')
	cd internal/e2e/clients/go && go vet ./... && go test ./... # a module of its own: the official libraries read what the relay writes
	go test -race -timeout 30m -count=1 -p 1 ./internal/e2e/... # by themselves: they hold the product to its times; they build it, which Go does not see

test-web: web/node_modules/.ready ## unit tests and type check of the console
	cd web && npm run --silent check && npm test --silent

test-deploy: ## compose file and Dockerfile
	cd deploy/check && go test -count=1 ./... # the files under test lie outside that module, so Go would not notice their change

check: generate-check lint web/node_modules/.ready ## format, lint, generated code
	cd web && npm run --silent check
	@echo "make check: all passed"

lint:
	@bad=$$($(tool) gofumpt -modpath starlane -l $(gofiles)); [ -z "$$bad" ] || { echo "not formatted (make fmt): $$bad"; exit 1; }
	$(tool) golangci-lint run ./...

precommit:
	@bad=$$($(tool) gofumpt -modpath starlane -l $(gofiles)); [ -z "$$bad" ] || { echo "not formatted (make fmt): $$bad"; exit 1; }
	go vet ./...

fmt: web/node_modules/.ready ## format Go and web sources
	$(tool) gofumpt -modpath starlane -w $(gofiles)
	cd web && npm run --silent format

generate: web/node_modules/.ready ## write generated code anew
	go generate ./...
	cd web && npm run --silent generate

generate-check: generate
	@git diff --exit-code --stat -- '*/gen/*' '*/pgdb/*' '*.gen.ts' $$(git grep -l 'written by go generate' -- '*.md') || { echo "generated code is out of date: commit what make generate wrote"; exit 1; }

bench: ## load against the relay, a reverse proxy and the simulated provider, side by side
	go run ./internal/cmd/loadgen $(ARGS)

crash: ## kill -9 relay and worker under load, KILLS times each (default 100), and check every bill
	STARLANE_TEST_KILLS=$${KILLS:-100} go test -count=1 -timeout 60m -v ./internal/e2e/crash

fuzz: ## each fuzz target for FUZZTIME (default 20s)
	@for p in $$(git grep -l 'func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho 'func Fuzz[A-Za-z0-9]*' $$p/*_test.go | awk '{print $$2}'); do \
	    echo "$$p $$f"; go test -run=NONE -fuzz="^$$f$$" -fuzztime=$${FUZZTIME:-20s} ./$$p; done; done

web/node_modules/.ready: web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

web/dist/index.html: web/node_modules/.ready $(shell git ls-files web/src web/public web/index.html web/vite.config.ts 2>/dev/null)
	cd web && npm run --silent build
	@touch $@

clean: ## remove what builds leave behind (not var/)
	rm -rf bin web/dist web/node_modules
