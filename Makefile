CONFIG ?= config.yaml
BIN := .venv/bin
WORKERS = $(shell expr $$(nproc 2>/dev/null || echo 1) + 1) # one more than cores: stories wait a good deal
SOURCES = $(wildcard rules adapters bot tests benchmarks)

.DEFAULT_GOAL := help
.NOTPARALLEL: # lint first, it is the quickest to fail
.PHONY: help demo run test test-nightly check bench picture docs lock clean lint pytest

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.runtime ## Try Tocsin here and now: no account, no config
	@$(BIN)/tocsin demo

run: .venv/.runtime ## Run Tocsin with your config.yaml (another: make run CONFIG=other.yaml)
	@$(BIN)/tocsin run -c $(CONFIG)

test: lint pytest ## Lint, type-check and run the tests

test-nightly: export TOCSIN_TEST_PROFILE = nightly
test-nightly: export PYTEST_TIMEOUT = 1800
test-nightly: lint pytest ## The same tests with far more random examples

check: lint ## Lint, type-check, and check config.example.yaml
	@if [ -f config.example.yaml ]; then $(BIN)/tocsin check -c config.example.yaml; fi

bench: .venv/.test ## Measure Tocsin side by side with Alertmanager
	@$(BIN)/python -m benchmarks

picture: .venv/.test ## Take the README's picture of the console anew (needs Chromium)
	@$(BIN)/python -m tests.stories.screenshot

docs: .venv/.test ## Write docs/sources.md anew
	@$(BIN)/python -m tests.sources_page

lock: .venv/.runtime ## Pin what pyproject.toml asks for (newer versions too: make lock UPGRADE=--upgrade)
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv
	$(COMPILE) -o requirements.lock
	$(COMPILE) -o requirements-test.lock --extra test -c requirements.lock

clean: ## Remove .venv, caches and build leftovers (your data and config stay)
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find rules adapters bot tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

lint: .venv/.test
	$(BIN)/ruff check
	$(BIN)/mypy $(SOURCES)

pytest: .venv/.test
	$(BIN)/python -m pytest $(or $(ARGS),--numprocesses $(WORKERS) --dist worksteal)

# Hashes make pip refuse a file that is not the one that was locked; universal means one lock for every Python and system.
COMPILE = $(BIN)/uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" --quiet $(UPGRADE)

# The test set holds the runtime set, so setting up for tests sets up for everything.
.venv/.runtime: requirements.lock pyproject.toml
	@sh scripts/setup requirements.lock
	@touch $@

.venv/.test: requirements-test.lock requirements.lock pyproject.toml
	@sh scripts/setup requirements-test.lock
	@touch .venv/.runtime $@
