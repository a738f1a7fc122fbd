#!/usr/bin/env bash
# Builds the Python package: one wheel for every CPython from 3.11 on, one more for each free-threaded CPython that is installed
# (the stable ABI does not cover those), and the source distribution, from which pip builds where there is Rust.
#   PROFILE=dev    takes the tests' build instead of an optimised one
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

scripts/setup.sh
# Wheels of earlier versions go: whoever installs target/wheels/esker-*.whl means the one that was just built.
rm -rf "$TARGET"/wheels/esker-* "$TARGET/wheels/free-threaded"
build=("$VENV/bin/maturin" build --profile "${PROFILE:-release}" --manifest-path bindings/python/Cargo.toml)
"${build[@]}" --out "$TARGET/wheels"
mapfile -t free_threaded < <(free_threaded_pythons)
for python in "${free_threaded[@]}"; do
  PYO3_PYTHON="$python" "${build[@]}" --interpreter "$python" --out "$TARGET/wheels/free-threaded"
done
[ ${#free_threaded[@]} -gt 0 ] || echo "SKIPPED: wheels for free-threaded Python: none is installed (python3.13t, python3.14t …)"
"$VENV/bin/maturin" sdist --manifest-path bindings/python/Cargo.toml --out "$TARGET/wheels"
find "$TARGET/wheels" -type f
