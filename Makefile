# Two commands do all the set-up: `make demo` and `make test`. Both use .venv here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := data/out
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
MUSIC ?= data/sample
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint types unit docs bench bench-gpu torture clean
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mfq needs Python 3.11 or later; say make PYTHON=python3.x" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.signal: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing mfq into $(VENV) ..."
	@$(PIP) install -c constraints.txt -e '.[signal]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing mfq and what the tests need into $(VENV) ..."
	@$(PIP) install -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/.signal

$(VENV)/.bench: pyproject.toml constraints.txt $(VENV)/.test
	@$(PIP) install -c constraints.txt -e '.[test,bench]'
	@touch $@

$(VENV)/.docs: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what builds the documentation into $(VENV) ..."
	@$(PIP) install -c constraints.txt -e '.[docs]'
	@touch $@

demo: $(VENV)/.signal ## Score the sample songs with the signal engine and show the table
	@mkdir -p $(OUT)
	$(BIN)/mfq score data/sample/manifest.jsonl --engine signal --cache-dir data/cache -o $(OUT)/scores.parquet

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

unit: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadfile

test: lint types unit ## Install what the tests need; lint, types and tests

docs: $(VENV)/.docs ## Build the documentation as a site, docs/_build/index.html; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build

bench: $(VENV)/.bench ## Measure: the signal engine on graded damage, decoding, parser (MUSIC=folder for your own songs)
	$(BIN)/python scripts/bench_signal.py --music $(MUSIC)
	$(BIN)/python scripts/bench_decode.py
	$(BIN)/python scripts/bench_parser.py
	$(BIN)/python scripts/bench_manifest.py
	$(BIN)/python scripts/bench_offline.py
	$(BIN)/python scripts/bench_filter.py
	$(BIN)/python scripts/bench_eval.py
	$(BIN)/python scripts/bench_start.py
	$(BIN)/python scripts/bench_resources.py
	$(BIN)/python scripts/bench_flamingo.py

bench-gpu: $(VENV)/.bench ## Measure the model at its true size, random weights, on a GPU (MUSIC=folder for your own songs)
	$(BIN)/python scripts/bench_flamingo.py --size real --music $(MUSIC)

torture: $(VENV)/.test ## Kill a run 500 times at random, let each of its writes fail, and count broken promises
	$(BIN)/python scripts/torture.py
	$(BIN)/python scripts/torture_writes.py

clean: ## Remove what the targets made
	rm -rf $(VENV) $(OUT) data/cache docs/_build build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
