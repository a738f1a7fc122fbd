# Sourced by the other scripts: where things are, which Python, and how a step reports itself.
# shellcheck shell=bash

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

TARGET="$ROOT/target"
VENV="$TARGET/venv"
export CARGO_TARGET_DIR="$TARGET"
# One interpreter for every build of the Python module, or it would be built again and again.
if [ -x "$VENV/bin/python" ]; then export PYO3_PYTHON="$VENV/bin/python"; fi
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-never}"

# The first Python of 3.11 or newer: $PYTHON, then python3, then by version.
find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return 0
    fi
  done
  echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3" >&2
  return 1
}

# Every other Python of 3.11 or newer on the PATH or among pyenv's, by path; of each version one.
other_pythons() {
  local candidate version path seen=" "
  for candidate in python3.{11..19} "$HOME"/.pyenv/versions/3.*/bin/python3; do
    command -v "$candidate" >/dev/null || continue
    # The interpreter itself, not a shim in front of it.
    read -r version path < <("$candidate" -c '
import sys, sysconfig
if sys.version_info >= (3, 11) and not sysconfig.get_config_var("Py_GIL_DISABLED"):
    print("%d.%d" % sys.version_info[:2], sys.executable)' 2>/dev/null) || continue
    [[ $seen != *" $version "* ]] || continue
    seen+="$version "
    echo "$path"
  done
}

# Every free-threaded Python on the PATH or among pyenv's, by path.
free_threaded_pythons() {
  local candidate
  for candidate in python3.{13..19}t "$HOME"/.pyenv/versions/3.*t/bin/python3; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys, sysconfig; sys.exit(not sysconfig.get_config_var("Py_GIL_DISABLED"))' 2>/dev/null; then
      command -v "$candidate"
    fi
  done
}

# The name of the shared library on this system.
library_file() {
  case "$(uname -s)" in
    Darwin) echo libesker.dylib ;;
    *) echo libesker.so ;;
  esac
}

# Where cargo puts what it builds with a profile.
profile_folder() {
  if [ "$1" = dev ]; then echo "$TARGET/debug"; else echo "$TARGET/$1"; fi
}

# Builds the Python package with a profile and puts it into target/venv; says something only if that fails.
install_python_package() {
  local log="$TARGET/maturin.log"
  VIRTUAL_ENV="$VENV" "$VENV/bin/maturin" develop --profile "$1" --manifest-path bindings/python/Cargo.toml >"$log" 2>&1 ||
    { cat "$log"; return 1; }
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Installs Debian packages, and says so; false (with a word why) where that is not possible. Asks for a fresh list of packages
# only if the one that is there does not do.
install_packages() {
  if ! command -v apt-get >/dev/null; then
    echo "please install by hand: $*"
    return 1
  fi
  echo "installing $* from Debian's packages"
  local log="$TARGET/apt.log"
  mkdir -p "$TARGET"
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::http::Timeout=20 install -y --no-install-recommends "$@")
  as_root "${install[@]}" >"$log" 2>&1 ||
    { as_root apt-get update -qq >>"$log" 2>&1 && as_root "${install[@]}" >>"$log" 2>&1; } ||
    { echo "that did not work: $(grep -a '^E: ' "$log" | tail -1)"; return 1; }
}

say() { printf '\n== %s\n' "$*"; }
