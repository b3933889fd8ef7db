# What people type: run, test, check, bench, setup.

CARGO ?= cargo
TOOLS := .tools/bin
export PATH := $(CURDIR)/$(TOOLS):$(PATH)

.PHONY: run test check bench spade omemo setup setup-test tools

# Sets up this machine, builds, and shows the platform with probes at work.
run: setup
	$(CARGO) build --package cli
	$(CARGO) run --quiet --package cli -- up --demo $(ARGS)

# Everything that is tested, against the real parts.
test: setup-test
	INSTA_UPDATE=no $(CARGO) test --workspace

# Format, words, plan of the house, lints, docs.
check: setup tools
	typos
	$(CARGO) fmt --all --check
	cargo-deny --all-features --log-level error check bans licenses sources
	cargo-shear
	$(CARGO) clippy --quiet --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --workspace --all-features --no-deps

# Throughput, latency and memory of the hot paths.
bench: setup
	$(CARGO) bench --package runtime --bench memory
	$(CARGO) bench --package runtime --bench ticks
	$(CARGO) bench --package capture --bench packets
	$(CARGO) bench --package model --bench score
	$(CARGO) bench --package evidence --bench verify
	$(CARGO) bench --package registry --bench road
	$(CARGO) bench --package registry --bench many
	$(CARGO) bench --package omemo --bench seal
	$(CARGO) bench --package api --bench ingest
	$(CARGO) bench --package model --bench score
	$(CARGO) bench --package cli --bench check

# SPADE 4, to see its figures beside ours in `make bench`.
spade: tools
	python3 -m venv .tools/spade
	.tools/spade/bin/pip install --quiet --disable-pip-version-check spade==4.1.4 greenlet

# python-omemo, to see its figures beside ours in `make bench`.
omemo: tools
	python3 -m venv .tools/omemo
	.tools/omemo/bin/pip install --quiet --disable-pip-version-check slixmpp-omemo==2.2.0 'oldmemo[xml]' 'twomemo[xml]'

# What building and running needs; leaves nothing running that was not there before.
setup:
	@deploy/setup build

# And what the tests need beside it.
setup-test:
	@deploy/setup build test

# Linters that are no crates of ours.
tools:
	@deploy/setup tools
