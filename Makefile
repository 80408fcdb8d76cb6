# Everything a bare Linux machine with Python 3.11 to 3.14 and make needs. `make help` lists the targets.

VENV    ?= .venv
PORT    ?= 8000
WORKERS ?= 2
TARGETS ?= 200
ARGS    ?=
BIN      = $(VENV)/bin
PRODUCT  = $(VENV)/.product-done
TOOLS    = $(VENV)/.tools-done
MADE_OF  = pyproject.toml constraints.txt tools/setup.sh

.DEFAULT_GOAL := help
# Processes that are started anew, and tests, find their modules compiled.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup demo test lint types tests fuzz faults soak night walk bench features screenshots wheel lock sbom security clean chromium

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(TOOLS)  ## make .venv and install Clearpost in it (quick when nothing changed)

$(TOOLS): $(MADE_OF)
	@tools/setup.sh $(VENV) dev
	@touch $(PRODUCT) $@

$(PRODUCT): $(MADE_OF)
	@tools/setup.sh $(VENV)
	@touch $@

demo: $(PRODUCT)  ## one month of a sample shop at http://127.0.0.1:8000, then in every target (PORT=8010 for another port, TARGETS=0 for the shop alone)
	@exec $(BIN)/clearpost demo --port $(PORT) --targets $(TARGETS) $(ARGS)

test: setup chromium  ## lint, types and every test, as CI runs them, and the processor time they took
	@$(BIN)/python tools/measured.py $(MAKE) --no-print-directory --jobs=3 lint types tests

# Each ceiling is today's figure: lower it in the commit that improves it, never raise it.
lint: setup  ## ruff, imports, and the ceilings of names, docstrings, parameters, modules and calls
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python tools/machine_paths.py
	@$(BIN)/python tools/names.py --ceiling 3.3
	@$(BIN)/python tools/names.py --folders tests --ceiling 14.0
	@$(BIN)/python tools/docstrings.py --ceiling 0.1
	@$(BIN)/python tools/parameters.py --limit 6 --max-length 60 --ceiling 135
	@$(BIN)/python tools/single_importers.py --ceiling 8
	@$(BIN)/python tools/path_of_one_order.py --max-modules 93 --max-functions 950 --max-depth 30

types: setup  ## mypy, strict
	@$(BIN)/mypy

# A module stays in one process, which shares its sample companies. The order of the files is kept, because the
# long modules of tests/acceptance come first.
tests: setup chromium  ## the tests alone (ARGS="-k webhook" narrows them, WORKERS=0 runs them in one process)
	@$(BIN)/pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz: setup  ## 20,000 random programs in both engines, 10,000 mutated files, each rule of each template broken, 300 calls to each operation of the API
	@CLEARPOST_FUZZ_PROGRAMS=20000 CLEARPOST_FUZZ_FILES=10000 CLEARPOST_FUZZ_LINES=all CLEARPOST_FUZZ_CALLS=300 $(BIN)/pytest -q -n 2 \
		tests/portal/api/test_schema.py tests/rules/codegen/test_compiled.py tests/grammar/parsing/test_mutated_files.py tests/rules/testing/test_breaking.py $(ARGS)

faults: setup  ## the fault suite F1 to F29 at the amounts of CI, nineteen planted bugs; ends with one line of JSON
	@$(BIN)/python tools/measured.py $(BIN)/python tools/faults.py $(ARGS)

security: setup  ## forged webhooks, private addresses, scripts in names, edited rows, limits, secrets in every place; ends with one line of JSON
	@$(BIN)/python tools/measured.py $(BIN)/python tools/security.py $(ARGS)

soak: setup  ## 100,000 records through two workers with all faults mixed in (CLEARPOST_SEED repeats one)
	@$(BIN)/python tools/faults.py --soak $(ARGS)

night: setup  ## 10,000 records through eight workers that are killed at random, on PostgreSQL; 2,000 through kills, a backup under load and an upgrade; 100 chains; 10,000 built; 50,000 uploaded; runs and codes of 100,000 searched; 25,000 invoices of 20 lines sent; the month in every target, within 500 MB
	@CLEARPOST_MANY=10000 CLEARPOST_TRIAL=2000 CLEARPOST_CHAINS=100 CLEARPOST_BUILT=10000 CLEARPOST_UPLOADED=50000 CLEARPOST_FOUND=100000 CLEARPOST_TYPED_ITEMS=100000 CLEARPOST_INVOICES=25000 CLEARPOST_TARGETS=1000 $(BIN)/python tools/measured.py \
		$(BIN)/pytest -q -n 0 --durations 3 tests/acceptance/test_many_workers.py tests/acceptance/test_trial.py tests/acceptance/test_partial.py \
		tests/acceptance/test_bench.py tests/acceptance/test_large_uploads.py tests/acceptance/test_run_search.py \
		tests/holding/mappings/test_typing.py tests/acceptance/test_many_invoices.py \
		tests/acceptance/test_demo.py tests/acceptance/test_demo_weight.py -k "every_target or H02 or an_upgrade or E34 or H09 or A17 or C22 or fifty_milliseconds or 25_000" $(ARGS)

chromium:
	@tools/chromium.sh

walk: setup chromium  ## every screen, state and role of tests/browser/walk.toml; a new company in the browser, both pairs; each page under axe
	@CLEARPOST_WALK=all $(BIN)/python tools/measured.py $(BIN)/pytest -q -n 0 --durations 3 tests/browser/test_walk.py \
		tests/portal/web/test_walk_table.py tests/acceptance/test_from_nothing.py $(ARGS)

bench: setup  ## measured in one run, the last line is one JSON object
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@$(BIN)/clearpost bench --json $(ARGS)

features: setup chromium  ## every row of docs/features.md has a passing acceptance test, and the reverse
	@$(BIN)/python tools/features.py $(ARGS)

screenshots: setup chromium  ## the pictures of docs/, taken from a running demo
	@$(BIN)/python tools/screenshots.py $(ARGS)

wheel: setup  ## build the package into dist/
	@$(BIN)/pip wheel --quiet --no-deps -w dist .

lock: setup  ## write deploy/requirements.lock: every dependency with the hashes of its files, at the versions of constraints.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile pyproject.toml --extra sql --constraint constraints.txt --universal --generate-hashes --quiet \
		--no-header --no-annotate --no-emit-index-url --python-version 3.11 --output-file deploy/requirements.lock

sbom: setup  ## write dist/sbom.cdx.json (CycloneDX, from the lock file) and NOTICE
	@PYTHONPATH=. $(BIN)/python tools/sbom.py $(ARGS)

clean:  ## remove what was built; data in CLEARPOST_HOME stays
	@rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
