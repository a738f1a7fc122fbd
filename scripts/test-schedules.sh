#!/usr/bin/env bash
# T6: schedules. The engine's locks, atomics and threads become those of a model checker (core/src/util/sync.rs):
#
#   loom      the small concurrent parts (core/src/db/models, the memtable) under every schedule
#   shuttle   the whole engine on a simulated disk (core/tests/schedules) under so many schedules per test as SCHEDULES says
#   planted   plants the bug that each of them says it fails with, and demands that it does
#
#   scripts/test-schedules.sh                          loom and shuttle
#   SCHEDULES=20000 ESKER_SEED=7 scripts/test-schedules.sh shuttle
#   scripts/test-schedules.sh planted wake-without-the-lock
#
# The two are builds of their own (target/loom, target/shuttle), minutes from nothing: not part of `make test`.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

what=${1:-all}
[ $# -eq 0 ] || shift
LOGS="$TARGET/schedules-logs"
mkdir -p "$LOGS"
export RUST_BACKTRACE=0
# A test that takes longer hangs: a lock that the scheduler does not know.
WATCHDOG=${WATCHDOG:-7200}

# A compiler of this name adds the planted bugs, none of which is active unless ESKER_PLANTED names it (core/src/util/planted.rs):
# one build of each checker is for everything.
wrapper="$LOGS/rustc.sh"
printf '#!/bin/sh\nexec "$@" --cfg planted\n' >"$wrapper"
chmod +x "$wrapper"
export RUSTC_WORKSPACE_WRAPPER="$wrapper"
declare -A target=([loom]=--lib [shuttle]="--test=schedules")

# with CHECKER CARGO-ARGUMENTS…: cargo with the checker's cfg, in a folder of its own.
with() {
  local checker=$1
  shift
  # Unoptimised: the models are small, and there is much to compile.
  RUSTFLAGS="--cfg $checker" CARGO_TARGET_DIR="$TARGET/$checker" \
    CARGO_PROFILE_DEV_OPT_LEVEL=$([ "$checker" = loom ] && echo 0 || echo 1) timeout "$WATCHDOG" cargo "$@"
}

# run NAME COMMAND…: runs it; its log is kept. What it explored is added up over all.
explored=0
failed=0
run() {
  local name=$1 log="$LOGS/$1.log"
  shift
  if "$@" >"$log" 2>&1; then
    grep -aE '^explored [0-9]+ schedules of' "$log" || { echo "nothing was explored by $name (see $log)"; failed=$((failed + 1)); }
  else
    failed=$((failed + 1))
    echo "FAILED: $name (see $log; the seed is in it)"
    grep -aE 'panicked at|deadlock|ESKER_SEED=' -A 3 "$log" | cut -c1-400 | head -30
  fi
  explored=$((explored + $(grep -aoE '^explored [0-9]+' "$log" | awk '{ sum += $2 } END { printf "%.0f", sum }')))
}

loom() {
  say "loom: every schedule of the small parts"
  run loom with loom test -q -p esker --lib -- loom_ --nocapture --test-threads 2
}

shuttle() {
  say "shuttle: the whole engine, ${SCHEDULES:-a few hundred} schedules per test from seed ${ESKER_SEED:-0}"
  [ -z "${SCHEDULES:-}" ] || export ESKER_SCHEDULES="$SCHEDULES"
  run shuttle with shuttle test -q -p esker --test=schedules -- --nocapture --test-threads 2
}

# planted bug : checker : the tests that must find it
planted=(
  "trust-the-first-look:loom:loom_a_published_entry"
  "publish-before-apply:loom:commit_and_views"
  "forget-to-wake-syncers:loom:shared_syncs"
  "remove-tables-in-use:loom:install_and_pins"
  "snapshot-before-its-list:loom:snapshots_and_retention"
  "admit-after-close:loom:loom_an_unlogged_commit"
  "close-beside-callers:loom:loom_a_compaction_by_its_caller"
  "forget-to-wake-the-line:loom:loom_everyone_in_line"
  "wake-without-the-lock:loom:loom_a_close_wakes"
  "publish-before-apply:shuttle:engine"
  "remove-tables-in-use:shuttle:engine"
  "forget-snapshots:shuttle:engine"
  "checkpoint-cuts-nothing:shuttle:checkpoints"
  "forget-absent-reads:shuttle:serializable_histories"
  "let-plain-writes-past-key-locks:shuttle:keys"
)

# plant [BUG…]: runs the tests with one bug after the other, and demands that they fail.
plant() {
  local line bug checker tests log caught=0
  for line in "${planted[@]}"; do
    IFS=: read -r bug checker tests <<<"$line"
    if [ $# -gt 0 ] && [[ " $* " != *" $bug "* ]]; then continue; fi
    log="$LOGS/planted-$checker-$bug.log"
    with "$checker" test -q -p esker "${target[$checker]}" --no-run >"$log" 2>&1 || { cat "$log" >&2; return 1; }
    if ESKER_PLANTED="$bug" ESKER_SCHEDULES="${SCHEDULES:-4000}" \
        with "$checker" test -q -p esker "${target[$checker]}" -- "$tests" >"$log" 2>&1; then
      echo "NOT CAUGHT: $bug by $checker $tests"
      failed=$((failed + 1))
    elif ! grep -aq '^test result: FAILED' "$log"; then
      echo "NOT CAUGHT by a test's word, it did not come to its end: $bug by $checker $tests (see $log)"
      failed=$((failed + 1))
    else
      echo "caught: $bug by $checker $tests"
      caught=$((caught + 1))
    fi
  done
  echo "planted schedules: $caught passed, $failed failed"
}

case $what in
  planted) plant "$@"; [ "$failed" -eq 0 ]; exit ;;
  all) loom; shuttle ;;
  loom) loom ;;
  shuttle) shuttle ;;
  *) echo "there is no checker $what" >&2; exit 2 ;;
esac
echo "schedules: $explored explored, $failed failed"
[ "$failed" -eq 0 ]
