# Set-up and the main jobs. `make run` and `make test` need nothing but Python 3.11, gcc and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests start the program dozens of times, which reads bytecode instead of compiling every module again.
unexport PYTHONDONTWRITEBYTECODE
READY := $(VENV)/.ready

.PHONY: run test pytest lint style types contracts validate docs bench clean

run: $(READY)
	$(BIN)/python -m linksim run scenarios/uma_28ghz.yaml

# The checks of lint one after the other beside the tests, so that no core waits for the longest of them.
test: $(READY)
	$(MAKE) --no-print-directory -j 2 pytest style contracts types

pytest: $(READY)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

# Types and import contracts side by side, one core each.
lint: $(READY)
	$(MAKE) --no-print-directory -j 2 --output-sync style types contracts

style: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports --no-cache

validate: $(READY)
	$(BIN)/python -m pytest -q -m validate

# The documentation, into build/docs, without a connection; a warning is an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "documentation: build/docs/index.html"

bench: $(READY)
	$(BIN)/python -m benchmarks

$(READY): setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
