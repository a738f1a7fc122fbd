#!/usr/bin/env bash
# Builds the Python package as one wheel for every Python from 3.11 on.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

scripts/setup.sh
"$VENV/bin/maturin" build --release --manifest-path bindings/python/Cargo.toml --out "$TARGET/wheels"
ls -1 "$TARGET"/wheels/*.whl
