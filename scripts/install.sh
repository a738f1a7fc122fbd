#!/usr/bin/env bash
# Installs the library, header, C++ wrapper, pkg-config file, CMake package and tool below $DESTDIR$PREFIX.
#   PROFILE=dev    takes the tests' builds instead of optimised ones
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

PREFIX=${PREFIX:-/usr/local}
DESTDIR=${DESTDIR:-}
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
ABI=0

PROFILE=${PROFILE:-release}
built=$(profile_folder "$PROFILE")
cargo build --profile "$PROFILE" --package esker-ffi --package esker-cli

library="$DESTDIR$PREFIX/lib"
install -d "$library/pkgconfig" "$library/cmake/esker" "$DESTDIR$PREFIX/include" "$DESTDIR$PREFIX/bin"
# libesker.so.0.1.0 is the file; programs are bound to libesker.so.0, the ABI; the linker looks for libesker.so.
install -m 755 "$built"/libesker.so "$library/libesker.so.$VERSION"
ln -sf "libesker.so.$VERSION" "$library/libesker.so.$ABI"
ln -sf "libesker.so.$ABI" "$library/libesker.so"
install -m 644 "$built"/libesker.a "$library/libesker.a"
install -m 644 include/esker.h include/esker.hpp "$DESTDIR$PREFIX/include/"
install -m 755 "$built"/esker "$DESTDIR$PREFIX/bin/esker"

fill() { sed -e "s|@PREFIX@|$PREFIX|g" -e "s|@VERSION@|$VERSION|g" "$1" >"$2"; }
fill scripts/esker.pc.in "$library/pkgconfig/esker.pc"
fill scripts/esker-config.cmake.in "$library/cmake/esker/esker-config.cmake"
fill scripts/esker-config-version.cmake.in "$library/cmake/esker/esker-config-version.cmake"
echo "installed esker $VERSION below $DESTDIR$PREFIX"
