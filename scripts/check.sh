#!/usr/bin/env bash
# The fast part of the tests: format, lints, and the rules of the house.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

if cargo fmt --version >/dev/null 2>&1; then
  cargo fmt --all --check
else
  echo "SKIPPED: rustfmt is not installed"
fi
if cargo clippy --version >/dev/null 2>&1; then
  cargo clippy --quiet --workspace --all-targets -- -D warnings
else
  echo "SKIPPED: clippy is not installed"
fi
if [ -x "$VENV/bin/ruff" ]; then
  "$VENV/bin/ruff" check --quiet .
  "$VENV/bin/ruff" format --quiet --check .
else
  echo "SKIPPED: ruff is not installed in target/venv; scripts/setup.sh installs it"
fi
cargo test --quiet --package esker --test it tidy
scripts/cdef.sh --check
# Licences and sources of what is built in. Known vulnerabilities take a list from the network: `cargo deny check advisories`.
deny=$({ cargo deny --version 2>/dev/null || true; } | sed -n 's/^cargo-deny //p')
if [ -z "$deny" ]; then
  echo "SKIPPED: cargo-deny is not installed: licences and sources of the dependencies are not compared"
elif [ "$(printf '%s\n' "$deny" 0.16.0 | sort -V | head -1)" != 0.16.0 ]; then
  echo "SKIPPED: cargo-deny $deny does not know what deny.toml says; 0.16 and later do"
else
  cargo deny --offline --log-level error check --hide-inclusion-graph bans licenses sources
fi
