# Everything starts from nothing but python3 (3.11 or newer, with venv), node, npm and make.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test ready check npm chromium proxies docs lab bench lock release hooks pictures clean

BIN := $(CURDIR)/.venv/bin
DONE := .make# stamp files: what is installed already
PIP_INSTALL = $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint tools/constraints.txt
EDITABLE = --config-settings editable_mode=compat --editable# so that editors see the package too
export PATH := $(BIN):$(PATH)

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */make \1\t/' | expand -t 14

run: $(DONE)/run  ## install what it needs and serve the demo
	@if command -v npm >/dev/null && $(MAKE) --silent --no-print-directory $(DONE)/js; then export ASSETS=local; \
	else echo 'npm is missing, so the demo takes its scripts and styles from the CDN.'; fi; exec $(BIN)/python -u examples/live.py

test:  ## every check: metadata, export, lint, notebooks, docs, tests
	@$(MAKE) --silent --no-print-directory --jobs=4 ready
	@exec $(BIN)/python tools/check.py

ready: npm $(DONE)/dev $(DONE)/neighbours/installed.txt $(DONE)/js chromium proxies

check: $(DONE)/dev $(DONE)/neighbours/installed.txt $(DONE)/js  ## some of the checks only, e.g. make check ONLY="lint notebooks"; ONLY=newest tries the newest releases, ONLY=fresh a first start
	@exec $(BIN)/python tools/check.py $(ONLY)

docs: $(DONE)/dev  ## build the documentation and serve it
	@$(BIN)/python tools/check.py site
	@exec $(BIN)/python tools/serve_docs.py $(or $(PORT),8000)

lab: $(DONE)/lab $(DONE)/js  ## JupyterLab on the notebooks
	@exec $(BIN)/jupyter lab $$([ "$$(id -u)" != 0 ] || echo --allow-root) nbs

bench: $(DONE)/bench $(DONE)/js  ## compare speed and memory with other libraries
	@$(BIN)/python bench/run.py $(ONLY)

lock: $(DONE)/dev $(DONE)/bench $(DONE)/lab  ## write down the versions that are installed now
	@$(BIN)/python tools/lock.py

release: npm $(DONE)/dev $(DONE)/neighbours/installed.txt $(DONE)/js chromium proxies  ## make a release on this machine (VERSION=x.y.z): lock, checks, changelog, archives in dist/, commit, tag
	@exec $(BIN)/python tools/release.py $(VERSION)

hooks: $(DONE)/dev  ## run the quick checks before each commit; clean notebooks, and merge them cell by cell
	@$(BIN)/nbdev-install-hooks
	@install -m 755 tools/hooks/pre-commit "$$(git rev-parse --git-path hooks)/pre-commit"

pictures: $(DONE)/dev $(DONE)/js chromium  ## write the pictures of the documentation anew
	@WRITE_PICTURES=1 $(BIN)/python -m pytest -q tests/browser/test_pictures.py tests/browser/test_home.py

clean:  ## remove what was built or installed
	rm -rf .make .venv node_modules _proc _docs build dist *.egg-info

npm:
	@command -v npm >/dev/null || { echo 'make test needs node with npm (Debian: apt-get install nodejs npm), and Chromium for the browser tests.'; exit 1; }

chromium:
	@tools/need_chromium

proxies: chromium  # one apt-get at a time
	@tools/need_proxies

# The environment, in layers: each stamp says that its layer is there and as new as the files it came from.

$(DONE)/venv:
	@mkdir -p $(DONE); [ -x $(BIN)/python ] || "$$(tools/find_python)" -m venv .venv; touch $@

$(DONE)/run: $(DONE)/venv settings.ini setup.py pyproject.toml tools/constraints.txt
	@echo 'Installing the library ...'
	@$(PIP_INSTALL) $(EDITABLE) '.[standard,db,html]' && touch $@

$(DONE)/dev: $(DONE)/venv settings.ini setup.py pyproject.toml tools/constraints.txt
	@echo 'Installing the library and its tools ...'
	@$(PIP_INSTALL) $(EDITABLE) '.[dev,docs,db,html,oauth,redis]' && touch $@ $(DONE)/run

$(DONE)/neighbours/installed.txt: $(DONE)/venv tools/neighbours.py tools/constraints.txt
	@echo 'Installing component libraries for the tests, apart from the environment ...'
	@$(BIN)/python tools/neighbours.py && touch $@

$(DONE)/lab: $(DONE)/dev
	@$(PIP_INSTALL) jupyterlab && touch $@

$(DONE)/bench: $(DONE)/dev
	@$(PIP_INSTALL) $(EDITABLE) '.[bench]' && touch $@

$(DONE)/js: package.json package-lock.json
	@command -v npm >/dev/null || { echo 'npm is needed (Debian: apt-get install nodejs npm)'; exit 1; }
	@mkdir -p $(DONE); npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --no-update-notifier && touch $@
