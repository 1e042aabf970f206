#!/usr/bin/env bash
# What a contributor runs before pushing, and CI before its small real runs: format, lints, docs, licences, tests.
# `check.sh lint` stops before the tests but compiles them; `check.sh test` only runs them.
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:-all}

if [ "$part" != test ]; then
  cargo fmt --all --check
  cargo clippy --workspace --all-targets --locked -- -D warnings
  RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
  if command -v cargo-deny >/dev/null; then
    cargo deny --offline check licenses bans sources
    # Advisories need a database from the network, and a check must not depend on that.
    if timeout 120 cargo deny fetch db >/dev/null 2>&1; then
      cargo deny check advisories
    else
      echo "skipped: advisories: their database cannot be fetched"
    fi
  else
    echo "skipped: cargo-deny is not installed (cargo install cargo-deny --locked --version 0.20.2)"
  fi
  cargo test --locked --no-run
fi
if [ "$part" != lint ]; then
  cargo test --locked --no-fail-fast
fi
