#!/usr/bin/env bash
# Installs into an empty directory and uses what is there as a stranger would: the C program of README.md by pkg-config, against
# the shared and the static library; a C++ program; CMake where it is installed; the tool. Then README's Python program.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PREFIX=/opt/esker
PROFILE=${PROFILE:-release} PREFIX=$PREFIX DESTDIR="$work/root" scripts/install.sh

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

block c >"$work/hello.c"
cd "$work"
# shellcheck disable=SC2046  # flags are words
cc -std=c11 -Wall -Wextra -pedantic -Werror hello.c -o hello $(flags --cflags --libs)
expect "C, shared library" hello "$(./hello)"
rm -rf data
# shellcheck disable=SC2046
cc -std=c11 hello.c -o hello-static $(flags --cflags) "$lib/libesker.a" -lpthread -ldl -lm
expect "C, static library" hello "$(LD_LIBRARY_PATH= ./hello-static)"

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
  rm -rf data-cpp
  cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.10)
project(hello CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(esker 0.1 REQUIRED)
add_executable(hello-cmake hello.cpp)
target_link_libraries(hello-cmake esker::esker)
CMAKE
  cmake -S . -B out -DCMAKE_PREFIX_PATH="$work/root$PREFIX" >cmake.log 2>&1 && cmake --build out >>cmake.log 2>&1 ||
    { cat cmake.log; exit 1; }
  expect "CMake" hello "$(out/hello-cmake)"
else
  echo "SKIPPED: CMake is not installed"
fi

"$work/root$PREFIX/bin/esker" put data-tool greeting hello
expect "tool" hello "$("$work/root$PREFIX/bin/esker" get data-tool greeting)"

cd "$ROOT"
if [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -c 'import esker' 2>/dev/null; then
  block python >"$work/hello.py"
  expect "README, Python" "" "$(cd "$work" && rm -rf data && "$VENV/bin/python" hello.py 2>&1)"
fi
echo "install: $passed passed, 0 failed"
