#!/usr/bin/env bash
# Installs into an empty directory and uses what is there as a stranger would: the C program of README.md by pkg-config, against
# the shared and the static library; a C++ program; CMake where it is installed; the tool; the man pages, which must say what the
# tool and the header say. Then README's Python program. Last, uninstalling leaves what is not Esker's, and nothing that is.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PREFIX=/opt/esker
# What is there before, and must be there after everything else has gone.
mkdir -p "$work/root$PREFIX/lib/cmake/other" "$work/root$PREFIX/include"
touch "$work/root$PREFIX/lib/libother.so.0" "$work/root$PREFIX/include/esker-other.h" "$work/root$PREFIX/lib/cmake/other/x"
below() { (cd "$work/root$PREFIX" && find . ! -type d | sort); }
before=$(below)
export PROFILE=${PROFILE:-release} PREFIX
DESTDIR="$work/root" scripts/install.sh | tee "$work/said"

lib="$work/root$PREFIX/lib"
export LD_LIBRARY_PATH="$lib"
# The prefix is where it will be; the directory it lies in for now stands in front of it.
export PKG_CONFIG_PATH="$lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work/root"
passed=0

# expect WHAT WANTED GOT
expect() {
  [ "$3" = "$2" ] || { echo "$1: wanted \"$2\", got \"$3\""; exit 1; }
  echo "$1: passed"
  passed=$((passed + 1))
}

