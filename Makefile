# Everything a person or CI runs. Needs Python 3.11 to 3.13 (TensorFlow has no wheels beyond), make and a network to the
# package registry, once.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
  $(shell $(name) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) and print("$(name)")' 2>/dev/null)) python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# TensorFlow talks a lot at import; errors still come through.
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: install demo check static unit test bench protos docs lock clean

install: $(INSTALLED)

$(INSTALLED): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and \
	  "Tidegate needs Python 3.11, 3.12 or 3.13; say which: make PYTHON=python3.12 ...")'
	@echo "Installing into $(VENV) (about 2.6 GB, TensorFlow included; a few minutes the first time)..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install
	$(BIN)/tidegate demo

# Static checks and unit tests side by side; under a minute on two cores.
check: install
	@mkdir -p build
	@$(MAKE) --no-print-directory $(if $(filter output-sync,$(.FEATURES)),--output-sync=target --jobs=2) unit static

static:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > build/lint-imports.log 2>&1 || { cat build/lint-imports.log; exit 1; }
	@echo "import contracts kept"

unit:
	$(BIN)/pytest tests/unit tests/contracts -m "not slow"

test: check
	$(BIN)/pytest tests -m slow

bench: install
	@command -v h2load >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  apt-get install -y -qq --no-install-recommends nghttp2-client >/dev/null; } || \
	  echo "h2load (package nghttp2-client) is missing: using the slower generator of our own"
	$(BIN)/python -m benchmarks

protos: install
	$(BIN)/python -m protos.generate

docs: install
	$(BIN)/python -m gateway.config.document

# Names, versions and hashes only; needs uv (pip install uv).
lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --quiet --output-file constraints.txt

# Keeps .venv, and .tidegate: a gateway's rollouts live there.
clean:
	rm -rf build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
