#!/usr/bin/env bash
# Other runtimes load libesker.so by their own foreign-function interface: tests/dlopen/, and the programs to copy in examples/.
# One line per runtime; what is not there, and not quick to install, is SKIPPED with its reason.
#   --all    also installs what is large (Go: half a gigabyte)
#   NAME…    only these
#   PROFILE=dev    takes the tests' build of the library instead of an optimised one
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

ALL=(ctypes node luajit perl ruby java php csharp go)
with_large=false
wanted=()
for argument in "$@"; do
  if [ "$argument" = --all ]; then with_large=true; else wanted+=("$argument"); fi
done
[ ${#wanted[@]} -gt 0 ] || wanted=("${ALL[@]}")

PROFILE=${PROFILE:-release}
# A folder like an installation's, with links to what was built.
PLACE="$TARGET/dlopen"
CDEF="$ROOT/include/esker.cdef"
JNA=/usr/share/java/jna.jar
KOFFI=2.16.3
cargo build --quiet --profile "$PROFILE" --package esker-ffi
mkdir -p "$PLACE/lib/pkgconfig" "$PLACE/built"
ln -sfn "$ROOT/include" "$PLACE/include"
for link in libesker.so libesker.so.0; do ln -sfn "$(profile_folder "$PROFILE")/$(library_file)" "$PLACE/lib/$link"; done
sed -e "s|@PREFIX@|$PLACE|g" -e 's|@VERSION@|0|g' scripts/esker.pc.in >"$PLACE/lib/pkgconfig/esker.pc"
export LD_LIBRARY_PATH="$PLACE/lib" PKG_CONFIG_PATH="$PLACE/lib/pkgconfig"
export NODE_PATH="$PLACE/node/node_modules" GOCACHE="$PLACE/go" GO111MODULE=off

scripts/cdef.sh --check
# It is C, and declares every export and nothing else.
printf '#include <stdint.h>\n#include <stddef.h>\n#include "esker.cdef"\n' |
  cc -std=c99 -Wall -Wextra -pedantic -Werror -Iinclude -x c -fsyntax-only -
diff <(grep -oE '\besker_[a-z0-9_]+\(' "$CDEF" | tr -d '(' | LC_ALL=C sort -u) <(LC_ALL=C sort ffi/exports.txt) ||
  { echo "esker.cdef does not declare what ffi/exports.txt lists"; exit 1; }
for runtime in "${ALL[@]}"; do
  [ -d "tests/dlopen/$runtime" ] && [ -d "examples/$runtime" ] || { echo "$runtime has no test or no example"; exit 1; }
done
for folder in tests/dlopen/*/; do
  [[ " ${ALL[*]} " = *" $(basename "$folder") "* ]] || { echo "$folder is not run"; exit 1; }
done

# For each runtime: whether it is there (with a word why not), what would bring it, how the test runs (LIBRARY DIRECTORY) and
# how the example does (DIRECTORY).
watched() { timeout 180 "$@"; }
there() { command -v "$1" >/dev/null || { echo "$1 is not installed"; return 1; }; }

has_ctypes() { "$(find_python)" -c 'import ctypes' 2>/dev/null || { echo "no Python with ctypes"; return 1; }; }
test_ctypes() { watched "$(find_python)" tests/dlopen/ctypes/check.py "$@"; }
example_ctypes() { watched "$(find_python)" examples/ctypes/hello.py "$@"; }

has_node() {
  there node && there npm || return 1
  [ -d "$PLACE/node/node_modules/koffi" ] ||
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$PLACE/node" "koffi@$KOFFI" >"$PLACE/npm.log" 2>&1 ||
    { echo "koffi cannot be installed from npm"; return 1; }
}
test_node() { watched node tests/dlopen/node/check.js "$@"; }
example_node() { watched node examples/node/hello.js "$@"; }

has_luajit() { there luajit; }
packages_luajit=luajit
test_luajit() { watched luajit tests/dlopen/luajit/check.lua "$@" "$CDEF"; }
example_luajit() { watched luajit examples/luajit/hello.lua "$@" "$CDEF"; }

has_perl() { there perl && { perl -MFFI::Platypus -e 1 2>/dev/null || { echo "FFI::Platypus is not installed"; return 1; }; }; }
packages_perl=libffi-platypus-perl
test_perl() { watched perl tests/dlopen/perl/check.pl "$@"; }
example_perl() { watched perl examples/perl/hello.pl "$@"; }

has_ruby() { there ruby && { ruby -e 'require "fiddle"' 2>/dev/null || { echo "Fiddle is not installed"; return 1; }; }; }
packages_ruby=ruby
test_ruby() { watched ruby tests/dlopen/ruby/check.rb "$@"; }
example_ruby() { watched ruby examples/ruby/hello.rb "$@"; }

has_java() {
  there java || return 1
  [ "$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')" -ge 17 ] || { echo "Java is older than 17"; return 1; }
  [ -f "$JNA" ] || { echo "JNA is not installed"; return 1; }
}
packages_java=libjna-java
test_java() { watched java -cp "$JNA" tests/dlopen/java/Check.java "$@"; }
example_java() { watched java -cp "$JNA" examples/java/Hello.java "$@"; }

has_php() { there php && { php -r 'exit(extension_loaded("FFI") ? 0 : 1);' || { echo "PHP has no FFI"; return 1; }; }; }
packages_php=php-cli
test_php() { watched php -d ffi.enable=1 tests/dlopen/php/check.php "$@" "$CDEF"; }
example_php() { watched php -d ffi.enable=1 examples/php/hello.php "$@" "$CDEF"; }

has_csharp() { there mcs && there mono; }
packages_csharp='mono-mcs mono-runtime'
test_csharp() { mcs "-out:$PLACE/built/Check.exe" tests/dlopen/csharp/Check.cs && watched mono "$PLACE/built/Check.exe" "$@"; }
example_csharp() { mcs "-out:$PLACE/built/Hello.exe" examples/csharp/Hello.cs && watched mono "$PLACE/built/Hello.exe" "$@"; }

has_go() { there go && there pkg-config; }
packages_go=golang-go
large_go='464 MB; scripts/test-dlopen.sh --all installs it'
test_go() { watched env CGO_CFLAGS="-I$PLACE/include" CGO_LDFLAGS="-L$PLACE/lib" go run tests/dlopen/go/check.go "$@"; }
example_go() { watched go run examples/go/hello.go "$@"; }

# What is missing and quick to bring is brought by one call; should that fail, by one for each, so that one cannot spoil all.
packages() { local name="packages_$1"; echo "${!name:-}"; }
is_large() { local name="large_$1"; [ -n "${!name:-}" ]; }
missing=()
for runtime in "${wanted[@]}"; do
  if [ -n "$(packages "$runtime")" ] && ! "has_$runtime" >/dev/null && { $with_large || ! is_large "$runtime"; }; then
    missing+=("$runtime")
  fi
done
if [ ${#missing[@]} -gt 0 ]; then
  # shellcheck disable=SC2046  # packages are words
  install_packages $(for runtime in "${missing[@]}"; do packages "$runtime"; done) ||
    for runtime in "${missing[@]}"; do
      # shellcheck disable=SC2046
      install_packages $(packages "$runtime") || true
    done
fi

EXAMPLE=$'greeting = hello\nuser/1 = Ada\nuser/2 = Grace'
passed=0 failed=0 skipped=0

# Runs a function above with an empty directory as its last argument; what it printed is in $printed, also if it failed.
run() {
  local scratch status=0
  scratch=$(mktemp -d)
  printed=$("$@" "$scratch" 2>&1) || status=$?
  rm -rf "$scratch"
  return $status
}

for runtime in "${wanted[@]}"; do
  start=$SECONDS
  if ! reason=$("has_$runtime"); then
    large="large_$runtime"
    [ -z "${!large:-}" ] || reason="$reason (${!large})"
    echo "SKIPPED: $runtime: $reason"
    skipped=$((skipped + 1))
    continue
  fi
  if ! run "test_$runtime" "$PLACE/lib/libesker.so.0" || [ "$printed" != "$(cat tests/dlopen/steps.txt)" ]; then
    printf '%s FAILED; its test printed, of the steps in tests/dlopen/steps.txt:\n%s\n' "$runtime" "$printed"
    failed=$((failed + 1))
  elif ! run "example_$runtime" || [ "$printed" != "$EXAMPLE" ]; then
    printf '%s FAILED; its example printed:\n%s\n' "$runtime" "$printed"
    failed=$((failed + 1))
  else
    printf '%-7s passed %3d s\n' "$runtime" $((SECONDS - start))
    passed=$((passed + 1))
  fi
done
echo "dlopen: $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
