# Works with GNU make 3.81, which macOS ships. ARGS="…" is handed on to the command behind a target.

PYTHON ?= $(shell for p in python3 python3.15 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN = .venv/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check
RUN = .venv/ready-to-run
TEST = .venv/ready-to-test

help:
	@echo 'make run            a filled demo at http://127.0.0.1:8000   ARGS="--port 9000 --data DIR"'
	@echo 'make setup          what quanbao needs, in .venv; then .venv/bin/quanbao serve'
	@echo 'make test           every test                              ARGS="-k wallet -x", one process: ARGS="-n0 --pdb"'
	@echo 'make test-fast      the rules and the pages on SQLite, without browsers'
	@echo 'make prove          every promise in its long form, an hour or two  ARGS="-k oversold"'
	@echo 'make lint           ruff and mypy                           ARGS="--fix"'
	@echo 'make lock           writes requirements*.txt anew           ARGS="--upgrade"'
	@echo 'make audit          asks the registries for known advisories of what is locked'
	@echo 'make assets         compresses the static files; run, setup and the tests call it'
	@echo 'make translations   brings the Chinese catalogue up to date'
	@echo 'make screenshots    draws the pictures in docs/'
	@echo 'make lighthouse     audits every page with Lighthouse        ARGS="-k wallet"'
	@echo 'make bench          measures beside yardsticks, hours        ARGS="--rounds 2 --seconds 2 --scale 0.01 redemption"'
	@echo 'make bench-peers    the same with pretix, which it installs in .venv/pretix'
	@echo 'make clean          removes .venv, caches and build leftovers'

# One after the other, also under -j: both set-ups write into the same .venv.
.NOTPARALLEL:

setup: $(RUN) assets

run: $(RUN) assets
	@$(BIN)/quanbao demo $(ARGS)

test: $(TEST) assets
	@sh tests/system-packages
	@$(BIN)/python -m pytest $(ARGS)

# Needs nothing of the system. What is left out, and what is marked `slow`, runs in `make test`.
FAST = not postgresql and not redis and not browser and not webkit and not firefox and not race and not promise and not slow
test-fast: $(TEST) assets
	@$(BIN)/python -m pytest -m '$(FAST)' $(ARGS)

prove: $(TEST) assets
	@sh tests/system-packages
	@LONG=1 $(BIN)/python -m pytest -n0 tests/proofs $(ARGS)

lint: $(TEST)
	@$(BIN)/ruff check $(ARGS) .
	@$(BIN)/mypy

assets: $(RUN)
	@$(BIN)/python web/compression.py

screenshots: $(TEST) assets
	@sh tests/system-packages
	@$(BIN)/python docs/screenshots.py $(ARGS)

# Node and Chromium only for this: 100 in all four categories on every page, mobile and desktop. A quarter of an hour.
LIGHTHOUSE = .venv/lighthouse/node_modules
lighthouse: $(TEST) assets $(LIGHTHOUSE)
	@sh tests/system-packages
	@$(BIN)/python -m pytest -n0 -q tests/lighthouse/pages.py $(ARGS)

$(LIGHTHOUSE): tests/lighthouse/package-lock.json
	@node -e 'const [major, minor] = process.versions.node.split("."); process.exit(+(major * 100 + +minor < 1816))' || { \
		echo 'Lighthouse needs Node 18.16 or newer: https://nodejs.org, or apt install nodejs npm' >&2; exit 1; }
	@mkdir -p .venv/lighthouse
	@cp tests/lighthouse/package.json tests/lighthouse/package-lock.json .venv/lighthouse
	@npm ci --prefix .venv/lighthouse --no-audit --no-fund --loglevel=error
	@touch $@

# Without dates, line numbers and guesses: the catalogue changes only when a text does.
CATALOGUE = web/translations/zh/LC_MESSAGES/messages.po
translations: $(TEST)
	@$(BIN)/pybabel --quiet extract --mapping babel.cfg --add-location file --sort-by-file \
		--keyword _l --keyword lazy_gettext --keyword lazy_ngettext:1,2 --keyword lazy_pgettext:1c,2 \
		--output .venv/messages.pot web quanbao
	@test -f $(CATALOGUE) || $(BIN)/pybabel --quiet init --locale zh -i .venv/messages.pot -d web/translations
	@$(BIN)/pybabel --quiet update --locale zh --ignore-obsolete --no-fuzzy-matching --ignore-pot-creation-date \
		-i .venv/messages.pot -d web/translations
	@$(BIN)/pybabel --quiet compile --locale zh -d web/translations

# Both sides of each ratio in the same run, on SQLite and PostgreSQL; without arguments all of it, in hours. Linux only.
bench: $(TEST) assets
	@$(BIN)/python -m bench $(ARGS)

# pretix from its package, with what it wants itself; nothing of it is ours to lock. Redemptions alone, unless ARGS says more.
bench-peers: $(TEST) assets .venv/pretix/ready
	@$(BIN)/python -m bench $(or $(ARGS),redemption)

.venv/pretix/ready: $(BIN)/python
	@echo 'Installing pretix in .venv/pretix, some minutes …'
	@"$(PYTHON)" -m venv --clear .venv/pretix
	@.venv/pretix/bin/python -m pip --quiet --disable-pip-version-check install pretix==2026.8.0 gunicorn==23.0.0
	@touch $@

# uv lives in a folder that is thrown away, so that running and testing need no uv.
# Stated on standard input: what an editable install without build isolation has to find.
lock: .venv/bin/python
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	$(BIN)/python -m venv "$$dir"; \
	"$$dir/bin/python" -m pip --quiet --disable-pip-version-check install uv; \
	compile() { printf 'setuptools>=77\nbrotli>=1.2.1\n' | "$$dir/bin/uv" pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --system-certs \
		--extra postgres --extra redis $(ARGS) "$$@" pyproject.toml - >/dev/null; }; \
	compile --output-file requirements.txt; \
	compile --extra test --constraint requirements.txt --output-file requirements-test.txt

# Asks the registries; where they cannot be asked, it fails and says so: that nothing was found is then no answer.
audit: .venv/bin/python
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	$(BIN)/python -m venv "$$dir"; \
	"$$dir/bin/python" -m pip --quiet --disable-pip-version-check install pip-audit; \
	failed=; for lock in requirements.txt requirements-test.txt; do \
		"$$dir/bin/pip-audit" --strict --progress-spinner off --require-hashes --disable-pip -r $$lock || \
			failed="$$failed $$lock"; \
	done; \
	(cd tests/lighthouse && npm audit --package-lock-only --audit-level=low) || failed="$$failed tests/lighthouse"; \
	if [ "$$failed" ]; then echo "NOT AUDITED, or with advisories (see above):$$failed" >&2; exit 1; fi

clean:
	@rm -rf .venv build dist web/compressed *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Wheels, each by its hash. One comes as source only: the pinned setuptools, installed before, builds it, so that nothing
# is fetched for that. --use-pep517, because an old pip would build it the old way.
STRICT = --require-hashes --only-binary :all: --no-binary http-ece --no-build-isolation
SETUPTOOLS = sed -n '/^setuptools==/,/[^\\]$$/p'

$(RUN): requirements.txt pyproject.toml $(BIN)/python
	@echo 'Setting up .venv, a minute or two the first time …'
	@$(SETUPTOOLS) requirements.txt | $(PIP) install $(STRICT) -r /dev/stdin
	@$(PIP) install $(STRICT) -r requirements.txt --use-pep517
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(TEST): requirements-test.txt pyproject.toml $(BIN)/python
	@echo 'Setting up .venv for the tests, a minute or two the first time …'
	@$(SETUPTOOLS) requirements-test.txt | $(PIP) install $(STRICT) -r /dev/stdin
	@$(PIP) install $(STRICT) -r requirements-test.txt --use-pep517
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $(RUN) $@

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Python 3.11 or newer is needed: install it, or name it: make PYTHON=/path/to/python3' >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks its venv module; on Debian: apt install python3-venv" >&2; exit 1; }
	@"$(PYTHON)" -m venv --clear .venv

.PHONY: help setup run test test-fast prove lint lock audit assets bench bench-peers lighthouse screenshots translations clean
