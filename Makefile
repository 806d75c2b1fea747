# Every command that people and CI use. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= $(shell python3.13 -c 'print("python3.13")' 2>/dev/null || echo python3)
PORT ?= 8080
STAGE ?= dev
ARCH ?= arm64
CALLS ?= 200
UV_VERSION := 0.13.9
SAM_VERSION := 1.170.0
MINISTACK_VERSION := 1.5.33
TRANSLATOR_VERSION := 1.115.0

BIN := .venv/bin
UV := $(BIN)/uv
export MOTO_DISABLE_GLOBAL_CORS := true
export SAM_CLI_TELEMETRY := 0

.PHONY: help setup run usage test check fmt lint types arch template lock build ministack rehearse faults deploy redrive \
	replay_unsettled clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/ready ## create the environment, .venv

.venv/ready: pyproject.toml uv.lock .python-version
	@echo "Creating the environment in .venv (the first time this takes a minute) …"
	@$(PYTHON) -c 'import sys; sys.version_info[:2] == (3, 13) or sys.exit(f"Python 3.13 is needed, this is {sys.version}")'
	@test -x $(UV) || { $(PYTHON) -m venv .venv && $(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }
	@$(UV) sync --frozen --quiet
	@touch $@

run: setup ## the API on localhost, with an embedded AWS, a demo tenant and an offline provider
	@$(BIN)/python -m local --port $(PORT)

usage: setup ## what TENANT has used of the stack of STAGE (ARGS="--since 2026-11-01 --group-by type --plot usage.svg …")
	@$(BIN)/python -m tools.usage --stack tenant-llm-$(STAGE) --tenant "$(TENANT)" $(ARGS)

test: setup ## all tests
	@$(BIN)/pytest

check: setup lint types arch template test ## everything that has to hold before a commit

fmt: setup ## format and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lint: setup ## formatting and lints
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: setup ## mypy, strict
	@$(BIN)/mypy

arch: setup ## who may import whom
	@$(BIN)/lint-imports --no-cache

template: setup ## cfn-lint on template.yaml and monitoring.yaml
	@$(BIN)/cfn-lint template.yaml monitoring.yaml

lock: setup ## renew uv.lock and what is made from it
	@$(UV) lock --upgrade
	@$(UV) export --quiet --frozen --no-dev --no-emit-project --no-annotate --no-header -o layers/dependencies/requirements.txt
	@$(BIN)/python tools/provider_table.py

# A cache for each architecture: SAM's key does not hold what the layer's Makefile reads from the environment.
build: setup .sam/ready ## sam build into .aws-sam, then import what was built (ARCH=arm64 or x86_64)
	@echo "Building the functions and the two layers for $(ARCH) …"
	@PATH="$(CURDIR)/$(BIN):$$PATH" ARCH=$(ARCH) .sam/bin/sam build --cached --cache-dir .aws-sam/cache/$(ARCH) \
		--parameter-overrides Architecture=$(ARCH)
	@$(BIN)/python -m tools.check_build $(ARCH)

.sam/ready: Makefile
	@echo "Installing the SAM CLI in .sam …"
	@$(PYTHON) -m venv .sam && .sam/bin/pip install --quiet --disable-pip-version-check aws-sam-cli==$(SAM_VERSION)
	@touch $@

ministack: .ministack/ready ## the atomic emulator that some integration tests ask for, in .ministack
.ministack/ready: Makefile
	@echo "Installing ministack in .ministack …"
	@$(PYTHON) -m venv .ministack && .ministack/bin/pip install --quiet --disable-pip-version-check \
		ministack==$(MINISTACK_VERSION) aws-sam-translator==$(TRANSLATOR_VERSION)
	@touch $@

rehearse: build ministack ## deploy the build to the emulator and call it (ARCH as this machine's processors)
	@$(BIN)/python -m tools.rehearse $(ARCH)

faults: setup ministack ## what is counted while clients, providers, DynamoDB and SQS fail (CALLS=200 each)
	@$(BIN)/python -m benchmarks.faults --calls $(CALLS)

deploy: build ## sam deploy as the stack tenant-llm-STAGE (STAGE=dev, ARCH=arm64, PARAMETERS="Name=value …")
	@.sam/bin/sam deploy --stack-name tenant-llm-$(STAGE) \
		--parameter-overrides Stage=$(STAGE) Architecture=$(ARCH) $(PARAMETERS)

redrive: setup ## move settlements from the dead-letter queue back to the usage queue (STAGE=dev)
	@$(BIN)/python -m tools.redrive $(STAGE)

replay_unsettled: setup ## book settlements that are only in logs (STAGE=dev, FILE=… or SINCE=… UNTIL=…, DRY_RUN=1)
	@$(BIN)/python -m tools.replay_unsettled $(STAGE) $(FILE) \
		$(if $(SINCE),--since $(SINCE)) $(if $(UNTIL),--until $(UNTIL)) $(if $(DRY_RUN),--dry-run)

clean: ## remove what the commands above have made
	@rm -rf .venv .sam .ministack .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
