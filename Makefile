# Everything a developer types. Needs make and Python 3.11 or newer; the rest is installed into .venv
# and ui/web/node_modules. FOLDLINE_NODE=/path/to/node uses a Node of your own, PYTHON=… a Python.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
WEB := $(BIN)/python ui/hatch_build.py
SETUP := .venv/.ready
FRAMEWORKS := .venv/.frameworks
comma := ,
EXTRAS := demo,test$(if $(FOLDLINE_NODE),,$(comma)web)

.PHONY: help demo screens test test-integrations faults check bench web docs clean

help:
	@echo "make demo    train two dozen small models and watch them in the browser"
	@echo "make test    everything a change must pass: lint, types, layers, front-end, tests"
	@echo "make test-integrations"
	@echo "             train with every framework that has a callback; installs 1.3 GB, torch among it"
	@echo "make faults  inject every fault of docs/reliability.md, hundreds of kills among them; takes long"
	@echo "make check   only lint, types and layers"
	@echo "make bench   measure, print the tables, write benchmarks/results"
	@echo "make screens take pictures of every page in every state, into build/screens"
	@echo "make web     build the front-end if its sources changed"
	@echo "make docs    write the documents that are made from the sources"
	@echo "make clean   remove everything that was built or installed here"

demo: web
	$(BIN)/foldline demo

# CI trains with the frameworks too; a developer asks for that, as they are large.
test: check web $(if $(CI),$(FRAMEWORKS))
	$(WEB) npm run check
	$(WEB) npm test
	$(BIN)/python -m pytest $(if $(CI),,--ignore=tests/integrations)

test-integrations: $(FRAMEWORKS)
	$(BIN)/python -m pytest tests/integrations

# Every test that injects a fault, those marked `long` too. Full disks and power cuts are real ones,
# on file systems made for them, where this is run as root on Linux.
faults: web
	$(BIN)/python -m pytest -m "" tests/faults tests/golden tests/properties tests/remote \
		tests/ingest tests/lifecycle tests/values/test_spool.py tests/capture/test_deaths.py \
		tests/views/test_contract.py tests/views/test_purge.py tests/views/text/test_oracle.py \
		tests/operations tests/fuzz

check: $(SETUP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

bench: web
	$(BIN)/python -m benchmarks

screens: web
	$(BIN)/python -m tests.browser.gallery

web: $(SETUP)
	$(WEB)

docs: $(SETUP)
	$(BIN)/python -m tests.limits > docs/limits.md

clean:
	rm -rf .venv ui/web/node_modules ui/foldline_ui/static dist .mypy_cache .pytest_cache \
		.ruff_cache .hypothesis tests/screens build
	find tracker ingest views ui/foldline_ui tests benchmarks -name __pycache__ -prune \
		-exec rm -rf {} +

# Set-up is done again only when what it installs from has changed. The front-end is left to `web`,
# which needs the Node that is installed here.
$(SETUP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer; set PYTHON=/path/to/python"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	FOLDLINE_UI=skip $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(EXTRAS)]'
	@touch $@

$(FRAMEWORKS): $(SETUP)
	FOLDLINE_UI=skip $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-e '.[integrations]'
	@touch $@
