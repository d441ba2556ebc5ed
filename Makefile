# The workshop of latentum.ops. `make help` lists the targets; everything they need, they install or build themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
BIN := .venv/bin
SCENARIO ?=
# 1: the tests marked `matrix` run as well (tests/tools/matrix.py).
MATRIX ?=
export MATRIX
# Bytecode is kept, whatever the shell says: without it each process compiles the tests and the engine anew.
export PYTHONDONTWRITEBYTECODE :=
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.collections
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# The collection as Ansible and Python import it: …/ansible_collections/latentum/ops
LINK := .collections/ansible_collections/latentum/ops
# Outside the checkout: ansible-test would otherwise ask git, which ignores the copy.
SANITY_TREE := $(or $(TMPDIR),/tmp)/latentum-ops-sanity/ansible_collections/latentum/ops

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: prerequisites
prerequisites:
	@$(PYTHON) tests/hosts/prerequisites.py

.venv/.installed: requirements-dev.txt | prerequisites
	@echo "toolchain: installing the pinned versions into .venv (a minute or two, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --requirement requirements-dev.txt
	@touch $@

$(LINK):
	@mkdir -p $(@D) && ln -sfn ../../.. $@

.PHONY: toolchain
toolchain: prerequisites .venv/.installed $(LINK)

.PHONY: demo
demo: toolchain ## From a clean clone to a production in a throw-away host, answering over verified TLS
	@$(BIN)/python tests/demo/demo.py up

.PHONY: demo-bad-release
demo-bad-release: toolchain ## On the demo's host: a release that fails under load, and takes itself back
	@$(BIN)/python tests/demo/bad_release.py

.PHONY: demo-mail
demo-mail: toolchain ## The mail that the demo's host has sent
	@$(BIN)/python tests/demo/received_mail.py

.PHONY: demo-down
demo-down: toolchain ## Remove the demo host and all that came with it
	@$(BIN)/python tests/demo/demo.py down

.PHONY: test
test: toolchain ## Everything that CI checks: lint, unit, sanity, artifact, browser, Molecule
	@tests/tools/lanes.sh

.PHONY: test-all
test-all: ## Everything of `make test`, and the tests marked `matrix`: before an issue is closed, and each night
	@$(MAKE) --no-print-directory test MATRIX=1

.PHONY: nightly
nightly: toolchain ## `make test-all`, `make bench` and `make audit`, each to its end whatever the others say
	@$(MAKE) --no-print-directory --keep-going test-all bench audit

.PHONY: lint
lint: toolchain ## ansible-lint (production), yamllint, ruff, mypy (strict), vermin, shellcheck, documentation
	yamllint --strict .
	ruff check .
	ruff format --check .
	cd .collections && mypy --config-file ../pyproject.toml -p ansible_collections.latentum.ops.plugins
	vermin --target=3.10- --violations --no-tips plugins/module_utils plugins/modules
	git ls-files -z '*.sh' .ci/run | xargs -0 -r shellcheck
	python tests/tools/role_readme.py --check
	antsibull-changelog lint
	python tests/tools/contract_docs.py --check
	python tests/tools/runbook_pages.py --check
	python tests/tools/declaration_docs.py --check
	python tests/tools/hardening_docs.py --check
	antsibull-docs lint-collection-docs --plugin-docs .
	ansible-lint --offline --profile production

.PHONY: unit
unit: toolchain ## Unit tests of the engine, the modules and the filters
	tests/tools/unit.sh

.PHONY: sanity
sanity: toolchain ## ansible-test sanity on a copy of the tree, without any ignore file
	tests/tools/sanity.sh $(SANITY_TREE)

.PHONY: artifact
artifact: toolchain ## Build the collection, install it elsewhere, run its playbooks by FQCN
	python -m pytest tests/artifact

.PHONY: browser
browser: toolchain ## The status page in a real headless browser
	python tests/hosts/hosts.py services
	python -m pytest tests/browser

.PHONY: guide
guide: toolchain ## Getting started, followed word by word on bare hosts (a part of `make test-all`)
	python -m pytest tests/guide

.PHONY: molecule
molecule: toolchain ## Molecule on real throw-away hosts: all scenarios, or SCENARIO=name
	tests/tools/lanes.sh molecule $(SCENARIO)

.PHONY: docs
docs: toolchain ## Write what is generated: the role tables of the READMEs, the options of modules, the reference of the declaration
	python tests/tools/role_readme.py
	python tests/tools/contract_docs.py
	python tests/tools/runbook_pages.py
	python tests/tools/declaration_docs.py
	python tests/tools/hardening_docs.py

.PHONY: bench
bench: toolchain ## Measure provisioning, no-change runs, rollouts under load, the watchdog and backups, or BENCH=name; JSON and a picture in .artifacts/bench
	python tests/bench/run.py $(BENCH)

.PHONY: audit
audit: toolchain ## Lynis, CIS and ANSSI on bare hosts and after `site.yml`: a table, JSON in .artifacts/audit, floors and exceptions (half an hour)
	python tests/audit/audit.py

.PHONY: kills
kills: toolchain ## SIGKILL at 60 random moments of rollouts under load (half an hour)
	python tests/bench/kills.py

.PHONY: clean
clean: ## Remove hosts, networks and images of the tests, and the caches of this checkout
	@test ! -x $(BIN)/python || $(BIN)/python tests/hosts/hosts.py clean --images
	rm -rf .cache .artifacts .demo
