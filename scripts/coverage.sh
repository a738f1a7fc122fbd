#!/usr/bin/env bash
# Which lines and regions of the engine its own tests reach (core's units and core/tests/it), by folder. A region is what the
# compiler counts apart: one arm of a match, the error that a `?` returns. Prints the table that docs/testing.md has.
#
#   scripts/coverage.sh                     builds, runs the tests once, reports; about as long as the Rust tests take, twice
#   SKIP='model:: crash::' scripts/…        the same without these families of core/tests/it
#   scripts/coverage.sh --report            reports again on what the last run measured
#   scripts/coverage.sh --report wal record then also lists the places in those folders or files that no test reached
#
# Needs llvm-profdata and llvm-cov of rustc's LLVM (no other version reads its files): the toolchain's (rustup component
# llvm-tools), the system's, or else Debian's package llvm-NN, which it installs. Says SKIPPED where that is not possible.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

WORK="$TARGET/coverage"
export CARGO_TARGET_DIR="$WORK/build"

# The folder with the programs of LLVM version $1.
llvm_folder() {
  local folder
  for folder in "$(rustc --print sysroot)"/lib/rustlib/*/bin "/usr/lib/llvm-$1/bin"; do
    if [ -x "$folder/llvm-profdata" ] && [ -x "$folder/llvm-cov" ]; then
      echo "$folder"
      return 0
    fi
  done
  return 1
}

version=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
if ! llvm=$(llvm_folder "$version"); then
  install_packages "llvm-$version" || true
  if ! llvm=$(llvm_folder "$version"); then
    echo "SKIPPED: no llvm-profdata and llvm-cov of version $version, which rustc has; rustup component add llvm-tools brings them"
    exit 0
  fi
fi

if [ "${1:-}" = --report ]; then
  shift
else
  rm -rf "$WORK/profiles"
  mkdir -p "$WORK/profiles"
  # A compiler of this name measures the engine alone: what it depends on is not ours to test.
  printf '#!/bin/sh\nexec "$@" -Cinstrument-coverage\n' >"$WORK/rustc.sh"
  chmod +x "$WORK/rustc.sh"
  export RUSTC_WORKSPACE_WRAPPER="$WORK/rustc.sh" LLVM_PROFILE_FILE="$WORK/profiles/%m-%p.profraw"
  cargo test --package esker --lib --test it --no-run --message-format=json 2>"$WORK/build.log" |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' >"$WORK/programs" || { cat "$WORK/build.log"; exit 1; }
  say "tests"
  skips=()
  for family in ${SKIP:-}; do skips+=(--skip "$family"); done
  while read -r program; do
    case $program in
      */it-*) (cd core && CARGO_MANIFEST_DIR="$ROOT/core" "$program" --quiet "${skips[@]}") ;;
      *) (cd core && CARGO_MANIFEST_DIR="$ROOT/core" "$program" --quiet) ;;
    esac
  done <"$WORK/programs"
  "$llvm/llvm-profdata" merge -sparse "$WORK"/profiles/*.profraw -o "$WORK/merged.profdata"
  mapfile -t programs < <(sed 's/^/-object=/' "$WORK/programs")
  "$llvm/llvm-cov" export -instr-profile="$WORK/merged.profdata" "${programs[@]}" >"$WORK/coverage.json"
fi
"$(find_python)" scripts/coverage.py "$WORK/coverage.json" "$@"
