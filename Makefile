# Everything a person or CI runs. Needs Python 3.11 or newer, make and a network to the package registry, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# TensorFlow talks a lot at import; errors still come through.
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: install demo check static unit test bench protos docs lock clean

install: $(INSTALLED)

$(INSTALLED): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tidegate needs Python 3.11 or newer; set PYTHON=")'
	@echo "Installing into $(VENV) (about 1 GB, TensorFlow included; a few minutes the first time)..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install
	$(BIN)/tidegate demo

# Static checks and unit tests side by side; under a minute on two cores.
check: install
	@mkdir -p build
	@$(MAKE) --no-print-directory --output-sync=target --jobs=2 unit static

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
	$(BIN)/python -m benchmarks

protos: install
	$(BIN)/python -m protos.generate

docs: install
	$(BIN)/python -m gateway.config.document

# Names, versions and hashes only; needs uv (pip install uv).
lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --quiet --output-file constraints.txt

clean:
	rm -rf build dist .mypy_cache .ruff_cache .hypothesis .tidegate *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
