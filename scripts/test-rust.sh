#!/usr/bin/env bash
# All Rust tests: the engine, the C library through its exports, the tools, the examples; then the examples in the docs.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

# The Python module links only into an interpreter; its own tests cover it.
packages=(--workspace)
[ -d bindings/python ] && packages+=(--exclude esker-python)

if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run "${packages[@]}" --no-fail-fast
else
  # nextest has its watchdog in .config/nextest.toml; here it is one for all.
  timeout 7200 cargo test "${packages[@]}" --lib --bins --tests --no-fail-fast
fi
cargo test --package esker --doc
