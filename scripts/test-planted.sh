#!/usr/bin/env bash
# The tests find bugs: builds the engine with one planted bug at a time (cfg(planted = "…"), see core/src) and demands that the
# family named beside it fails. A bug that goes unnoticed fails this script. About a minute a bug on two cores.
# Arguments: names of bugs to try; without any, all.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

# planted bug : the quick tests that must catch it
planted=(
  "skip-wal-sync:crash::puts_some_synced"
  "skip-directory-sync:crash::flushes"
  "acknowledge-without-append:crash::puts_some_synced"
  "ignore-checksum:bit_rot::one_bit_of_every_byte"
  "reuse-sequence-numbers:continuity"
  "forget-snapshots:model::tiny"
  "forget-direction:model::tiny"
  "inclusive-upper-bound:model::tiny"
  "delete-inputs-early:crash::compaction_from_level_0_down"
  "leave-older-level-0-tables:model::lazy_level_zero"
  "forget-range-tombstones:model::tiny"
  "merge-across-snapshot:merges::every_reader"
  "drop-expired-over-older:expiry::what_lies_beneath"
  "skip-range-validation:histories"
  "validate-before-lock:key_locks::the_commit_of_an_optimistic"
  "forget-absent-reads:histories::interleaved_serializable"
  "flush-out-of-order:crash::writes_alternate"
  "split-unlogged-flush:crash::unlogged_batches"
  "forget-idle-families:families::an_idle_family"
  "let-time-run-backwards:model::tiny"
  "replay-what-is-in-tables:crash::merges_and_expiries"
  "let-plain-writes-past-key-locks:key_locks"
  "drop-tombstones-above-snapshots:model::tiny"
  "forget-readers-of-dropped:families::snapshots_and_iterators"
)

caught=0
missed=0
mkdir -p "$TARGET/planted"
for line in "${planted[@]}"; do
  name=${line%%:*}
  family=${line#*:}
  if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
  log="$TARGET/planted/$name.log"
  # A compiler of this name adds the bug to the engine alone: what it depends on is not built again.
  wrapper="$TARGET/planted/$name.sh"
  printf '#!/bin/sh\nexec "$@" --cfg '\''planted="%s"'\''\n' "$name" >"$wrapper"
  chmod +x "$wrapper"
  export RUSTC_WORKSPACE_WRAPPER="$wrapper" RUST_BACKTRACE=0
  if ! cargo test -q -p esker --test it --no-run >"$log" 2>&1; then
    echo "does not build: $name (see $log)"
    missed=$((missed + 1))
  elif cargo test -q -p esker --test it -- "$family" >>"$log" 2>&1; then
    echo "NOT CAUGHT: $name by $family"
    missed=$((missed + 1))
  else
    echo "caught: $name by $family"
    caught=$((caught + 1))
  fi
done
echo "planted: $caught passed, $missed failed"
[ "$missed" -eq 0 ]
