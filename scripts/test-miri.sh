#!/usr/bin/env bash
# Miri: an interpreter that notices undefined behaviour, over unit tests of parts that need no operating system: by default the
# memtable, the engine's only raw memory that is not a file. Hundreds of times slower than the machine: the memtable's tests do less
# under it by themselves; of other parts those that loop for long are left out by name.
#
#   scripts/test-miri.sh                     the memtable
#   scripts/test-miri.sh batch key iter      unit tests whose path begins so
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

if ! cargo +nightly miri --version >/dev/null 2>&1; then
  echo "SKIPPED: Miri (rustup toolchain install nightly --component miri,rust-src)"
  exit 0
fi

parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(memtable)
# Long loops, and what asks the operating system. Those of the memtable do less under Miri by themselves.
skip=()
for name in any_bytes random model thousand million agree doc_page every_ the_page; do skip+=(--skip "$name"); done

# Leaks are none of ours: statics stay.
export MIRIFLAGS="${MIRIFLAGS:--Zmiri-disable-isolation}" CARGO_TARGET_DIR="$TARGET/miri" RUST_BACKTRACE=0
failed=0
tests=0
mkdir -p "$TARGET/miri"
for part in "${parts[@]}"; do
  log="$TARGET/miri/${part//::/-}.log"
  leave_out=("${skip[@]}")
  [ "$part" != memtable ] || leave_out=()
  if timeout "${WATCHDOG:-3600}" cargo +nightly miri test -q -p esker --lib -- "$part::" "${leave_out[@]}" >"$log" 2>&1; then
    passed=$(sed -nE 's/^test result: ok. ([0-9]+) passed.*/\1/p' "$log" | tail -1)
    echo "$part: ${passed:-0} tests"
    tests=$((tests + ${passed:-0}))
  else
    failed=$((failed + 1))
    echo "FAILED: $part (see $log)"
    grep -aE 'error: |panicked at' -A 4 "$log" | head -20
  fi
done
echo "miri: $tests passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$tests" -gt 0 ]
