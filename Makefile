# Everything a person types here. Works with GNU make 3.81 and later; needs Python 3.11, 3.12 or 3.13 and nothing else.
#
#   make demo PYTHON=/path/to/python3.12     choose the interpreter yourself (after make clean, if .venv exists)

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
RIVALS := .venv/bench/bin/python
CODE := flows tasks models sql tests docs $(wildcard benchmarks)

# An interpreter must run, not merely exist: version managers leave stubs that fail when called.
PYTHON ?=
CANDIDATES := $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3)
USABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
GOAL := $(or $(firstword $(MAKECMDGOALS)),setup)
define FIND_PYTHON
	for candidate in $(CANDIDATES); do \
		"$$candidate" -c '$(USABLE)' >/dev/null 2>&1 && command -v "$$candidate" && exit 0; \
	done; \
	echo "No Python 3.11, 3.12 or 3.13 with its venv module was found (tried: "$(CANDIDATES)")." >&2; \
	echo "Install one (on Debian and Ubuntu with python3-venv) or name it: make $(GOAL) PYTHON=/path/to/python3.12" >&2; \
	exit 1
endef

# A file's tests stay together: they share what is expensive to make. More than four at once only wait for each other's memory. Files keep
# their order: by number of tests, those with few but long ones would all come last, and one process would wait for the other.
SIDE_BY_SIDE := --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
UV_COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(LOCK_FLAGS)
PRINT_EXTRA := import sys, tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	print(*project["optional-dependencies"][sys.argv[1]], sep="\n")

.PHONY: help python setup hooks demo docs pictures test test-slow check lint format generated lock clean \
	bench bench-scoring bench-speed bench-loops bench-second-night bench-growth bench-quick bench-quality

##@ To begin

help: ## list these targets
	@echo "make TARGET, where TARGET is one of"
	@sed -n -e 's/^##@ \(.*\)/\
\1/p' -e 's/^\([a-z-]*\):.*## \(.*\)/  \1	\2/p' Makefile | expand -t 22

python: ## say which interpreter .venv is made with
	@$(FIND_PYTHON)

setup: .venv/.project ## build .venv with the exact packages of requirements.lock

demo: setup ## see three nights of a made-up shop, one of them bad
	@echo "==> Running the demo"
	@$(BIN)/nightly demo

##@ While you work

hooks: setup ## look at each commit before it is made, as .pre-commit-config.yaml says
	@$(BIN)/pre-commit install

format: setup ## put the code into shape: formatting, import order, safe fixes
	@echo "==> Formatting"
	@$(BIN)/ruff check --quiet --fix-only $(CODE)
	@$(BIN)/ruff format --quiet $(CODE)

generated: setup ## write the pages, contract and definitions that are made from the code anew
	@echo "==> docs/contract.yaml, docs/tables.md, docs/definitions/, docs/reference/, docs/faults.md"
	@$(BIN)/python -m tasks.data_contract docs/contract.yaml
	@$(BIN)/python -m tasks.tables_page > docs/tables.md
	@for engine in tables duckdb spark athena bigquery; do \
		$(BIN)/python -m tasks.definitions $$engine > docs/definitions/$$engine.sql || exit 1; \
	done
	@$(BIN)/python -m flows.command_line_page > docs/reference/command-line.md
	@$(BIN)/python -m flows.configuration_page > docs/reference/configuration.md
	@$(BIN)/python -m tests.fault_matrix > docs/faults.md

pictures: setup ## take the pictures of README and docs again (needs chromium); ARGUMENTS=--workspace DIR takes them of nights that are there
	@echo "==> Taking pictures of pages"
	@$(BIN)/python -m docs.pictures.make $(ARGUMENTS)
	@$(BIN)/python -m docs.pictures.make_prefect

test: setup ## run the tests, without the slow ones
	@echo "==> Running the tests"
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-slow: setup ## run all tests, the slow ones too
	@echo "==> Running all tests, the slow ones too"
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "slow or not slow"

check: ## everything that must hold before a change is merged: lint, bench-quick, then test
	@$(MAKE) --no-print-directory --jobs=2 lint .venv/bench/.rivals
	@$(MAKE) --no-print-directory bench-quick test

lint: setup ## format, style, types, import contracts, SQL, containers, YAML and the site; changes nothing
	@echo "==> Format (ruff format --check)"
	@$(BIN)/ruff format --quiet --check $(CODE) || { echo "Run 'make format'."; exit 1; }
	@echo "==> Style (ruff check)"
	@$(BIN)/ruff check --quiet $(CODE)
	@echo "==> Types (mypy)"
	@$(BIN)/mypy
	@echo "==> Import contracts (lint-imports)"
	@$(BIN)/lint-imports --no-logo
	@echo "==> SQL (sqlfluff lint)"
	@$(BIN)/sqlfluff lint sql
	@echo "==> Containers and YAML (hadolint, check-jsonschema, yamllint)"
	@$(BIN)/hadolint docker/Dockerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker/docker-compose.yml
	@$(BIN)/yamllint --strict .
	@$(MAKE) --no-print-directory docs

