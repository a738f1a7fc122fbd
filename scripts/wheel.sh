#!/usr/bin/env bash
# Builds the Python package as one wheel for every Python from 3.11 on.
#   PROFILE=dev    takes the tests' build instead of an optimised one
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

scripts/setup.sh
# Wheels of earlier versions go: whoever installs target/wheels/esker-*.whl means the one that was just built.
rm -f "$TARGET"/wheels/esker-*.whl
"$VENV/bin/maturin" build --profile "${PROFILE:-release}" --manifest-path bindings/python/Cargo.toml --out "$TARGET/wheels"
ls -1 "$TARGET"/wheels/*.whl
