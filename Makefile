# Everything runs in .venv, which is made on first use; nothing outside this folder is touched.

# The Python that .venv is made with; to change it later, `make clean` first.
PYTHON ?= python3
# Extra arguments for what demo, lab, notebooks, test, coverage, mutants or bench runs.
ARGS ?=

VENV := .venv
RUN  := $(VENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo lab test notebooks dev lint format types coverage mutants fuzz bench clean
# Two installations into one environment must not run at the same time, even under `make -j`.
.NOTPARALLEL:

help:      ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.demo      ## train a small network and write its pictures to out/
	$(RUN) -m nn demo --out out $(ARGS)

lab: $(VENV)/.notebooks  ## open the notebooks in JupyterLab
	$(RUN) -m jupyterlab notebooks $(ARGS)

test: $(VENV)/.test      ## run the tests; for pytest options: make test ARGS="-k word"
	$(RUN) -m pytest $(ARGS)

notebooks: $(VENV)/.notebooks  ## run the notebooks' scripts, notebooks/src/, and keep their outputs
	$(RUN) notebooks/build.py $(ARGS)

dev: $(VENV)/.dev        ## install everything that a contributor needs

lint: $(VENV)/.dev       ## check style and formatting
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: $(VENV)/.dev     ## mend what the linter can mend, and format
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

types: $(VENV)/.dev      ## check types
	$(RUN) -m mypy

coverage: $(VENV)/.dev   ## run the tests and list the branches that they miss
	$(RUN) -m coverage run -m pytest $(ARGS)
	$(RUN) -m coverage report

mutants: $(VENV)/.dev    ## change the engine in many places and see the tests fail (very slow)
	$(RUN) tests/mutants.py $(ARGS)

fuzz: $(VENV)/.dev       ## compile 3,300 random programs and compare them with PyTorch (slow)
	$(RUN) tests/autograd/compiler/test_fuzz.py $(ARGS)

bench: $(VENV)/.bench    ## measure the engine beside others
	$(RUN) -m benchmarks.engine $(ARGS)

clean:     ## remove everything that was made here, .venv and out/ too
	rm -rf $(VENV) out build dist mutants .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +

# When its Python is gone, as after an upgrade of the system, an environment counts for nothing.
$(shell test -x $(RUN) || rm -f $(VENV)/.pip $(VENV)/.demo $(VENV)/.notebooks $(VENV)/.test $(VENV)/.dev $(VENV)/.bench)

# A stamp says which extra is installed, and is older than pyproject.toml once that has changed.
# A larger extra contains the smaller ones, so it stamps for them as well.
CONTAINS_demo  := demo
CONTAINS_notebooks := notebooks demo
CONTAINS_test  := test demo
CONTAINS_dev   := dev test notebooks demo
CONTAINS_bench := bench

$(VENV)/.demo $(VENV)/.notebooks $(VENV)/.test $(VENV)/.dev $(VENV)/.bench: $(VENV)/.pip pyproject.toml
	@echo "Installing the packages for '$(@:$(VENV)/.%=%)' into $(VENV) (this may take a minute or two) ..."
	@$(RUN) -m pip install --quiet --editable ".[$(@:$(VENV)/.%=%)]"
	@touch $(CONTAINS_$(@:$(VENV)/.%=%):%=$(VENV)/.%)

# A step of its own, so that an interrupted set-up is taken up again where it stopped.
$(VENV)/.pip: $(RUN)
	@$(RUN) -m ensurepip --upgrade --default-pip >/dev/null
	@touch $@

$(RUN):
	@found=$$("$(PYTHON)" -c 'import sys; print("Python %d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || found="not a working Python"; \
	if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "error: Python 3.11 or newer is needed, but $(PYTHON) is $$found; install one and name it: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; \
	elif ! "$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "error: $(PYTHON) ($$found) lacks the venv module; install it (Debian, Ubuntu: sudo apt-get install python3-venv) and run make again" >&2; exit 1; \
	fi
	@"$(PYTHON)" -m venv --clear --without-pip $(VENV)
