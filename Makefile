# Two commands do everything: `make run` and `make test`. Each sets up what it needs.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Else every process that a test starts, and every test run, compiles the same files again
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run hosted-demo check quick coverage test test-deep test-hosted bench packages lock

# The demo's history is made first, where the demo is what is shown: eight seconds, or the months that have begun since.
# The entry for hosting imports everything before it answers. Else the first visitor waits for both.
run: .venv/.run
	-@$(BIN)/python -m lib.capture
	@$(BIN)/streamlit run asgi.py

# nginx, two replicas, sign-in and made-up data on loopback, from the files in hosting/.
hosted-demo: .venv/.run
	@$(BIN)/python -m lib.demo.hosted

setup: .venv/.dev .venv/judges/.done

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The inner loop: tests without server or browser that take less than a second, with a few examples of each law.
quick: .venv/.dev
	HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest tests/pure tests/laws --dist=worksteal -m "not dear" $(ARGS)

test:
	$(MAKE) --no-print-directory -j2 packages check .venv/judges/.done
	$(BIN)/python -m pytest --ignore=tests/hosting $(ARGS)

# Branches of lib that tests without servers and browsers take, the ledger's in a folder among them; counting doubles their
# time, so not in `make test`.
coverage: .venv/.dev
	HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest tests/pure tests/laws $(IN_A_FOLDER) --dist=worksteal -m "not dear" \
		-k "not postgres and not s3" --cov=lib --cov-branch $(ARGS)

IN_A_FOLDER := $(foreach part,keeping transfer exported places gaps months_gone openai_days versions lines rule_sets,tests/servers/test_ledger_$(part).py) \
	tests/servers/test_cli_cost_centres.py tests/servers/test_cli_overview.py

# Twenty times the examples of each law, for the night.
test-deep: .venv/.dev
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest tests/pure tests/laws tests/servers $(ARGS)

# The hosted dashboard behind nginx: links, faults, replicas; then many people at once, who take both cores.
test-hosted: .venv/.dev packages
	$(BIN)/python -m pytest tests/hosting --ignore=tests/hosting/test_load.py $(ARGS)
	$(BIN)/python -m pytest tests/hosting/test_load.py --numprocesses=0 $(ARGS)

bench: .venv/.dev
	$(BIN)/python -m bench $(ARGS)

# .venv/bin/pip comes first: it may call apt-get too, which cannot run twice at once.
packages: .venv/bin/pip
	sh tests/system-packages.sh

# Renews all lock files from requirements*.txt. With extras: without them older pips ask PyPI which release has the
# extra, find a newer one and refuse it for want of a hash.
lock: .venv/bin/pip
	$(BIN)/uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-o requirements-uv.lock requirements-uv.txt
	$(BIN)/uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-o requirements.lock requirements.txt
	$(BIN)/uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-o requirements-dev.lock requirements.txt requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-o requirements-judges.lock requirements-judges.txt

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; \
		else echo "Please install venv: sudo apt-get install python3-venv"; exit 1; fi; }
	$(PYTHON) -m venv .venv
	-$(BIN)/pip install --quiet --require-hashes -r requirements-uv.lock

# A link and no package: nothing to build, nothing to download, and python starts without one more finder of modules
.venv/bin/ai-usage: | .venv/bin/pip
	@ln -sf ../../bin/ai-usage $@

# uv takes a third of the time of pip, but does not know the mirrors and proxies of pip.conf: then pip does it
install = $(BIN)/uv pip install --quiet --compile-bytecode --python $(1)/bin/python --require-hashes -r $(2) \
	|| $(1)/bin/python -m pip install --quiet --require-hashes -r $(2)

.venv/.run: .venv/bin/pip requirements.lock | .venv/bin/ai-usage
	$(call install,.venv,requirements.lock)
	@touch $@

.venv/.dev: .venv/bin/pip requirements-dev.lock | .venv/bin/ai-usage
	$(call install,.venv,requirements-dev.lock)
	@touch $@ .venv/.run

.venv/judges/.done: .venv/bin/pip requirements-judges.lock
	$(BIN)/python -m venv .venv/judges
	$(call install,.venv/judges,requirements-judges.lock)
	@touch $@
