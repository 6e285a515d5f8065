# Two commands need nothing but Python 3.10+ and the package index: make demo, make test.
# PYTHON=python3.12 picks an interpreter, TORCH=... another PyTorch, PYTEST="-k faces" some tests.

PYTHON ?= python3
# The version the tests are run with. From PyPI on Linux it brings gigabytes of CUDA; without a GPU:
# make test TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0
PYTEST ?=
# Checks the types that the page's JavaScript has in comments.
TYPESCRIPT := 5.9.3

ifeq ($(OS),Windows_NT)
BIN := Scripts
else
BIN := bin
endif

DEMO := .venv-demo/$(BIN)
DEV := .venv/$(BIN)
PIP := -m pip --disable-pip-version-check --quiet

# $(call fresh,FOLDER): an empty environment, or one clear line where Python is too old or has no venv.
define fresh
@"$(PYTHON)" -c 'import sys; v = sys.version_info; v >= (3, 10) or sys.exit( \
    "livefer needs Python 3.10 or newer; %s is %d.%d. Name another: make PYTHON=python3.12" \
    % (sys.executable, v[0], v[1]))'
@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
    || { echo "this Python has no venv (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
@"$(PYTHON)" -m venv --clear $(1)
endef

.DEFAULT_GOAL := help
.PHONY: help demo test quick lint format pictures film card clean

help:  ## List these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target text; do \
	    printf '%-15s %s\n' "$$target" "$$text"; done

demo: .venv-demo/installed  ## Recognise the face in the shipped picture (runtime packages only)
	@$(DEMO)/livefer demo

test: .venv/installed  ## Run all tests
	$(DEV)/python -m pytest $(PYTEST)

quick: .venv/installed  ## Run the tests that are quick: about a minute
	$(DEV)/python -m pytest -m "not slow" $(PYTEST)

lint: .venv/installed  ## Check style, formatting and types
	$(DEV)/python -m ruff check
	$(DEV)/python -m ruff format --check
	$(DEV)/python -m mypy
	@if command -v npx >/dev/null; then echo "tsc -p jsconfig.json"; \
	    npx --yes --package typescript@$(TYPESCRIPT) tsc -p jsconfig.json; \
	else echo "The types of the page's JavaScript are not checked: there is no npx (install Node and npm)"; fi

format: .venv/installed  ## Mend style and formatting
	$(DEV)/python -m ruff check --fix
	$(DEV)/python -m ruff format

pictures: .venv-demo/installed  ## Make the README's pictures anew with the shipped model
	$(DEMO)/livefer image src/livefer/assets/astronaut.jpg --detector haar --out docs
	$(DEMO)/livefer explain src/livefer/assets/astronaut.jpg --detector haar -o docs/explained.jpg

film: .venv/installed  ## Make the moving picture anew: LONDON=DIR names the Face Research Lab London Set
	$(DEV)/python scripts/moving_picture.py "$(LONDON)" docs/live.webp

card: .venv/installed  ## Measure the shipped models, write MODEL_CARD.md and docs/card (long)
	PATH="$(CURDIR)/$(DEV):$$PATH" scripts/card

clean:  ## Remove both environments and every cache; data/, runs/ and out/ stay
	rm -rf .venv .venv-demo build dist .pytest_cache .mypy_cache .ruff_cache
	find src tests bench -name __pycache__ -prune -exec rm -rf {} +

# Made anew when pyproject.toml changes. The last line of each is what says that it is whole.
.venv-demo/installed: pyproject.toml
	$(call fresh,.venv-demo)
	@echo "Installing livefer into .venv-demo: runtime only, no PyTorch ..."
	@$(DEMO)/python $(PIP) install "pip>=21.3"
	@$(DEMO)/python $(PIP) install --editable .
	@touch $@

.venv/installed: pyproject.toml
	$(call fresh,.venv)
	@echo "Installing livefer with everything needed to develop it into .venv: some minutes ..."
	@$(DEV)/python $(PIP) install "pip>=21.3"
	@$(DEV)/python $(PIP) install $(TORCH)
	@$(DEV)/python $(PIP) install --editable ".[dev]"
	@touch $@
