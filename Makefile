# Every target works from a clean clone on Debian 12: what is missing is installed first.
SHELL := /bin/bash
PYTHON := /usr/bin/python3
BIN := .venv/bin
ARGS ?=
KERNELS ?= 6.1 6.12
LOCK = $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate --python-version 3.11 $(ARGS)

.PHONY: setup setup-test run test test-cluster test-containers test-chart test-images test-kernels test-kernels-whole lint images locks licences chart docs walk pictures reference test-docs bench clean

setup: .venv/.runtime          ## install what running needs

setup-test: .venv/.dev         ## install what tests and checks need on top

run: setup                     ## stream this machine's process events to the terminal
	@scripts/run $(ARGS)

test: setup-test               ## unit tests, and live BPF tests on this kernel
	$(BIN)/pytest --ignore=tests/cluster --ignore=tests/containers --ignore=tests/chart --ignore=tests/docs --ignore=tests/images $(ARGS)

test-cluster: setup-test       ## operator and agents against a real API server
	$(BIN)/pytest -n 3 tests/cluster $(ARGS)

test-containers: setup-test    ## pods and policies with real containers (runc), an API server and an agent
	scripts/apt-install runc busybox-static
	$(BIN)/pytest tests/containers $(ARGS)

test-chart: setup-test         ## the Helm chart, with the real Helm and a real API server
	scripts/apt-install runc busybox-static iproute2
	$(BIN)/pytest -n 2 tests/chart $(ARGS)

images:                        ## both container images, without a daemon
	scripts/apt-install buildah mmdebstrap
	images/build

test-images: setup-test images ## size and contents of the images; both run with the chart's rights
	scripts/apt-install runc
	$(BIN)/pytest tests/images $(ARGS)

test-kernels: .venv/.kernels   ## what kernels differ in, under QEMU: KERNELS="5.10 7.2" or all
	$(BIN)/python -m tests.kernels test $(KERNELS) -- $(ARGS)

test-kernels-whole: .venv/.kernels ## all live BPF tests there, for hours
	$(BIN)/python -m tests.kernels test --whole --time-limit 14400 $(KERNELS) -- $(ARGS)

lint: setup-test               ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

chart: setup-test              ## write what follows from the chart's values: schema and README
	$(BIN)/python scripts/chart_reference.py

locks: setup-test              ## write the images' lock files anew: ARGS=--upgrade, or --upgrade-package NAME
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(LOCK) --extra agent --extra cli pyproject.toml --output-file images/agent.lock
	$(LOCK) --extra operator pyproject.toml --output-file images/operator.lock
	$(LOCK) images/build.in --output-file images/build.lock

licences: setup-test            ## write the licences of what the images hold; as root, of Debian's packages too
	$(BIN)/python scripts/licences.py

docs: .venv/.docs              ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

pictures: .venv/.docs          ## record the terminals that the documentation shows
	$(BIN)/python scripts/record_terminal.py $(ARGS)

test-docs: .venv/.docs         ## the site without a warning, each page in a browser, the search
	scripts/apt-install chromium
	$(BIN)/pytest tests/docs $(ARGS)

walk: setup-test                ## go through the quick start in a cluster, and write what it prints; as root
	scripts/apt-install runc busybox-static iproute2
	$(BIN)/python scripts/walk.py $(ARGS)

reference: setup-test chart    ## write the pages that are made of the code: fields and commands
	$(BIN)/python scripts/crd_reference.py
	$(BIN)/python -m osmia_cli.reference > docs/cli.md

bench: setup-test              ## measure; prints a table and writes bench-results/
	$(BIN)/python -m tests.bench $(ARGS)

clean:
	rm -rf .venv dist build site

# Debian's packages: bcc has no release on PyPI, so the virtual environment sees the system's.
.venv/.runtime: pyproject.toml scripts/apt-install $(wildcard events/osmia_events/proto/tetragon/*.proto)
	scripts/apt-install python3-venv python3-bpfcc
	test -x $(BIN)/python || $(PYTHON) -m venv --system-site-packages .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[agent,cli]'
	@touch $@

.venv/.dev: .venv/.runtime
	scripts/apt-install gcc libc6-dev
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[agent,cli,operator,dev]'
	@touch $@

.venv/.docs: .venv/.dev
	scripts/apt-install graphviz
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[agent,cli,operator,dev,docs]'
	@touch $@

.venv/.kernels: .venv/.dev
	scripts/apt-install mmdebstrap e2fsprogs cpio kmod
	@touch $@
