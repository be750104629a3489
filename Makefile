# Every target but help and setup runs in the virtual environment that setup makes; make help lists them.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PYTEST_ARGS ?=
PYTEST := -m pytest
DEMO_ARGS ?=
BENCH_ARGS ?=
FUZZ_ARGS ?= -runs=10000
MUTANTS_ARGS ?=
CLIENTS_ARGS ?= --output benchmarks/results/$(shell date +%F)-clients.md
CUPY_ON_CPU ?= ../shared/cupy_on_cpu
# What is compiled is kept: tests start hundreds of Pythons, which would compile both packages again.
unexport PYTHONDONTWRITEBYTECODE

# $(call need,condition,message): one line and no recipe where the condition is empty.
need = $(if $(strip $(1)),,$(error $(2)))
venv = $(call need,$(shell command -v $(PY) 2>/dev/null),no $(PY) here: run make setup first)
gpu = $(call need,$(shell $(PY) -c "import cupy; print('yes' * cupy.cuda.is_available())" 2>/dev/null),$@: CuPy finds no \
	GPU. Install the extra cuda12 or cuda13 on a machine that has one)
stand_in = $(call need,$(wildcard $(CUPY_ON_CPU)/run.sh),$@: no CuPy on a CPU in $(CUPY_ON_CPU). Set CUPY_ON_CPU to its folder)

.DEFAULT_GOAL := help
.PHONY: help setup lock doctor test test-pythons test-packages property fuzz format lint types stubs check demo test-cupy test-gpu test-coverage mutants test-exchange clients bench bench-gpu kernels coverage board-picture docs build clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.installed  ## make .venv with the package and its dev and examples extras (PYTHON=python3.12 chooses another Python)

# Type checkers look for packages on paths: editable_mode=compat puts this folder on them, others put a finder there.
LOCKED := --constraint requirements-dev.txt --editable '.[dev,examples]' --config-settings editable_mode=compat
pip_install = $(PY) -m pip install --quiet --disable-pip-version-check
# uv installs in a tenth of pip's time; pip does it where uv fails, or where pip has an index of its own, which uv does not read.
with_uv = $(PY) -m uv pip install --quiet --python $(PY) --link-mode copy $(LOCKED)
$(VENV)/.installed: pyproject.toml requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "setup: Python 3.11 or newer is needed, got " \
		+ sys.version.split()[0] + ". Name one with PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	{ ! $(PY) -m pip config list | grep -q '\.index-url=' && $(pip_install) --only-binary uv uv && $(with_uv); } || $(pip_install) $(LOCKED)
	@touch $@

lock:  ## renew requirements-dev.txt, the versions that setup installs, with uv
	$(venv)$(pip_install) --only-binary uv uv
	$(PY) -m uv pip compile pyproject.toml --extra dev --extra examples --universal --python-version 3.11 --no-annotate \
		--upgrade --quiet --custom-compile-command "make lock" --output-file requirements-dev.txt

doctor:  ## say what is installed and test every device
	$(venv)$(PY) -m cuobjax.doctor

test:  ## run every test and doctest on the CPU (PYTEST_ARGS="-k name -x" is passed on)
	$(venv)CUOBJAX_DEVICE=cpu $(PY) $(PYTEST) $(PYTEST_ARGS)

