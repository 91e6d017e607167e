# Self-documenting: `make help` prints every target that carries a double-hash comment.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Hundreds of tests start a gateway as a process of its own: none should compile what another has compiled.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

# The stamp names what it was made from, so a changed lock file makes the environment anew.
$(VENV)/.runtime: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Vestibule needs Python 3.11 or newer: make run PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: run
run: $(VENV)/.runtime ## Try it: a sample app, a local issuer and the gateway on http://localhost:8080
	@exec $(BIN)/python -m gateway demo

# Tests wait for servers as much as they compute: one worker more than there are cores.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 1) + 1)

.PHONY: test
test: check suite ## Check and test everything

# Whoever has nothing left to do takes from the others, since some tests start servers and most start nothing.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -rs

.PHONY: suite
suite: $(VENV)/.dev parts
	$(PYTEST)
	TEST_LOOP=uvloop TEST_LANE=off $(PYTEST) tests/attacks tests/front

.PHONY: parts
parts:
	@tests/parts/install

.PHONY: check
check: $(VENV)/.dev ## Lint, format check and types, without running a test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: fmt
fmt: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(VENV)/.dev ## Measure, beside nginx, Caddy and Apache; prints ratios, writes var/bench.json
	@tests/parts/install bench
	$(BIN)/python -m tests.bench

.PHONY: bench-page
bench-page: $(VENV)/.dev ## Write what was measured into docs/performance.md, with its chart
	$(BIN)/python -m tests.bench.page

.PHONY: docs
docs: $(VENV)/.dev ## Generate config/reference.toml, config/schema.json, docs/attacks.md and docs/conformance.md
	$(BIN)/python -m gateway schema --reference > config/reference.toml
	$(BIN)/python -m gateway schema > config/schema.json
	$(BIN)/python -m tests.house.attack_matrix > docs/attacks.md
	$(BIN)/python -m tests.house.conformance_matrix > docs/conformance.md

.PHONY: lock
lock: $(VENV)/.dev ## Resolve both lock files anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra postgres --extra speed pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra postgres --extra speed --group dev pyproject.toml -o requirements-dev.lock

.PHONY: clean
clean: ## Remove the environment and everything that was generated
	rm -rf $(VENV) var build dist *.egg-info .mypy_cache .ruff_cache tests/parts/issuer/node_modules
