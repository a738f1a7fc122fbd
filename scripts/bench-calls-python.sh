#!/usr/bin/env bash
# What one call of the Python package costs: an optimised wheel in an environment of its own, target/bench-python.
#   PEERS=1            plyvel, lmdb and rocksdict from PyPI in the same run, in the same environment and nowhere else
#   arguments          go to tools/bench/python/calls.py: --num, --value-size, --rounds, --json
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

scripts/setup.sh
WORK="$TARGET/bench-python"
mkdir -p "$WORK"
rm -f "$WORK"/esker-*.whl
"$VENV/bin/maturin" build --quiet --profile release --manifest-path bindings/python/Cargo.toml --out "$WORK"
[ -x "$WORK/venv/bin/python" ] || "$(find_python)" -m venv "$WORK/venv"
pip=("$WORK/venv/bin/python" -m pip install --quiet --disable-pip-version-check)
"${pip[@]}" --force-reinstall --no-deps "$WORK"/esker-*.whl
peers=()
if [ -n "${PEERS:-}" ]; then
  peers=(--peers)
  for peer in plyvel lmdb rocksdict; do
    "${pip[@]}" --only-binary :all: "$peer" || echo "SKIPPED: $peer could not be installed from PyPI"
  done
fi
cd "$WORK"
exec venv/bin/python "$ROOT/tools/bench/python/calls.py" "${peers[@]}" "$@"
