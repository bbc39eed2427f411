.DEFAULT_GOAL := help
.PHONY: help install run test test-slow check bench quality lock schema clean

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# uv installs the same lock in a fraction of the time where it is on the PATH; plain pip everywhere else.
UV := $(shell command -v uv 2>/dev/null)

# Processes that share the tests, a file at a time; each makes the shared pipeline runs for itself.
WORKERS ?= 2

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.lock setup.py pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; install Python 3.11, or name one: make PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing requirements.lock into $(VENV) (about 3 minutes with pip)"
ifdef UV
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --compile-bytecode -r requirements.lock
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
endif
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: $(STAMP) ## make .venv from requirements.lock

run: install ## run the taxi pipeline
	$(BIN)/waze-tfx run configs/taxi.yaml

test: install ## run the tests (what CI runs)
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist loadfile

test-slow: install ## run the long proofs
	$(BIN)/python -m pytest -m slow

check: install ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install ## times against plain TFX, as ratios
	$(BIN)/python benchmarks/against_plain_tfx.py
	$(BIN)/python benchmarks/feature_test.py
	$(BIN)/python benchmarks/ingestion.py
	$(BIN)/python benchmarks/split_statistics.py
	$(BIN)/python benchmarks/bandit_lab.py
	$(BIN)/python benchmarks/neural_bandits.py
	$(BIN)/python benchmarks/linear_bandits.py
	$(BIN)/python benchmarks/policy_ranking.py

quality: install ## the templates' models against scikit-learn's and their data's processes
	$(BIN)/python benchmarks/taxi_quality.py
	$(BIN)/python benchmarks/classification_quality.py
	$(BIN)/python benchmarks/generated_quality.py

lock: install ## remake requirements.lock from requirements.in and overrides.txt
	$(BIN)/uv pip compile --quiet --python-version 3.11 --override overrides.txt --no-annotate --no-header \
		--no-emit-index-url requirements.in -o requirements.lock

schema: install ## remake what is made from the config's fields: JSON Schema and docs/config.md
	$(BIN)/waze-tfx schema > configs/schema.json
	$(BIN)/waze-tfx schema --markdown > docs/config.md

clean: ## remove what runs and tests made; keeps .venv
	rm -rf output build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
