#!/usr/bin/env bash
# What one call from C costs: tests/bench/calls.c against an optimised library. `scripts/bench-calls.sh [ENTRIES [ROUNDS]]`
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

cargo build --quiet --release --package esker-ffi
work=$(mktemp -d "$TARGET/bench-calls-XXXXXX")
trap 'rm -rf "$work"' EXIT
# As an installation has it: programs are bound to libesker.so.0.
ln -s "$TARGET/release/libesker.so" "$work/libesker.so"
ln -s "$TARGET/release/libesker.so" "$work/libesker.so.0"
cc -std=c11 -O2 -Wall -Wextra -Wpedantic -Wconversion -Werror -Iinclude tests/bench/calls.c -o "$work/calls" -L"$work" -lesker -Wl,-rpath,"$work"
"$work/calls" "$work/data" "$@"
