#!/usr/bin/env bash
# Makes the browsable reference of esker.h and esker.hpp: target/reference/index.html. Fails if a name has no comment,
# a comment names a parameter that is not there, or a reference leads nowhere. The test sets HEADERS and REFERENCE to its own.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

if ! command -v doxygen >/dev/null; then
  echo "reference: doxygen is needed; scripts/setup.sh installs it" >&2
  exit 1
fi
REFERENCE=${REFERENCE:-target/reference} HEADERS=${HEADERS:-include}
ESKER_VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
export REFERENCE HEADERS ESKER_VERSION
rm -rf "$REFERENCE"
mkdir -p "$(dirname "$REFERENCE")"
doxygen docs/reference/Doxyfile
[ -f "$REFERENCE/index.html" ]
echo "reference: $REFERENCE/index.html"
