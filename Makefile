# What there is to do here, each from a clean checkout with Rust, Python 3.11+ and make: `make help`.
#
# Python's side lives in .venv. The core is built in place, next to the Python source, so a change to a .py needs no build;
# stamps in .venv say what was done, so that a second `make run` starts at once.

PYTHON ?= python3
BIN := .venv/bin
RUST := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock
# The core is gone when someone cleaned up by hand: a stamp alone would not know.
LOST := $(if $(wildcard python/lonedot/_core*.so),,lost)

# One interpreter for every build of the binding: each change of it compiles PyO3 anew. An extension module leaves Python's
# symbols to the process that loads it; without this, cargo would look for a libpython to link.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
export PYO3_BUILD_EXTENSION_MODULE := 1
export VIRTUAL_ENV := $(CURDIR)/.venv
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport CONDA_PREFIX PYTHONHOME PYTHONPATH

.NOTPARALLEL:
.PHONY: help run build test lint counts fuzz soak bench replies findings clean lost

help: ## Tell what there is (the default)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Start lonedot on 127.0.0.1:2525, delivering into ./mail; ARGS="--max-size 1M" adds options
	@exec $(BIN)/lonedot serve --listen 127.0.0.1:2525 --maildir ./mail $(ARGS)

build: .venv/.core ## Build into .venv, optimized; does nothing when nothing changed

test: build .venv/.dev ## Install what the tests need, run those of Rust and of Python; ARGS="-k maildir" chooses among the latter
	@sh tests/install-clients.sh
	@sh tests/peers/install.sh
	cargo test --workspace --locked
	@# Most tests wait for clocks and for other servers: more processes than cores. Each file is one process's.
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile $(ARGS)

lint: build .venv/.dev ## Check format, lints, types and stubs; changes nothing
	cargo fmt --all --check
	cargo fmt --manifest-path rust/fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy python tests examples benches/instructions*.py
	MYPYPATH=python $(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml lonedot._core

counts: build ## Count the instructions of fixed cases, compare with the baseline; ARGS=--update writes a new one
	@sh tests/install-clients.sh valgrind:valgrind
	$(BIN)/python benches/instructions.py $(ARGS)

replies: ## Write docs/replies.md, the table of what a client can do wrong
	UPDATE=1 cargo test -p lonedot-core --locked --test replies

findings: ## Write docs/findings.md, the table of what the header check finds
	UPDATE=1 cargo test -p lonedot-core --locked --test findings

fuzz: ## Fuzz decoders, encoder, parser, header check and session, a minute each; ARGS="600 decode" chooses how long and what
	@sh tests/install-clients.sh c++:g++
	@sh rust/fuzz/run.sh $(ARGS)

soak: build .venv/.dev ## Run the tests that take minutes: kill -9 under load, 10,000 connections, 20 MiB messages
	@sh tests/install-clients.sh
	$(BIN)/python -m pytest -m soak -s --timeout 0 $(ARGS)

bench: build .venv/.dev .venv/.bench ## Measure beside the peers, write docs/benchmarks.md and its plots; ARGS=--quick tries it, and writes neither
	@sh tests/install-clients.sh
	@mkdir -p .benchmarks && rm -f .benchmarks/*.json
	cargo bench --package lonedot-core --bench decode --locked -- --json $(CURDIR)/.benchmarks/rust.json $(ARGS)
	cargo bench --package lonedot-core --bench headers --locked -- --json $(CURDIR)/.benchmarks/headers.json $(ARGS)
	$(BIN)/python -m pytest benches --benchmark-disable-gc --benchmark-columns=median,iqr,rounds \
		--benchmark-json=.benchmarks/python.json $(ARGS)
	@if command -v smtp-source >/dev/null; then $(BIN)/python benches/serve.py --json .benchmarks/serve.json $(ARGS); \
		else echo "smtp-source is not installed: whole servers are not measured"; fi
	$(BIN)/python benches/lint.py --json .benchmarks/lint.json $(ARGS)
	$(BIN)/python benches/report.py $(ARGS)

clean: ## Remove what was built; ./mail stays
	rm -rf .venv target dist python/lonedot/_core*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find python tests -name __pycache__ -prune -exec rm -rf {} +

.venv/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "lonedot takes Python 3.11 or newer, which \`$(PYTHON)\` is not; name one that is: make PYTHON=python3.12" >&2; \
		exit 1; }
	$(PYTHON) -m venv --clear .venv
	@# The first to know dependency groups.
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

.venv/.build .venv/.dev .venv/.bench: .venv/.%: .venv/.pip pyproject.toml
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@

.venv/.core: .venv/.build pyproject.toml $(RUST) $(LOST)
	@command -v cargo >/dev/null || { echo "lonedot takes a Rust toolchain: see https://rustup.rs" >&2; exit 1; }
	$(BIN)/maturin develop --release --quiet
	@touch $@
