#!/usr/bin/env bash
# What CI runs, and what a contributor runs before pushing: format, lints, docs, licences, tests.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
if command -v cargo-deny >/dev/null; then
  # Advisories need the network, which a test run must not.
  cargo deny --offline check licenses bans sources
else
  echo "skipped: cargo-deny is not installed (cargo install cargo-deny --locked --version 0.20.2)"
fi
cargo test --locked
