# Everything a newcomer needs: `make run` starts the demo, `make test` runs the tests.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup run test bench bench-quick lint lock
setup: .venv/.ready
run: setup
	@$(BIN)/ctigw demo
test: setup
	@tests/system-packages
	@$(BIN)/python -m pytest
bench: setup
	$(BIN)/python -m simulators.load --json var/bench.json
bench-quick: setup
	$(BIN)/python -m simulators.load --quick
lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ctigw needs Python 3.11 or newer: make PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing the pinned packages into .venv (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# for those who change a dependency: needs uv
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --all-extras \
	  --no-emit-index-url pyproject.toml -o requirements.lock
