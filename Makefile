# Everything a person or a build machine runs. Needs Python 3.11 or newer, make and a network.
#
#   make test
#   make test PYTHON=python3.12 VENV=.venv312
#   make test WORKERS=8
#   make test TORCH="torch --index-url https://download.pytorch.org/whl/cpu"

PYTHON ?= python3
TORCH ?= torch
VENV ?= .venv
WORKERS ?= 2

# The tests write some ten thousand small files and wait for the disk with many; memory keeps none waiting, where it has
# 2 GB to spare.
SCRATCH ?= $(shell free=$$(df -Pk /dev/shm 2>&1 | awk 'END {print int($$4)}'); \
	if test -w /dev/shm && test "$$free" -gt 2000000; then echo /dev/shm; else echo "$${TMPDIR:-/tmp}"; fi)

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check format lint types wheel coverage slow bench fix clean

help: ## list the targets
	@echo "make TARGET [PYTHON=$(PYTHON)] [TORCH=$(TORCH)] [VENV=$(VENV)] [WORKERS=$(WORKERS)]"
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

demo: $(VENV)/.installed ## extend a small model with a new language, from text to report
	@$(BIN)/vocabx demo

test: $(VENV)/.developing ## run the tests that need no download and take seconds
	@TMPDIR=$(SCRATCH) OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet --numprocesses $(WORKERS) --dist loadfile

# The types and the wheel take a core each. The tests come last, so that their closing line is the last line.
check: format lint ## all that must pass before a change lands
	@$(MAKE) --jobs=2 types wheel
	@$(MAKE) test

format: $(VENV)/.developing ## compare the layout of the code with the formatter's
	@echo "== format"
	@$(BIN)/ruff format --quiet --check --diff .

lint: $(VENV)/.developing ## look for mistakes
	@echo "== lint"
	@$(BIN)/ruff check --quiet .

types: $(VENV)/.developing ## check the types
	@echo "== types"
	@$(BIN)/mypy --strict

# The wheel is built from the source archive, installed without torch, and tried where the repository is not in sight.
# Only files that hold smoke tests are collected there: the others may import what the core does not need.
wheel: $(VENV)/.developing ## build, inspect and try the wheel in an environment of its own
	@echo "== wheel"
	@rm -rf build dist; mkdir build
	@$(BIN)/python -m build --outdir dist . > build/log 2>&1 || { cat build/log; exit 1; }
	@$(BIN)/check-wheel-contents dist/*.whl
	@set -e; away=$$(mktemp -d); trap 'rm -rf "$$away"' EXIT; \
	$(PYTHON) -m venv "$$away/venv"; \
	"$$away/venv/bin/python" -m pip --disable-pip-version-check -qq install dist/*.whl pytest hypothesis; \
	cp -R tests setup.cfg "$$away"; cd "$$away"; PATH="$$away/venv/bin:$$PATH"; export PATH; unset PYTHONPATH; \
	vocabx --help > help.txt; \
	vocabx methods > methods.txt; \
	python -c "import importlib.util as u; assert u.find_spec('torch') is None, 'the core must not bring torch'"; \
	python -c "import sys, vocabx; assert vocabx.__file__.startswith(sys.prefix), vocabx.__file__"; \
	python -m pytest --quiet -p no:cacheprovider -m smoke $$(grep -rl --include='test_*.py' 'pytest.mark.smoke' tests)

coverage: $(VENV)/.developing ## run the tests and show the lines they miss
	@$(BIN)/python -m pytest --quiet --cov

slow: $(VENV)/.developing ## run the tests that take minutes or need $VOCABX_RESOURCES
	@$(BIN)/python -m pytest -m "slow or resources"

bench: $(VENV)/.developing ## run the benchmarks and print their tables
	@set -e; for file in tests/benchmarks/benchmark_*.py; do \
	echo "== $$file"; $(BIN)/python -m "tests.benchmarks.$$(basename "$$file" .py)"; done

fix: $(VENV)/.developing ## mend layout and what lint can mend
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format .

clean: ## remove environments, builds and caches
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# torch is installed first and by itself, so that TORCH decides which build it is; nothing installed later changes it.
$(VENV)/.installed: setup.cfg pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'vocabx needs Python 3.11 or newer; try make PYTHON=python3.12')"
	@echo "== environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install $(TORCH)
	@$(PIP) install --editable ".[torch]"
	@touch $@

$(VENV)/.developing: $(VENV)/.installed
	@$(PIP) install --editable ".[data,dev,eval,report,train]"
	@touch $@
