#!/usr/bin/env bash
# Sees to what the build and the tests need besides Rust, a C compiler, make and Python, and says what it does.
# Changes nothing when everything is there, and then needs no network.
#
#   from Debian's packages (as root or by sudo): g++, clang, pkg-config, valgrind, cmake, doxygen, strace,
#                                                e2fsprogs (mkfs.ext4), xfsprogs (mkfs.xfs, for root), python3-venv,
#                                                abigail-tools (abidw and abidiff), if missing
#   from PyPI, into target/venv only:            what scripts/requirements.txt lists
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

for tool in cargo cc make; do
  command -v "$tool" >/dev/null || { echo "setup: $tool is needed and not installed" >&2; exit 1; }
done
PYTHON_FOUND=$(find_python)

missing=()
command -v g++ >/dev/null || missing+=(g++)
command -v pkg-config >/dev/null || missing+=(pkg-config)
command -v clang >/dev/null || missing+=(clang)
command -v valgrind >/dev/null || missing+=(valgrind)
command -v cmake >/dev/null || missing+=(cmake)
command -v doxygen >/dev/null || missing+=(doxygen)
command -v abidiff >/dev/null || missing+=(abigail-tools)
command -v strace >/dev/null || missing+=(strace)
[ -x /sbin/mkfs.ext4 ] || [ -x /usr/sbin/mkfs.ext4 ] || missing+=(e2fsprogs)
# Only root may mount what it makes.
[ "$(id -u)" != 0 ] || [ -x /sbin/mkfs.xfs ] || [ -x /usr/sbin/mkfs.xfs ] || missing+=(xfsprogs)
if [ ! -x "$VENV/bin/python" ] && ! "$PYTHON_FOUND" -c 'import venv, ensurepip' 2>/dev/null; then
  missing+=(python3-venv)
fi
if [ ${#missing[@]} -gt 0 ]; then
  install_packages "${missing[@]}" || echo "setup: going on without ${missing[*]}; what needs them will say so"
fi

if [ "${1:-}" = --without-python ]; then
  exit 0
fi

if [ ! -x "$VENV/bin/python" ]; then
  echo "setup: making a Python environment in target/venv with $PYTHON_FOUND"
  "$PYTHON_FOUND" -m venv "$VENV"
fi
stamp="$VENV/requirements.installed"
if ! cmp -s scripts/requirements.txt "$stamp"; then
  echo "setup: installing $(grep -v '^#' scripts/requirements.txt | tr '\n' ' ')into target/venv"
  "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -r scripts/requirements.txt
  cp scripts/requirements.txt "$stamp"
fi
