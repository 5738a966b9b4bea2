# make demo: separate a real song. make test: what CI runs. make check: linters, types
# and the documentation. make docs: the documentation alone, into site/.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable

DOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
EXAMPLE := from stemtree.separation.splitters.spleeter_weights import example_song; print(example_song())

.PHONY: demo test check docs

demo: .venv/installed
	$(BIN)/stemtree separate "$$($(BIN)/python -c '$(EXAMPLE)')" --output demo --overwrite

test: .venv/installed-dev
	$(BIN)/pytest

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(DOCS)

docs: .venv/installed-dev
	$(DOCS)

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) .
	touch $@

.venv/installed-dev: .venv/installed
	$(INSTALL) '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps --constraint constraints.txt unblend  # it requires an older typer
	touch $@
