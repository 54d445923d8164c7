# The commands of the project; `make` lists them.

VENV := .venv
BIN := $(VENV)/bin
# The Python of a version, found by running it, since a name on the PATH may not run.
python_of = $(shell for each in python$(1) "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(1).*/bin/python; do \
	"$$each" -c 'import ensurepip, sys, venv; sys.exit("%d.%d" % sys.version_info[:2] != "$(1)")' \
		2>/dev/null && echo "$$each" && break; done)
PYTHON ?= $(or $(call python_of,3.11),$(shell command -v python3))
INSTALLED := $(VENV)/.installed
FRONTEND := $(BIN)/python workbench/notebook/frontend/build_hook.py
PYTEST := $(BIN)/python -m pytest
# The environments of test-oldest and test-newest; SELECTION="tests/data -m 'not slow'" runs a part.
OLDEST := .venv-oldest
NEWEST := .venv-newest
SELECTION ?=
PROCESSES ?= auto
RANGE_TESTS = -m pytest -n $(PROCESSES) --maxprocesses 4 --dist loadfile -m "not browser" \
	--durations 20 $(SELECTION)
# The code of the project; a user's own notebooks are not checked.
CODE = $(or $(shell git ls-files '*.py' '*.ipynb' 2>/dev/null),.)
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo -n)

# Torch's OpenMP workers spin at barriers, which starves the other processes of a test run.
export OMP_WAIT_POLICY := passive

.DEFAULT_GOAL := help
.PHONY: help install lab test test-oldest test-newest check format stubs references notebooks browser bench clean

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: $(INSTALLED) ## Make .venv with the pinned versions, and bundle the front end
	@$(FRONTEND)

lab: install ## Open JupyterLab on the workbench; ARGS="--port 9999" passes options on
	@$(BIN)/python -m workbench.notebook.lab notebooks/00-start.ipynb $(ARGS)

test: check chromium ## Run everything: checks, tests, notebooks, browser
	$(PYTEST) -n auto --maxprocesses 4 --dist loadfile -m "not browser" --durations 20
	$(PYTEST) -m browser --durations 20

# Where the Python is missing, the target says so and fails; in CI the tests are skipped.
test-oldest: ## Run the tests with the lowest versions that are allowed; SELECTION="tests/data"
	@if test -n "$(call python_of,3.11)"; then $(MAKE) --no-print-directory oldest; else \
		echo "Python 3.11 is missing, with which the lowest versions are tested;" \
			"try: apt-get install python3.11-venv"; test -n "$$CI"; fi

test-newest: ## Run the tests with the newest versions, on Python 3.13 and without torch
	@if test -n "$(call python_of,3.13)"; then $(MAKE) --no-print-directory newest; else \
		echo "Python 3.13 is missing, with which the newest versions are tested;" \
			"try: pyenv install 3.13, or apt-get install python3.13-venv"; test -n "$$CI"; fi

check: install ## Check format, lint, types of Python and TypeScript, and imports
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/python -m workbench.api.stubs --check
	$(FRONTEND) check
	$(PYTEST) -q tests/test_imports.py

stubs: install ## Generate the types of fit and the public names of models from their options
	$(BIN)/python -m workbench.api.stubs

format: install ## Bring the code into its format, and repair what lint can
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

# Debian has every package of R but fixest, which comes from CRAN; without it its figures stay.
references: install ## Compute again the figures of R packages that tests compare with
	@command -v Rscript >/dev/null || { echo "R is missing; try: apt-get install r-base-core" \
		r-cran-mass r-cran-ordinal r-cran-pscl r-cran-vgam r-cran-numderiv r-cran-jsonlite; exit 1; }
	cd tests/models/templates/r && $(abspath $(BIN))/python make_data.py && Rscript make_expected.R
	@if Rscript -e 'quit(status = !requireNamespace("fixest", quietly = TRUE))' 2>/dev/null; then \
		cd tests/models/fixed_effects/fixest && $(abspath $(BIN))/python make_data.py && \
		Rscript make_expected.R; else echo "fixest is not installed; its figures stay."; fi

notebooks: install ## Execute the notebooks from top to bottom
	$(PYTEST) -m notebook

browser: install chromium ## Run the browser tests alone
	$(PYTEST) -m browser

bench: install ## Run all benchmarks and write the table of docs/performance.md
	$(BIN)/python -m benchmarks

clean: ## Remove what was built, the environment included
	rm -rf $(VENV) $(OLDEST) $(NEWEST) workbench/notebook/static workbench/notebook/frontend/node_modules dist

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 is missing; try: apt-get install python3.11-venv"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "This Python makes no environments; try: apt-get install python3-venv"; exit 1; }
	@$(MAKE) --no-print-directory old-name
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[all,test]'
	@$(BIN)/python -m mle_workbench >/dev/null
	@touch $@

.PHONY: oldest newest
oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python $(RANGE_TESTS)

newest: $(NEWEST)/.installed
	$(NEWEST)/bin/python $(RANGE_TESTS) --ignore workbench/backends/torch_backend.py

$(OLDEST)/.installed: pyproject.toml constraints-oldest.txt
	$(call python_of,3.11) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --constraint constraints-oldest.txt --editable '.[all,test]'
	@touch $@

# PyPI's wheels of torch for this Python are those with CUDA, some gigabytes.
$(NEWEST)/.installed: pyproject.toml constraints-newest.txt
	$(call python_of,3.13) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install --constraint constraints-newest.txt \
		--editable '.[jax,fixed-effects,lab,sql,excel,test]'
	@touch $@

# The distribution was called workbench before it was called mle-workbench.
.PHONY: old-name
old-name:
	@if $(BIN)/python -m pip show workbench 2>/dev/null | grep -q '^Author: The workbench authors'; then \
		$(BIN)/python -m pip uninstall --yes workbench; \
	fi

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || { \
		$(SUDO) apt-get update && \
		$(SUDO) apt-get install --yes --no-install-recommends chromium fonts-dejavu-core; \
	} || { echo "The browser tests need Chromium; try: apt-get install chromium"; exit 1; }
