# Two commands do all the set-up on a fresh machine:
#
#     make demo     makes .venv, installs, trains the quickstart
#     make test     makes .venv if needed, runs every check and the fast tests
#
# To use another Python or an environment of your own (torch already in it is kept if it fits the
# bounds in pyproject.toml):
#
#     make demo PYTHON=/opt/python3.12/bin/python3
#     make test VENV=/path/to/environment              a venv or conda environment; installs into it
#     make test VENV=/path/to/environment INSTALL=no   installs nothing
#     make test JOBS=8                                 eight tests at a time instead of two

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all coverage faults fuzz lint format typecheck docs manifest bench clean

VENV ?= .venv
INSTALL ?= yes
JOBS ?= 2
# The first interpreter that is new enough; empty if there is none.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

BIN := $(VENV)/bin
# An environment of the other extra is not enough, and a changed pyproject.toml makes both stale.
DEMO_STAMP := $(VENV)/.snn_mm-demo
TEST_STAMP := $(VENV)/.snn_mm-test
SOURCES := snn_mm datamodules feature_makers tests benchmarks examples docs
# By file: what the tests of a file share is made once.
PYTEST := $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile
FAST := -m "not slow and not real_data and not faults"
# More threads than cores slow small networks down, and each test rank starts its own.
TEST_ENV := OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} WANDB_MODE=offline

ifeq ($(INSTALL),yes)
DEMO_READY := $(DEMO_STAMP)
TEST_READY := $(TEST_STAMP)
endif

help: ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

demo: $(DEMO_READY) ## train the quickstart on two CPU cores (three minutes after the installation)
	$(BIN)/snnmm fit --config experiments/quickstart.yaml

test: lint typecheck ## check style and types, run the fast tests
	$(TEST_ENV) $(PYTEST) $(FAST)

coverage: $(TEST_READY) ## the fast tests, and which lines they leave out (half as long again)
	$(TEST_ENV) $(PYTEST) $(FAST) --cov --cov-report=term

test-all: lint typecheck ## the same with the slow tests and those on recordings (SNN_MM_DATA)
	$(TEST_ENV) $(PYTEST) -m "not faults"

faults: $(TEST_READY) ## strike runs at 160 moments, write what came of it into docs/reliability.md
	$(TEST_ENV) SNN_MM_FAULTS=docs/reliability.md $(BIN)/python -m pytest --numprocesses $(JOBS) -m faults tests/faults

fuzz: $(TEST_READY) ## damage every kind of file 2,000 times and read it (a quarter of an hour)
	$(TEST_ENV) $(BIN)/python -m tests.fuzz

lint: $(TEST_READY) ## check style, formatting and that imports go one way down
	$(BIN)/python -m ruff check $(SOURCES)
	$(BIN)/python -m ruff format --check $(SOURCES)
	$(BIN)/lint-imports --no-cache --no-logo

typecheck: $(TEST_READY) ## check types
	$(BIN)/python -m mypy

format: $(TEST_READY) ## rewrite the source in the project's format
	$(BIN)/python -m ruff check --fix $(SOURCES)
	$(BIN)/python -m ruff format $(SOURCES)

docs: $(TEST_READY) ## build the site of docs/ and of the API into site/, without a warning
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

manifest: $(DEMO_READY) ## tell `snnmm list` what classes accept, after one has changed
	$(BIN)/python -m snn_mm.config.manifest

bench: $(DEMO_READY) ## time a training step of the main experiments into benchmarks/results/
	$(BIN)/python benchmarks/experiments.py

clean: ## remove what tools left behind; keeps .venv, data and runs
	rm -rf build dist site *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# pip's line for every package it already has would hide the ones that take minutes; its warnings and
# errors go to stderr and are seen.
define install
	@echo "Installing snn_mm$(1) into $(VENV): about 6 GB with CUDA builds of torch, some minutes."
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -e ".$(1)" \
		| sed -unE 's/^(.{96}).*/\1 .../; /^(Collecting|  Downloading|Installing collected)/p'
endef

$(DEMO_STAMP): pyproject.toml | $(BIN)/pip
	$(call install,[demo])
	@touch $@

$(TEST_STAMP): pyproject.toml | $(BIN)/pip
	$(call install,[dev$(comma)demo])
	@touch $@ $(DEMO_STAMP)

comma := ,

# pip, not python, tells a finished environment: a venv that failed half-way has python already.
$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "snn_mm needs Python 3.11 or newer; none of python3.11," \
		"python3.12, python3.13, python3 is. Name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
		"$(PYTHON) is not Python 3.11 or newer, which snn_mm needs" >&2; exit 2; }
	@echo "Making $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv "$(VENV)" || { echo "could not make $(VENV) (on Debian and Ubuntu:" \
		"install python3-venv)" >&2; exit 2; }
