# The only front door. `make` lists what there is.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

# Many tests wait for programs, clocks and networks: on a small machine more of them at once than it has processors.
export RUST_TEST_THREADS ?= $(shell n=$$(nproc); if [ "$$n" -lt 4 ]; then echo 4; else echo "$$n"; fi)

.PHONY: help demo check test bench golden setup bins satellite-packages
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run everything on this machine; ARGS="--once out.docx" does the job without a hand on it
	@deploy/node-red/setup.sh
	@echo "building; the first time takes some minutes"
	@$(CARGO) build --release --locked --quiet -p spokegate-agent -p spokegate-demo -p spokegate-reports -p spokegate-sanitizer --bins
	@target/release/spokegate-demo $(ARGS)

check: ## format and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

setup:
	@tests/testbed/install.sh
	@deploy/node-red/setup.sh

bins:
	$(CARGO) build --workspace --bins --locked

test: setup bins ## every test, with the real parts
	@CARGO=$(CARGO) tests/side-by-side.sh

bench: setup ## figures against the peer, written to bench/results/
	@deploy/node-red/setup.sh bench/peer bench/documents-peer
	$(CARGO) build --release --workspace --bins --locked
	$(CARGO) build --profile satellite --locked -p spokegate-agent
	$(CARGO) run --release --quiet -p spokegate-bench -- $(ARGS)

satellite-packages: ## static agents and their packages for amd64 and arm64, with install.sh, into target/satellite-packages
	@deploy/deb/build.sh

golden: bins ## rewrite the golden files after an intended change
	UPDATE_GOLDEN=1 $(CARGO) test --workspace --locked
