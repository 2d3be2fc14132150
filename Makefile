# `make help` lists the targets. Everything runs out of .venv, which `make install` makes from requirements.lock.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/installed
# Rounds of `make soak`: 60 are 900 long streams and 81,000 short ones, 10 are 810 kills. About an hour each.
SOAK_STREAMS ?= 60
SOAK_KILLS ?= 10

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types format bench-quick bench soak monitoring containers lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv with the `omni` command; does nothing when it is up to date

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed: make install PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install ## play a shop once and watch its triggers; DATA=file SOURCE=rees46 plays a real file
	$(BIN)/omni demo --exit $(if $(DATA),--data $(DATA)) $(if $(SOURCE),--source $(SOURCE))

test: install lint types ## everything that must hold: lint, types, all suites (what CI runs)
	$(BIN)/python -m pytest -m "not docker"

check: test ## the same as test

lint: install ## ruff, without changing anything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install ## mypy --strict
	$(BIN)/mypy

format: install ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench-quick: install ## measured speed in about 90 seconds, against stock Faust and a bare loop
	$(BIN)/python -m tests.bench --quick

bench: install ## measured speed in about a quarter of an hour, then many customers merging, values many share, timers, stock, views, and history
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.storm
	$(BIN)/python -m tests.bench.blob
	$(BIN)/python -m tests.bench.timers
	$(BIN)/python -m tests.bench.stock
	$(BIN)/python -m tests.bench.views
	$(BIN)/python -m tests.bench.sink

soak: install ## the tests that live from chance, with other seeds for two hours: streams, then kills
	TEST_ROUNDS=$(SOAK_STREAMS) $(BIN)/python -m pytest -m soak tests/simulation
	TEST_ROUNDS=$(SOAK_KILLS) $(BIN)/python -m pytest -m soak tests/faults tests/integration
	TEST_DOWN_SECONDS=600 $(BIN)/python -m pytest tests/integration/test_history_under_load.py -k b35

monitoring: install ## write deploy/grafana/dashboards and the table of metrics anew
	$(BIN)/python -m pipeline.monitoring

containers: install ## the tests that need a Docker engine
	$(BIN)/python -m pytest -m docker

lock: ## choose the newest allowed versions anew and write requirements.lock
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet --disable-pip-version-check uv
	$(VENV)/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--extra dev --extra suggest --extra plot \
		--no-header --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock
	@! grep -nE '(https?|file)://' requirements.lock || { echo "requirements.lock names an address" >&2; exit 1; }

clean: ## remove what can be made again; the data in .omni stays
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
