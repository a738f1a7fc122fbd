#!/usr/bin/env bash
# The tests find bugs: builds the engine with planted bugs (core/src/util/planted.rs), makes one after the other active, and demands
# that the family named beside it fails. A bug that goes unnoticed fails this script. One build, then seconds a bug.
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
  "replay-a-number-twice:hostile::wal"
  "checkpoint-cuts-nothing:checkpoint::what_comes_after"
)

# A compiler of this name adds the bugs to our own crates alone: what they depend on is not built again. The bugs are all in one
# build, and each process has the one that ESKER_PLANTED names.
mkdir -p "$TARGET/planted"
wrapper="$TARGET/planted/rustc.sh"
printf '#!/bin/sh\nexec "$@" --cfg planted\n' >"$wrapper"
chmod +x "$wrapper"
export RUSTC_WORKSPACE_WRAPPER="$wrapper" RUST_BACKTRACE=0
log="$TARGET/planted/build.log"
cargo test -p esker --test it --no-run >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
tests=$(realpath "$(sed -nE 's/^ +Executable .*\((.*)\)$/\1/p' "$log")")
# Every name in the sources is in the list, or in that of scripts/test-schedules.sh, and every name of the lists is in the sources.
listed=$({ printf '%s\n' "${planted[@]%%:*}"; sed -nE 's/^  "([a-z0-9-]+):(loom|shuttle):.*/\1/p' scripts/test-schedules.sh; } | sort -u)
there=$(grep -rhoE '[^_]planted\("[a-z0-9-]+"\)' core/src --include=*.rs --exclude=planted.rs | sed -E 's/.*"(.*)".*/\1/' | sort -u)
if [ "$listed" != "$there" ]; then
  echo "the lists and the bugs in core/src differ:" >&2
  diff <(echo "$listed") <(echo "$there") >&2
  exit 1
fi

caught=0
missed=0
for line in "${planted[@]}"; do
  name=${line%%:*}
  family=${line#*:}
  if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
  log="$TARGET/planted/$name.log"
  if (cd core && env ESKER_PLANTED="$name" timeout 1200 "$tests" "$family") >"$log" 2>&1; then
    echo "NOT CAUGHT: $name by $family"
    missed=$((missed + 1))
  elif ! grep -q '^test result: FAILED' "$log"; then
    # Neither passed nor failed: it hung or died. That is noticed too, but not by a test's word.
    echo "caught, the tests did not come to their end: $name by $family (see $log)"
    caught=$((caught + 1))
  else
    echo "caught: $name by $family"
    caught=$((caught + 1))
  fi
done
if (cd core && timeout 1200 "$tests" hostile::wal families::) >"$TARGET/planted/none.log" 2>&1; then
  echo "with none of them active the same build passes"
else
  echo "the tests fail with no bug active (see $TARGET/planted/none.log)"
  missed=$((missed + 1))
fi
echo "planted: $caught passed, $missed failed"
[ "$missed" -eq 0 ]