# Each Python that the metadata promises has a virtual environment of its own, build/python3.12, if it is on PATH or in pyenv or uv.
PYTHONS ?= 3.11 3.12 3.13 3.14
test-pythons:  ## run every test on the CPU on each Python that is here (PYTHONS="3.12 3.13" chooses; PYTEST_ARGS is passed on)
	@for version in $(PYTHONS); do \
		python=$$(command -v python$$version) && $$python -c '' 2>/dev/null || python=$$(ls -d \
			$${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version.*/bin/python \
			$${UV_PYTHON_INSTALL_DIR:-$$HOME/.local/share/uv/python}/cpython-$$version.*/bin/python 2>/dev/null | tail -1); \
		if [ -z "$$python" ]; then echo "python$$version: not here"; continue; fi; \
		$(MAKE) --no-print-directory setup test PYTHON=$$python VENV=build/python$$version || failed="$$failed $$version"; \
	done; test -z "$$failed" || { echo "failed on Python$$failed"; exit 1; }

test-packages:  ## build wheel and sdist, and try them in fresh environments (PYTHONS_AT="path path" chooses the Pythons)
	$(venv)$(PY) -m tests.packages $(PYTHONS_AT)

property:  ## run the property tests with many more examples
	$(venv)CUOBJAX_DEVICE=cpu HYPOTHESIS_PROFILE=fuzz $(PY) -m pytest tests/properties $(PYTEST_ARGS)

fuzz:  ## look for files that break their readers with atheris, where that is installed (FUZZ_ARGS="-runs=100000")
	$(venv)CUOBJAX_DEVICE=cpu $(PY) -m tests.fuzz.files $(FUZZ_ARGS)

format:  ## format the code and sort its imports
	$(venv)$(PY) -m ruff check --select I --fix .
	$(PY) -m ruff format .

lint:  ## check the style of the code, and that format would change nothing
	$(venv)$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types:  ## check the types of autograd and cuobjax, and of the programs that use them
	$(venv)$(PY) -m tests.typed.check

stubs:  ## write cuobjax/numpy/*.pyi, what type checkers and editors know of jn
	$(venv)$(PY) -m tests.typed.stubs

check: PYTEST_ARGS = -n auto --dist worksteal
check: export OPENBLAS_NUM_THREADS = 1
check: lint types test  ## lint, types and test on all cores: what has to pass before a commit

demo:  ## train a classifier of handwritten digits; files go to results/ (DEMO_ARGS=--help explains its options)
	$(venv)$(PY) -m examples.digits $(DEMO_ARGS)

# What may depend on how many GPUs there are runs again with two, which cannot and can read each other's memory, and with four.
ON_TWO_DEVICES := $(addprefix tests/,gpu/test_two_devices.py gpu/test_parallel_copies.py gpu/test_semantics.py gpu/test_training.py \
	autograd/test_threads.py $(patsubst %,cuobjax/test_%.py,parallel collectives sharded variable scope random_state jit))
# g++ makes a library of each kernel, with the linker gold, where it is there, in two thirds of the time.
GOLD := $(shell command -v ld.gold)
on_cupy = CUOBJAX_DEVICE=gpu CUPY_ON_CPU_PYTHON=$(abspath $(PY)) $(if $(GOLD),COMPILER_PATH=$(CURDIR)/build/linker)
test-cupy:  ## run the tests on CuPy's own code without a GPU, then some with two and four (CUPY_ON_CPU=folder of its run.sh)
	$(venv)$(stand_in)CUPY_ON_CPU_PYTHON=$(abspath $(PY)) $(CUPY_ON_CPU)/build.sh
	$(if $(GOLD),mkdir -p build/linker && ln -sf $(GOLD) build/linker/ld)
	$(on_cupy) $(CUPY_ON_CPU)/run.sh $(PYTEST) $(PYTEST_ARGS)
	for peer in 0 1; do $(on_cupy) CUPY_ON_CPU_DEVICES=2 CUPY_ON_CPU_PEER=$$peer \
		$(CUPY_ON_CPU)/run.sh $(PYTEST) $(ON_TWO_DEVICES) $(PYTEST_ARGS) || exit; done
	$(on_cupy) CUPY_ON_CPU_DEVICES=4 CUPY_ON_CPU_PEER=0 $(CUPY_ON_CPU)/run.sh $(PYTEST) $(ON_TWO_DEVICES) $(PYTEST_ARGS)

test-gpu:  ## run the tests on the GPU
	$(venv)$(gpu)CUOBJAX_DEVICE=gpu $(PY) -m pytest $(PYTEST_ARGS)

# The processes that tests start are followed, too.
test-coverage: export COVERAGE_FILE = $(CURDIR)/build/coverage/tests
test-coverage:  ## test and, where it is possible, test-cupy; says which lines and branches no test runs
	$(venv)rm -rf $(dir $(COVERAGE_FILE)) && mkdir -p $(dir $(COVERAGE_FILE))
	status=0; $(MAKE) --no-print-directory --keep-going test $(if $(wildcard $(CUPY_ON_CPU)/run.sh),test-cupy) \
		PYTEST='-m coverage run -m pytest' PYTEST_ARGS='$(or $(PYTEST_ARGS),-n auto)' || status=$$?; \
	$(PY) -m coverage combine --quiet && $(PY) -m coverage report --skip-covered && exit $$status

mutants:  ## change FILES at one place at a time, and print the changes that TESTS do not notice (MUTANTS_ARGS="--number 50")
	$(venv)$(call need,$(and $(FILES),$(TESTS)),$@: name FILES=... to change and TESTS=... to run)CUOBJAX_DEVICE=cpu $(PY) \
		-m tests.mutants $(FILES) --tests $(TESTS) $(MUTANTS_ARGS)

# Packages that are too large for everybody's environment; their tests skip where they are absent.
EXCHANGE ?= build/exchange
test-exchange:  ## run the tests that need PyTorch, JAX, pandas and others, in an environment of their own (EXCHANGE=folder)
	@test -x $(EXCHANGE)/bin/python || { $(PYTHON) -m venv $(EXCHANGE) && $(EXCHANGE)/bin/python -m pip install --quiet \
		--disable-pip-version-check --editable '.[dev,examples]' equinox flax jax optax pandas pillow tokenizers torch; }
	CUOBJAX_DEVICE=cpu PYTHONPATH=. $(EXCHANGE)/bin/python -m pytest -m exchange tests/exchange tests/test_example_text.py $(PYTEST_ARGS)

clients:  ## run tests of packages that stand on HIPS autograd, on it and on ours (CLIENTS_ARGS="--quick", or --help)
	$(venv)$(PY) -m tests.clients $(CLIENTS_ARGS)

bench:  ## measure speed and memory on the CPU beside the peers that are installed
	$(venv)CUOBJAX_DEVICE=cpu $(PY) -m benchmarks $(BENCH_ARGS)

coverage:  ## write docs/coverage.md: every function, and what the transformations make of it
	$(venv)$(stand_in)CUPY_ON_CPU_PYTHON=$(abspath $(PY)) $(CUPY_ON_CPU)/build.sh
	CUPY_ON_CPU_PYTHON=$(abspath $(PY)) $(CUPY_ON_CPU)/run.sh -m tests.autograd.table.coverage

bench-gpu:  ## measure speed, launches and memory on the GPU beside the peers that are installed; goes to benchmarks/results/
	$(venv)$(gpu)$(PY) -m benchmarks.gpu --output benchmarks/results/$(shell date +%F)-gpu.md $(BENCH_ARGS)

kernels:  ## compile every CUDA kernel for four generations of GPUs; the table goes to benchmarks/results/
	$(venv)$(stand_in)CUPY_ON_CPU_PYTHON=$(abspath $(PY)) $(CUPY_ON_CPU)/build.sh
	CUPY_ON_CPU_PYTHON=$(abspath $(PY)) $(CUPY_ON_CPU)/run.sh -m benchmarks.kernels \
		--output benchmarks/results/$(shell date +%F)-kernels.md

board-picture:  ## take docs/board.png, the picture of TensorBoard's page of a run (needs chromium and chromedriver)
	$(venv)CUOBJAX_DEVICE=cpu PYTHONPATH=. $(PY) docs/board.py

docs:  ## make the pages of docs/ with the reference from the docstrings, in build/docs; needs no network
	$(venv)CUOBJAX_DEVICE=cpu $(PY) -m sphinx -W --keep-going -q -a -b html -d build/doctrees docs build/docs
	@echo "docs: build/docs/index.html"

build:  ## make the source distribution and the wheel in dist/
	$(venv)$(PY) -m build

clean:  ## remove what build, the tests and the checks left behind (not .venv, not results/)
	rm -rf build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . \( -path ./.git -o -path ./$(VENV) \) -prune -o -name __pycache__ -exec rm -rf {} +
