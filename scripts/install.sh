#!/usr/bin/env bash
# Installs the library, headers, pkg-config file, CMake package, man pages and tool below $DESTDIR$PREFIX.
#   --uninstall    removes what this script puts there, file by file, and the one directory that is only Esker's
#   PROFILE=dev    takes the tests' builds instead of optimised ones
#   LIBDIR=lib64   where libraries go below the prefix, if not into lib
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

PREFIX=${PREFIX:-/usr/local}
DESTDIR=${DESTDIR:-}
LIBDIR=${LIBDIR:-lib}
LIBDIR=${LIBDIR#"$PREFIX"/} # /usr/lib64 is lib64 below /usr
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
ABI=0
PROFILE=${PROFILE:-release}
built=$(profile_folder "$PROFILE")
root="$DESTDIR$PREFIX"
case "$LIBDIR" in /* | *..*) echo "install: LIBDIR=$LIBDIR is not below PREFIX=$PREFIX" >&2; exit 2 ;; esac

# Three verbs, so that one list below serves both ways.
install_file() { install -D -m "$1" "$2" "$root/$3"; }
install_link() { ln -sf "$1" "$root/$2"; }
# Fills in a template: @PREFIX@ is where the files will be used, without DESTDIR; @UP@ leads from @LIBDIR@ to it.
install_text() {
  install -d "$(dirname "$root/$2")"
  sed -e "s|@PREFIX@|$PREFIX|g" -e "s|@LIBDIR@|$LIBDIR|g" -e "s|@UP@|$(sed 's|[^/]*|..|g' <<<"$LIBDIR")|g" -e "s|@VERSION@|$VERSION|g" "$1" >"$root/$2"
  chmod 644 "$root/$2"
}

# How large a library is, and how large without its debug information, which a packager takes off.
report_size() {
  command -v strip >/dev/null || return 0
  local stripped
  stripped=$(mktemp)
  strip "$2" -o "$stripped" "$root/$LIBDIR/$1"
  echo "$1: $(wc -c <"$root/$LIBDIR/$1") bytes, $(wc -c <"$stripped") stripped"
  rm -f "$stripped"
}

if [ "${1:-}" = --uninstall ]; then
  # The library may be of another version than these sources: the link tells.
  installed=$(readlink "$root/$LIBDIR/libesker.so.$ABI" || true)
  case "$installed" in libesker.so.*) rm -f "$root/$LIBDIR/$installed" ;; esac
  install_file() { rm -f "$root/$3"; }
  install_link() { rm -f "$root/$2"; }
  install_text() { rm -f "$root/$2"; }
else
  cargo build --profile "$PROFILE" --package esker-ffi --package esker-cli
fi

# libesker.so.0.1.0 is the file; programs are bound to libesker.so.0, the ABI; the linker looks for libesker.so.
install_file 755 "$built/libesker.so" "$LIBDIR/libesker.so.$VERSION"
install_link "libesker.so.$VERSION" "$LIBDIR/libesker.so.$ABI"
install_link "libesker.so.$ABI" "$LIBDIR/libesker.so"
install_file 644 "$built/libesker.a" "$LIBDIR/libesker.a"
install_file 644 include/esker.h include/esker.h
install_file 644 include/esker.hpp include/esker.hpp
for part in include/esker/*.hpp; do install_file 644 "$part" "$part"; done
install_file 644 include/esker.cdef include/esker.cdef
install_file 755 "$built/esker" bin/esker
install_text scripts/esker.pc.in "$LIBDIR/pkgconfig/esker.pc"
install_text scripts/esker-config.cmake.in "$LIBDIR/cmake/esker/esker-config.cmake"
install_text scripts/esker-config-version.cmake.in "$LIBDIR/cmake/esker/esker-config-version.cmake"
install_text docs/man/esker.1 share/man/man1/esker.1
install_text docs/man/esker.3 share/man/man3/esker.3

if [ "${1:-}" = --uninstall ]; then
  rmdir "$root/$LIBDIR/cmake/esker" "$root/include/esker" 2>/dev/null || true
  echo "removed esker from $root"
else
  # Without this the dynamic linker would not know a library in /usr/local/lib until somebody else runs it.
  if [ -z "$DESTDIR" ] && [ "$(id -u)" = 0 ] && command -v ldconfig >/dev/null; then ldconfig; fi
  echo "installed esker $VERSION below $root"
  report_size "libesker.so.$VERSION" --strip-unneeded
  report_size libesker.a --strip-debug
fi
