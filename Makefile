# make        sets up .venv and makes every table, figure and video of the laptop tier
# make test   sets up .venv and passes the tests
# `make help` lists the rest. Variables: PYTHON, TIER, CORES, TARGETS, TEST_JOBS, PYTEST_ARGS.

# The first Python that is new enough; `make PYTHON=/path/to/python3` names another.
ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c '$(ENOUGH)' >/dev/null 2>&1 && echo "$$p" && break; done)
BIN := .venv/bin
CORES ?= all
TARGETS ?=
TEST_JOBS ?= $(shell n=$$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2); \
	[ "$$n" -gt 4 ] && echo 4 || echo "$$n")
PYTEST_ARGS ?=
CONFIG := $(if $(TIER),--config tier=$(TIER))

export PATH := $(CURDIR)/$(BIN):$(PATH)
# Without bytecode every job of the workflow would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: all setup setup-dev test lint smoke report doctor pins python help
.DEFAULT_GOAL := all

all: setup ## set up, then make everything (TIER=smoke|laptop|paper, TARGETS=..., CORES=...)
	snakemake --cores $(CORES) $(CONFIG) $(if $(TARGETS),-- $(TARGETS))

setup: python ## make or refresh .venv, and see to LLVM
	@"$(PYTHON)" tools/setup_env.py

setup-dev: python
	@"$(PYTHON)" tools/setup_env.py --extra dev

test: lint ## set up, then lint, check types and layers, and run every test
	pytest -n $(TEST_JOBS) --dist loadfile $(PYTEST_ARGS)

lint: setup-dev ## the checks that run no code of ours
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	snakefmt --check Snakefile workflow
	snakemake --lint

smoke: ## every rule once, tiny
	$(MAKE) all TIER=smoke

report: setup ## the Snakemake report of the finished results, as report.zip
	snakemake $(CONFIG) --report report.zip $(if $(TARGETS),-- $(TARGETS))

doctor: setup ## is this machine ready?
	@rerender doctor

pins: setup-dev ## resolve constraints.txt anew (needs uv and the network), then export envs/
	uv pip compile -q --universal --python-version 3.11 --no-annotate --no-header --all-extras pyproject.toml -o constraints.txt
	python tools/export_envs.py

python:
	@"$(PYTHON)" -c '$(ENOUGH)' 2>/dev/null || { \
	found=$$("$(or $(PYTHON),python3)" --version 2>/dev/null || echo none); \
	echo "error: Python 3.11 or newer is needed (found: $$found). Type: make PYTHON=/path/to/python3.11" >&2; exit 1; }

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12
