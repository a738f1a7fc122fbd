#!/usr/bin/env bash
# The Python package as others get it. From the source distribution, unpacked elsewhere, pip makes a wheel; that is installed into
# clean environments of every Python there is, with no Rust on the PATH, and a small program runs there.
#   PROFILE=release    an optimised build; the default is the tests' own
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

scripts/setup.sh
WORK="$TARGET/test-wheel"
rm -rf "$WORK"
mkdir -p "$WORK"

say "source distribution"
"$VENV/bin/maturin" sdist --manifest-path bindings/python/Cargo.toml --out "$WORK" >"$WORK/sdist.log" 2>&1 ||
  { cat "$WORK/sdist.log"; exit 1; }
tar -xzf "$WORK"/esker-*.tar.gz -C "$WORK"
SOURCE=$(echo "$WORK"/esker-*/)
for needed in PKG-INFO LICENSE-MIT LICENSE-APACHE Cargo.lock core/src/lib.rs python/esker/_esker.pyi python/esker/py.typed; do
  [ -e "$SOURCE/$needed" ] || { echo "the source distribution has no $needed"; exit 1; }
done

say "wheel from it"
# The dependencies are those of the ordinary build, and compiled once for both.
PATH="$VENV/bin:$PATH" MATURIN_PEP517_ARGS="--profile ${PROFILE:-dev}" "$VENV/bin/python" -m pip wheel --quiet --no-deps \
  --disable-pip-version-check --no-build-isolation --wheel-dir "$WORK" "$SOURCE"
WHEEL=$(echo "$WORK"/esker-*.whl)
basename "$WHEEL"
[[ $WHEEL == *-cp311-abi3-* ]] || { echo "not a wheel for every Python from 3.11 on"; exit 1; }

cat >"$WORK/smoke.py" <<'PROGRAM'
import sys
from array import array

import esker

with esker.open(sys.argv[1]) as db:
    db.put_many((b"%04d" % n, b"v" * n) for n in range(1000))
    db.flush()
    assert db.put_many_packed((b"abc", array("q", [0, 1, 3])), [b"one", b"two"]) == 2
    with db.transaction() as t:
        t[b"n"] = bytes(t[b"a"]) + b"!"
    view = db.get_view(b"0999")
assert esker.verify(sys.argv[1])["ok"]
with esker.open(sys.argv[1], read_only=True) as db:
    assert sum(len(keys) for keys, _ in db.items_packed()) == 1003 and db[b"n"] == b"one!" and view == b"v" * 999
gil = getattr(sys, "_is_gil_enabled", lambda: True)()
print("python", sys.version.split()[0], "esker", esker.__version__, "fine", "" if gil else "without the lock")
PROGRAM

# smoke PYTHON WHEEL: installs it into a clean environment that knows of no Rust, and runs the program there.
smoke() {
  local clean="$WORK/clean-$(basename "$(dirname "$(dirname "$1")")")-$(basename "$1")"
  local bare=(env -i HOME="$WORK" PATH=/usr/bin:/bin)
  if "${bare[@]}" sh -c 'command -v cargo rustc' >/dev/null; then
    echo "SKIPPED: Rust is in /usr/bin, so nothing shows that the wheel does without"
  fi
  "${bare[@]}" "$1" -m venv "$clean" || { echo "SKIPPED: $1 has no venv"; return 0; }
  "${bare[@]}" "$clean/bin/python" -m pip install --quiet --disable-pip-version-check --no-index "$2"
  (cd "$WORK" && "${bare[@]}" "$clean/bin/python" -I -W error smoke.py "$clean/db")
}

say "clean environments"
count=0
while read -r python; do
  smoke "$python" "$WHEEL"
  count=$((count + 1))
done < <(other_pythons)
if [ "$count" = 0 ]; then
  smoke "$(find_python)" "$WHEEL"
  count=1
fi
mapfile -t free_threaded < <(free_threaded_pythons)
for python in "${free_threaded[@]}"; do
  PYO3_PYTHON="$python" "$VENV/bin/maturin" build --quiet --profile "${PROFILE:-dev}" --interpreter "$python" \
    --manifest-path bindings/python/Cargo.toml --out "$WORK/free-threaded"
  smoke "$python" "$(ls -t "$WORK"/free-threaded/esker-*.whl | head -1)"
done
[ ${#free_threaded[@]} -gt 0 ] || echo "SKIPPED: free-threaded Python: none is installed (python3.13t, python3.14t …)"
echo "wheel: $count Pythons, all fine"
