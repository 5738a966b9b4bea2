# make demo: separate a real song. make test: what CI runs. make check: linters, types
# and the documentation. make docs: the documentation alone, into site/. make page: the
# listening page's program, from web/ into the package.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable

DOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
EXAMPLE := from stemtree.separation.splitters.spleeter_weights import example_song; print(example_song())

.PHONY: demo test check docs page

demo: .venv/installed
	$(BIN)/stemtree separate "$$($(BIN)/python -c '$(EXAMPLE)')" --output demo --overwrite --page

test: .venv/installed-dev web/node_modules
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile  # a process a core; more threads would wait for each other

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python web/scripts/check_bundle.py
	$(DOCS)

docs: .venv/installed-dev
	$(DOCS)

page: web/node_modules
	cd web && npm run check && npm test && npm run build

# Without Node.js the tests of the page in a browser are skipped, but not in CI.
web/node_modules: web/package-lock.json
	if command -v npm >/dev/null; then cd web && npm ci --silent --no-audit --no-fund; else mkdir -p $@; fi
	touch $@

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) .
	touch $@

.venv/installed-dev: .venv/installed
	$(INSTALL) '.[dev]'
	touch $@
