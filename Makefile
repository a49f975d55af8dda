# Two commands are the whole set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed-from-lock
export OMP_WAIT_POLICY = PASSIVE

.PHONY: demo test check lint types packages test-fast test-rest test-uses test-screens test-services test-stories versions faults bench screenshots setup lock clean

demo: setup
	$(BIN)/trainmaster demo flight-demo

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@$(BIN)/python -m compileall -q app flows
	@touch $@

check: setup lint types test-fast

lint: setup
	$(BIN)/ruff format --check app flows tests benchmarks screenshots
	$(BIN)/ruff check app flows tests benchmarks screenshots
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

PROPERTIES = tests/features/test_as_of.py tests/features/test_history.py tests/gateway/protocols
FAST = -q -m "not services and not faults and not speed"

test-fast: setup
	$(BIN)/python -m pytest $(FAST)

test-uses: setup
	$(BIN)/python -m pytest -p no:schemathesis $(FAST) tests/services

test-rest: setup
	$(BIN)/python -m pytest $(FAST) --ignore=tests/tui --ignore=tests/services

test-screens: setup
	$(BIN)/python -m pytest -p no:schemathesis $(FAST) tests/tui

SERVICES = -q -p no:schemathesis -m "services and not faults and not speed"
STORIES = tests/test_readme.py tests/test_steps.py
SERVED = setup packages

packages:
	.ci/packages

test-stories: $(SERVED)
	$(BIN)/python -m pytest $(SERVICES) $(STORIES)

test-services: $(SERVED)
	$(BIN)/python -m pytest $(SERVICES) tests $(STORIES:%=--ignore=%)

# Real services wait as much as they compute, so three parts run side by side on two cores, the longest first; each
# prints when it has ended. The packages come before them all: who waits for a job of its own begins last.
test: setup packages
	$(MAKE) SERVED=setup --jobs=3 --output-sync=target test-services test-stories test-uses test-rest test-screens types lint

# The fast tests on the other Pythons that are installed here, each in an environment of its own.
versions:
	@for version in 3.12 3.13; do \
	  if python$$version -c '' 2>/dev/null; then \
	    $(MAKE) test-fast VENV=.venv-$$version PYTHON=python$$version || exit 1; \
	  else echo "python$$version is not installed: skipped"; fi; \
	done

# The long loops, and the properties again on many more random cases.
faults: setup
	$(BIN)/python -m pytest -q -m faults --timeout 1800
	$(BIN)/python -m pytest -q -m "not faults" --timeout 1800 --hypothesis-profile many $(PROPERTIES)

bench: setup
	$(BIN)/python -m benchmarks

screenshots: setup
	$(BIN)/python -m screenshots.write flight-demo

lock:
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