docs: setup ## build the documentation as a site into site/, without a warning
	@echo "==> Documentation (mkdocs build)"
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

##@ How fast, how good (benchmarks/README.md)

bench: bench-scoring bench-speed bench-loops bench-second-night bench-growth ## how fast, everything: hours; ARGUMENTS=--write fills benchmarks/README.md

bench-scoring: setup .venv/bench/.rivals ## ranking 100,000 users beside libraries
	@echo "==> Ranking 100,000 users"
	@$(BIN)/python -m benchmarks.scoring --rivals-python $(RIVALS) $(ARGUMENTS)

bench-speed: setup ## whole nights beside the script people would write; DATA=folder of data sets
	@echo "==> Whole nights beside thirty lines"
	@$(BIN)/python -m benchmarks.speed $(if $(DATA),--data "$(DATA)") $(ARGUMENTS)

bench-loops: setup ## training loops beside Keras fit
	@echo "==> Training loops"
	@$(BIN)/python -m benchmarks.training_loops $(ARGUMENTS)

bench-second-night: setup ## the second night beside a full one
	@echo "==> The second night"
	@$(BIN)/python -m benchmarks.second_night $(ARGUMENTS)

bench-growth: setup .venv/bench/.rivals ## nights of 2, 6 and 20 million events, and their plots
	@echo "==> Nights of growing logs"
	@$(BIN)/python -m benchmarks.growth --plots-python $(RIVALS) $(ARGUMENTS)

bench-quick: setup .venv/bench/.rivals ## fail where ranking or a night is slower beside its rivals than it should be
	@echo "==> Ranking and a night beside rivals"
	@$(BIN)/python -m benchmarks.quick --rivals-python $(RIVALS) $(ARGUMENTS)

bench-quality: setup .venv/bench/.rivals ## judge the published lists beside rivals; DATA=folder of data sets, ARGUMENTS=--help
	@echo "==> Judging the published lists (benchmarks/README.md says how)"
	@$(BIN)/python -m benchmarks.quality --rivals-python $(RIVALS) $(if $(DATA),--data "$(DATA)") $(ARGUMENTS)

##@ Now and then

lock: ## write the lock files again from pyproject.toml (needs uv; newer versions with LOCK_FLAGS=--upgrade)
	@command -v uv >/dev/null 2>&1 || { echo "make lock needs uv, which was not found."; echo "Install it (pip install uv) and try again."; exit 1; }
	@echo "==> Locking the runtime and the tools"
	@$(UV_COMPILE) pyproject.toml --extra postgres --extra mlflow --extra test --extra check --extra docs --extra build --output-file requirements.lock
	@for extra in bench gpu; do \
		echo "==> Locking what $$extra adds"; \
		uv run --quiet --no-project --python 3.11 python -c '$(PRINT_EXTRA)' $$extra | \
			$(UV_COMPILE) --constraints requirements.lock --output-file requirements-$$extra.lock - || exit 1; \
	done

clean: ## remove .venv and everything the tools left behind
	@echo "==> Removing .venv, caches and build leftovers"
	@rm -rf .venv build site *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# The lock names everything: with --no-deps pip looks for nothing newer than what it says of a package's extras.
#
# The stamps are written last, so an interrupted setup starts over. A new lock builds .venv anew; a new pyproject.toml
# installs only the project itself again.
.venv/.packages: requirements.lock
	@python=$$($(FIND_PYTHON)) && \
	echo "==> Creating .venv with $$("$$python" --version)" && \
	"$$python" -m venv --clear .venv
	@echo "==> Installing the packages of requirements.lock: about 3 GB on disk, one to five minutes"
	@$(PIP) install -qq --no-deps --require-hashes --only-binary :all: -r requirements.lock
	@touch $@

# An environment of their own: rivals must not move a version that nights run with. LightFM is built from source on Python 3.11,
# so a machine without a C compiler goes without it.
.venv/bench/.rivals: .venv/.packages requirements-bench.lock
	@echo "==> Installing the rivals"
	@$(BIN)/python -m venv --clear .venv/bench
	@.venv/bench/bin/python -m pip --disable-pip-version-check --no-input install -qq --require-hashes -r requirements-bench.lock || { \
		echo "Not all rivals could be installed; trying again without LightFM, which needs a C compiler."; \
		awk '/^[^ ]/ { skip = /^lightfm-next/ } !skip' requirements-bench.lock > .venv/bench/without-lightfm.lock; \
		.venv/bench/bin/python -m pip --disable-pip-version-check --no-input install -qq --require-hashes -r .venv/bench/without-lightfm.lock || \
			echo "The rivals could not be installed; those without packages of their own take part."; }
	@touch $@

.venv/.project: .venv/.packages pyproject.toml
	@echo "==> Installing nightly-recs itself"
	@$(PIP) install -qq --no-deps --no-build-isolation --editable .
	@touch $@