# The first fenced block of a language in README.md.
block() { awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next } /^```/ { if (on) exit } on' README.md; }

flags() {
  if command -v pkg-config >/dev/null; then pkg-config "$@" esker; else
    echo "-I$work/root$PREFIX/include -L$lib -lesker -lpthread -ldl -lm"
  fi
}

VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
expect "the files" "$(sort <<FILES
$before
./bin/esker
./include/esker.cdef
./include/esker.h
./include/esker.hpp
$(printf './%s\n' include/esker/*.hpp)
./lib/cmake/esker/esker-config-version.cmake
./lib/cmake/esker/esker-config.cmake
./lib/libesker.a
./lib/libesker.so
./lib/libesker.so.0
./lib/libesker.so.$VERSION
./lib/pkgconfig/esker.pc
./share/man/man1/esker.1
./share/man/man3/esker.3
FILES
)" "$(below)"
expect "the links" "libesker.so.0 libesker.so.$VERSION" "$(readlink "$lib/libesker.so") $(readlink "$lib/libesker.so.0")"
expect "the SONAME" libesker.so.0 "$(readelf -d "$lib/libesker.so.$VERSION" | sed -n 's/.*soname: \[\(.*\)\]/\1/p')"
expect "no template is left unfilled" "" "$(grep -rlI '@[A-Z]*@' "$work/root" || true)"

# A bound that only an accident reaches: the symbols of a dependency exported, say, or the standard library in it twice.
# within WHAT FILE MIB
within() {
  local bytes
  bytes=$(sed -n "s/^$2: .* bytes, \([0-9]*\) stripped\$/\1/p" "$work/said")
  expect "$1 is of at most $3 MiB, stripped" yes "$([ "${bytes:-0}" -gt 0 ] && [ "$bytes" -le $(($3 << 20)) ] && echo yes || echo "$bytes bytes")"
}
if ! command -v strip >/dev/null; then
  echo "SKIPPED: strip is not installed: the size of the libraries is not looked at"
elif [ "$PROFILE" = dev ]; then
  echo "SKIPPED: the size of the libraries means nothing in a build for tests"
else
  within "the shared library" "libesker.so.$VERSION" 4
  within "the static library" libesker.a 40
fi

block c >"$work/hello.c"
cd "$work"
# shellcheck disable=SC2046  # flags are words
cc -std=c11 -Wall -Wextra -pedantic -Werror hello.c -o hello $(flags --cflags --libs)
expect "C, shared library" hello "$(./hello)"
expect "C is bound to the ABI" libesker.so.0 "$(readelf -d hello | sed -n 's/.*NEEDED.*\[\(libesker.*\)\]/\1/p')"
rm -rf data
# What the archive needs besides itself is what Libs.private says: the same flags with the library by its file, and then with
# nothing shared at all.
static=$(if command -v pkg-config >/dev/null; then pkg-config --static --libs esker; else echo "-lesker -lpthread -ldl -lm"; fi)
# shellcheck disable=SC2046,SC2086
cc -std=c11 hello.c -o hello-static $(flags --cflags) ${static/-lesker/$lib/libesker.a}
expect "C, static library" hello "$(LD_LIBRARY_PATH= ./hello-static)"
rm -rf data
# shellcheck disable=SC2046,SC2086
cc -std=c11 -static hello.c -o hello-alone $(flags --cflags) -L"$lib" $static 2>ld.log || { cat ld.log; exit 1; } # glibc warns
expect "C, all static" hello "$(LD_LIBRARY_PATH= ./hello-alone)"

cat >hello.cpp <<'CPP'
#include <esker.hpp>
#include <iostream>
int main() {
    esker::Db db("data-cpp");
    db.put("greeting", "hello");
    std::cout << db.get("greeting").value_or("nothing") << "\n";
}
CPP
# shellcheck disable=SC2046
c++ -std=c++17 -Wall -Wextra -pedantic -Werror hello.cpp -o hello-cpp $(flags --cflags --libs)
expect "C++" hello "$(./hello-cpp)"

if command -v cmake >/dev/null; then
  cat >CMakeLists.txt <<CMAKE
cmake_minimum_required(VERSION 3.10)
project(hello CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(esker ${VERSION%.*} CONFIG REQUIRED)
add_executable(hello-cmake hello.cpp)
target_link_libraries(hello-cmake esker::esker)
add_executable(hello-cmake-static hello.cpp)
target_link_libraries(hello-cmake-static esker::static)
find_package(esker 9.9 CONFIG QUIET)
if(esker_FOUND)
  message(FATAL_ERROR "version 9.9 was found")
endif()
CMAKE
  cmake -S . -B out -DCMAKE_PREFIX_PATH="$work/root$PREFIX" >cmake.log 2>&1 && cmake --build out >>cmake.log 2>&1 ||
    { cat cmake.log; exit 1; }
  rm -rf data-cpp
  expect "CMake, shared library" hello "$(out/hello-cmake)"
  rm -rf data-cpp
  expect "CMake, static library" hello "$(LD_LIBRARY_PATH= out/hello-cmake-static)"
  expect "CMake links them so" 1 "$(readelf -d out/hello-cmake out/hello-cmake-static | grep -c 'NEEDED.*libesker.so.0')"
else
  echo "SKIPPED: CMake is not installed"
fi

"$work/root$PREFIX/bin/esker" put data-tool greeting hello
expect "tool" hello "$("$work/root$PREFIX/bin/esker" get data-tool greeting)"

man="$work/root$PREFIX/share/man"
# A page's text without its markup.
plain() { sed -e 's/^\.[A-Z]* //; s/\\f.//g; s/\\-/-/g; s/"//g' "$man/$1"; }
if command -v groff >/dev/null; then
  for page in man1/esker.1 man3/esker.3; do
    expect "$page is without fault" "" "$(groff -ww -man -Tutf8 "$man/$page" 2>&1 >/dev/null)"
    expect "$page has the version" 1 "$(groff -man -Tascii "$man/$page" | grep -c "^esker $VERSION ")"
  done
else
  echo "SKIPPED: groff is not installed: the man pages are not formatted"
fi
tool="$work/root$PREFIX/bin/esker"
commands=$("$tool" --help | sed -n '/^Commands:/,/^Options:/s/^  \([a-z][a-z-]*\) .*/\1/p')
expect "esker(1) has the commands" "$(sort <<<"$commands")" "$(awk '/^\.SH/ { on = /COMMANDS/ } on && above == ".TP" { print $2 } { above = $0 }' \
  "$man/man1/esker.1" | tr -d '\\' | sort)"
options_of() { grep -oE -- '(^|[^a-z-])--[a-z][a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+' | sort -u; }
expect "esker(1) has the options" "$(for c in $commands; do [ "$c" = help ] || "$tool" "$c" --help; done | sed -n '/^Options:/,$p' |
  sed -nE 's/^ +(-[a-zA-Z], )?(--[a-z0-9-]+).*/\2/p' | cat - <("$tool" --help | sed -nE 's/^ +-[a-zA-Z], (--[a-z0-9-]+).*/\1/p') | sort -u)" \
  "$(plain man1/esker.1 | options_of)"
sed -n '/^#include <stdio.h>/,/^}/p' "$man/man3/esker.3" | sed 's/\\e/\\/g' | cat <(echo '#include <esker.h>') - >manual.c
# shellcheck disable=SC2046
cc -std=c11 -Wall -Wextra -pedantic -Werror manual.c -o manual $(flags --cflags --libs)
rm -rf data
expect "esker(3), its program" hello "$(./manual)"
expect "esker(3) names only what there is" "" "$(grep -oE 'esker_[a-z_]+ \(\)' "$man/man3/esker.3" | tr -d ' ()' | sort -u |
  while read -r name; do grep -q "[ *]$name(" "$work/root$PREFIX/include/esker.h" || echo "$name"; done)"

# Where libraries are elsewhere: the same files, found by the same tools, in a directory that is not lib.
cd "$ROOT"
others=("$PREFIX/lib64" lib/of-a-machine)
for libdir in "${others[@]}"; do
  relative=${libdir#"$PREFIX"/}
  DESTDIR="$work/other" LIBDIR=$libdir scripts/install.sh >/dev/null
  expect "LIBDIR=$libdir" "$(below | grep -vxF "$before" | sed "s|^\./lib/|./$relative/|" | sort)" \
    "$(cd "$work/other$PREFIX" && find . ! -type d | sort)"
  cd "$work"
  rm -rf data data-cpp out
  if command -v pkg-config >/dev/null; then
    export PKG_CONFIG_PATH="$work/other$PREFIX/$relative/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work/other"
    # shellcheck disable=SC2046
    cc -std=c11 hello.c -o hello-other $(pkg-config --cflags --libs esker) -Wl,-rpath,"$work/other$PREFIX/$relative"
    expect "C, from there" hello "$(LD_LIBRARY_PATH= ./hello-other)"
  fi
  if command -v cmake >/dev/null; then
    cmake -S . -B out -Desker_DIR="$work/other$PREFIX/$relative/cmake/esker" >cmake.log 2>&1 && cmake --build out >>cmake.log 2>&1 ||
      { cat cmake.log; exit 1; }
    expect "CMake, from there" hello "$(LD_LIBRARY_PATH= out/hello-cmake)"
  fi
  cd "$ROOT"
  DESTDIR="$work/other" LIBDIR=$libdir scripts/install.sh --uninstall >/dev/null
  expect "and it goes" "" "$(find "$work/other" ! -type d)"
done
expect "LIBDIR elsewhere is refused" 2 "$(LIBDIR=/elsewhere DESTDIR="$work/other" scripts/install.sh >/dev/null 2>&1 || echo $?)"

if [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -c 'import esker' 2>/dev/null; then
  block python >"$work/hello.py"
  expect "README, Python" "" "$(cd "$work" && rm -rf data && "$VENV/bin/python" hello.py 2>&1)"
fi
DESTDIR="$work/root" scripts/install.sh --uninstall
expect "uninstalling leaves what was there before" "$before" "$(below)"
expect "and no directory of its own" "" "$(cd "$work/root" && find . -type d -name 'esker' | grep -v '^./opt/esker$' || true)"
echo "install: $passed passed, 0 failed"
