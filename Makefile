# make demo: the study on embedded data, and the report.  make test: the tests.  make help: the rest.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test slow check docs replicate bench constraints clean
help: ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /: /'

demo: .venv/installed ## install, run the study of weight initialisation, write the report
	$(BIN)/python experiments/init_schemes.py
	$(BIN)/python -m reports
	@echo "MLflow: start the \`mlflow ui\` printed above ($(BIN)/mlflow) and open its link; the report opens in any browser."

test: .venv/dev ## install with the dev extra, run the tests but for slow ones and those on real data
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'not slow and not real_data'

slow: .venv/dev ## run the others; DATA_ROOT=folder for real data
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'slow or real_data'

check: .venv/dev ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: .venv/dev ## the pages of docs/ as a site, site/index.html; a link that leads nowhere is an error
	$(BIN)/zensical build --clean --strict

# A study that fails is named at the end and stops no other; the page then shows what there is.
replicate: .venv/installed ## a verdict on every claim; DATA_ROOT=folder WEIGHTS=file for real data (an hour), BUDGET=8h for more seeds
	@status=0; $(BIN)/python -m reports replicate $(if $(BUDGET),--budget '$(BUDGET)',--all) \
	  $(if $(DATA_ROOT),--data-root '$(DATA_ROOT)') $(if $(WEIGHTS),--weights '$(WEIGHTS)') \
	  || status=$$?; test $$status -gt 128 || $(BIN)/python -m reports; exit $$status

bench: .venv/installed ## measure speed, side by side (python -m benchmarks --help)
	$(BIN)/python -m benchmarks

constraints: .venv/dev ## pin what is installed now, by name and version
	$(BIN)/python -m pip freeze --exclude-editable > constraints.txt

clean: ## remove what is made here, not the runs
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis reports/out site

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  f"PYTHON={sys.executable}: Python {sys.version.split()[0]}, 3.11 or later is wanted")'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[explain]'
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev,dask,explain,hf,ray,slurm]'
	@touch $@ .venv/installed
