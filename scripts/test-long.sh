#!/usr/bin/env bash
# The long tier: spends HOURS (a fraction will do) over the random families, each with seeds that nobody tried before. One pass is
# one test with one seed; a pass that fails prints the command that repeats it, and the rest goes on. What was run, with which
# seeds, how much of it and with what result is added to the table at the end of docs/testing.md, one line per family.
#
#   HOURS=8 scripts/test-long.sh              all families, an equal share each
#   HOURS=1 FAMILIES="crash fuzz" scripts/test-long.sh
#   SEED=n                                     where the seeds begin, for the same run again; else the clock says
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

HOURS=${HOURS:-1}
FAMILIES=${FAMILIES:-simfs model crash faults histories threads schedules hostile fuzz kill syscalls power python calls soak}
SEED=${SEED:-$(date +%s)}
# A pass that takes longer than this hangs.
WATCHDOG=${WATCHDOG:-1800}
# The page with the table; another one for a trial.
DOC=${DOC:-docs/testing.md}
LOGS="$TARGET/long-logs"
mkdir -p "$LOGS"

share=$(awk -v hours="$HOURS" -v families="$FAMILIES" 'BEGIN { printf "%d", hours * 3600 / split(families, f, " ") }')
if [ "$share" -lt 1 ]; then
  echo "HOURS=$HOURS is too short for these families" >&2
  exit 2
fi
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain --untracked-files=no 2>/dev/null)" ] || commit="$commit, changed"
broken=0

# built PACKAGE: the path of its integration tests, built; of esker-units that of the engine's unit tests; of esker-schedules that of
# the tests in which a scheduler decides who goes on, a build of its own.
built() {
  local log="$LOGS/build-$1.log" what=(-p "$1" --test it) with=()
  case $1 in
    esker-units) what=(-p esker --lib) ;;
    esker-schedules)
      what=(-p esker --test schedules)
      with=(RUSTFLAGS="--cfg shuttle" CARGO_TARGET_DIR="$TARGET/shuttle")
      ;;
  esac
  env "${with[@]}" cargo test "${what[@]}" --no-run >"$log" 2>&1 || { cat "$log" >&2; return 1; }
  realpath "$(sed -nE 's/^ +Executable .*\((.*)\)$/\1/p' "$log")"
}

# passes FAMILY PACKAGE COUNTED TESTS… -- NAME=VALUE…: tests in turn, each with fresh seeds, until the share is used up.
# COUNTED is how many of what one pass does ("1 run", "5000 input"), or only of what ("recoveries"): then the tests print how many
# each of them did ("3008 recoveries"), and that is added up.
passes() {
  local family=$1 package=$2 each=${3%% *} what=${3#* } tests=() given=() binary pass=0 seed started failed=0 total=0
  shift 3
  while [ $# -gt 0 ] && [ "$1" != -- ]; do tests+=("$1"); shift; done
  shift
  given=("$@")
  binary=$(built "$package")
  say "$family: ${#tests[@]} tests in turn for $share s, seeds from $SEED"
  started=$SECONDS
  while [ $((SECONDS - started)) -lt "$share" ]; do
    # Some tests take thousands of seeds from this one on; no pass takes one of another.
    seed=$((SEED + pass * 10000))
    local test=${tests[$((pass % ${#tests[@]}))]}
    local log="$LOGS/$family-$seed.log"
    # From a folder of the package, as cargo runs it.
    if (cd "$(folder_of "$package")" && env "${given[@]}" ESKER_SEED="$seed" timeout "$WATCHDOG" "$binary" --exact "$test" --nocapture) \
        >"$log" 2>&1; then
      grep -q '^test result: ok. 1 passed' "$log" || { echo "there is no test $test" >&2; exit 2; }
      case $each in
        [0-9]*) total=$((total + each)) ;;
        *) total=$((total + $(printed "$each" "$log"))) ;;
      esac
      rm "$log"
    else
      failed=$((failed + 1))
      local what_runs="cargo test -p $package --test it"
      [ "$package" != esker-units ] || what_runs="cargo test -p esker --lib"
      [ "$package" != esker-schedules ] ||
        what_runs="RUSTFLAGS='--cfg shuttle' CARGO_TARGET_DIR=target/shuttle cargo test -p esker --test schedules"
      echo "FAILED: ${given[*]} ESKER_SEED=$seed $what_runs -- --exact $test    (see $log)"
    fi
    pass=$((pass + 1))
  done
  case $each in [0-9]*) what="${what}s" ;; esac
  note "$family" "$SEED–$((SEED + pass * 10000 - 1))" "$total $what in $((SECONDS - started)) s" "$failed"
}

# printed WHAT LOG: the sum of what the log counts, 0 if nothing.
printed() {
  grep -oE "[0-9]+ $1\\b" "$2" | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

folder_of() { case $1 in esker | esker-units | esker-schedules) echo core ;; *) echo ffi ;; esac; }

# The tests of module $2 of $1, without those that do not look at a seed ($3, a pattern).
tests_of() {
  "$(built "$1")" --list 2>/dev/null | sed -nE "s/^($2::[a-z0-9_]+): test$/\1/p" | grep -vE "$3"
}

# note FAMILY SEEDS COUNT FAILED: adds a run to the family's line in the table. COUNT reads "90000 inputs in 13 s"; it is added to
# what the line has, unless that is of another kind. Of the seeds the first and the last ranges stay. Failures stay for ever.
note() {
  broken=$((broken + $4))
  echo "$1: $3, $4 failed"
  grep -q '^## The long tier' "$DOC" || printf '\n## The long tier\n\n| family | last commit | last date | seeds | count | result |\n|---|---|---|---|---|---|\n' >>"$DOC"
  awk -v family="$1" -v commit="$commit" -v date="$(date -u +%F)" -v seeds="$2" -v count="$3" -v failed="$4" '
    # The family of a line of the table, its number of things, their kind, and how long they took; "" if it does not say.
    function parse(cell,    words, n) {
      n = split(cell, words, " ")
      number = words[1]; kind = words[2]; sub(/,$/, "", kind)
      seconds = cell ~ / in [0-9]+ s$/ ? words[n - 1] : ""
    }
    function shortened(list,    part, n) {
      gsub(/… /, "", list); gsub(/…, /, "", list)
      n = split(list, part, ", ")
      return n <= 3 ? list : part[1] ", … " part[n - 1] ", " part[n]
    }
    function row(old,    cell, n, result, was) {
      if (old != "") {
        split(old, cell, / *\| */)
        parse(cell[6]); n = number; was = kind; old_seconds = seconds
        parse(count)
        if (was == kind) {
          count = sprintf("%.0f %s", n + number, kind) (old_seconds == "" ? "" : sprintf(" in %.0f s", old_seconds + seconds))
          seeds = shortened(cell[5] ", " seeds)
        }
        if (match(cell[7], /[0-9]+ failed/)) failed += substr(cell[7], RSTART)
      }
      result = failed > 0 ? "**" failed " failed**" : "0 failed"
      return "| " family " | " commit " | " date " | " seeds " | " count " | " result " |"
    }
    /^## /        { inside = ($0 == "## The long tier") }
    inside && index($0, "| " family " |") == 1 { print row($0); done = 1; next }
    inside && table && !/^\|/ && !done { print row(""); done = 1 }
    { table = /^\|/; print }
    END { if (!done) print row("") }
  ' "$DOC" >"$DOC.new"
  mv "$DOC.new" "$DOC"
}

# The fuzz programs (or those that FUZZ names), each for its part of the share; a line of the table for each, in seconds of the processor,
# as that is what a fuzz program is worth beside other work. An input may take a second and 256 MiB in one piece; FUZZ_TIMEOUT=10 is for
# a machine that has more to do than processors. Without cargo-fuzz the mutations of `hostile` stand in.
fuzz_programs() {
  if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "SKIPPED: fuzz (cargo install cargo-fuzz)"
    return 0
  fi
  local names each name log runs failed used before
  read -ra names <<<"${FUZZ:-$(cd fuzz/fuzz_targets && echo *.rs | sed 's/\.rs//g')}"
  export RUSTC_BOOTSTRAP=1
  # Their own folder: another compiler mode would make the other builds start anew.
  local folder="$TARGET/fuzz"
  CARGO_TARGET_DIR="$folder" cargo fuzz build --sanitizer none >"$LOGS/build-fuzz.log" 2>&1 || { cat "$LOGS/build-fuzz.log"; return 1; }
  each=$((share / ${#names[@]}))
  [ "$each" -gt 0 ] || each=1
  say "fuzz: ${#names[@]} programs, $each s each, seed $SEED"
  for name in "${names[@]}"; do
    # What a run finds interesting goes to a folder of its own, and is there for the next.
    mkdir -p "$folder/corpus/$name"
    log="$LOGS/fuzz-$name.log" failed=0
    look_at_used
    before=$used
    local limits=(-max_total_time="$each" -timeout="${FUZZ_TIMEOUT:-1}" -rss_limit_mb=2048 -malloc_limit_mb=256 -max_len=16384)
    if ! CARGO_TARGET_DIR="$folder" cargo fuzz run --sanitizer none "$name" "$folder/corpus/$name" "fuzz/corpus/$name" \
        -- "${limits[@]}" -seed="$((SEED % 4294967295 + 1))" -report_slow_units=1 -print_final_stats=1 >"$log" 2>&1; then
      failed=1
      echo "FAILED: fuzz $name; the input is in fuzz/artifacts/$name (see $log), RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none $name FILE repeats it"
    fi
    runs=$(sed -nE 's/^stat::number_of_executed_units: +([0-9]+)$/\1/p' "$log" | tail -1)
    look_at_used
    note "fuzz $name" "$SEED" "${runs:-0} inputs in $((used - before)) s" "$failed"
  done
  unset RUSTC_BOOTSTRAP
}

# Sets `used` to what the commands of this script have used of a processor until now, in whole seconds: the last line of `times`,
# "8m20.1s 0m3.2s", which must not be asked in a subshell, whose commands are its own.
look_at_used() {
  times >"$LOGS/times-$$"
  used=$(tail -1 "$LOGS/times-$$" | tr 'ms' '  ' | awk '{ printf "%d", ($1 + $3) * 60 + $2 + $4 }')
  rm "$LOGS/times-$$"
}

# Kills of the Python package, at random and at counted system calls.
python_kills() {
  if [ ! -x "$VENV/bin/python" ] || ! "$VENV/bin/python" -c 'import esker' 2>/dev/null; then
    echo "SKIPPED: python (scripts/test-python.sh builds the package)"
    return 0
  fi
  local log started=$SECONDS pass=0 count=0 failed=0 seed
  say "python: for $share s, seeds from $SEED"
  while [ $((SECONDS - started)) -lt "$share" ]; do
    seed=$((SEED + pass * 10000))
    log="$LOGS/python-$seed.log"
    if ESKER_SEED=$seed ESKER_KILLS=40 timeout "$WATCHDOG" "$VENV/bin/python" -m pytest -q -rP bindings/python/tests/test_syscall_kills.py \
        bindings/python/tests/test_crash_recovery.py -k killed_at >"$log" 2>&1; then
      count=$((count + $(printed kills "$log")))
      rm "$log"
    else
      failed=$((failed + 1))
      echo "FAILED: ESKER_SEED=$seed ESKER_KILLS=40 pytest -k killed_at    (see $log)"
    fi
    pass=$((pass + 1))
  done
  note python "$SEED–$((SEED + pass * 10000 - 1))" "$count kills in $((SECONDS - started)) s" "$failed"
}

# One long run of everything at once (tests/soak), whose costs must not grow.
soak() {
  local log="$LOGS/soak.log" failed=0 minutes
  minutes=$(awk -v seconds="$share" 'BEGIN { print seconds / 60 }')
  say "soak: $minutes minutes, seed $SEED"
  cargo run --quiet --release -p esker-bench --example soak -- --minutes "$minutes" --seed "$SEED" >"$log" 2>&1 || failed=1
  tail -20 "$log"
  note soak "$SEED" "$minutes minutes" "$failed"
}

for family in $FAMILIES; do
  case $family in
    simfs) passes simfs esker-units scripts env::sim_fs::plain_model::real_filesystems_do_no_more_than_the_medium_may -- ESKER_T1_SCRIPTS=50 ;;
    model) passes model esker operations $(tests_of esker model 'there_are|every_') -- ESKER_MODEL_OPS=10000 ;;
    crash) passes crash esker recoveries $(tests_of esker crash 'every_|two_runs|killed_process') -- RUST_BACKTRACE=0 ESKER_CRASH_IMAGES=64 ESKER_CRASH_DEPTH=3 ;;
    faults) passes faults esker strikes $(tests_of esker faults 'every_|two_runs') -- RUST_BACKTRACE=0 ESKER_FAULTS=all ;;
    histories) passes histories esker histories $(tests_of esker histories 'snapshot|classic|transfers') -- RUST_BACKTRACE=0 ;;
    threads) passes threads esker "1 run" $(tests_of esker 'threads(_over_families)?' 'synced_writers|close_while') -- RUST_BACKTRACE=0 ;;
    schedules) passes schedules esker-schedules schedules $(tests_of esker-schedules '[a-z]+' 'snapshot') -- ESKER_SCHEDULES=2000 RUST_BACKTRACE=0 ;;
    hostile) passes hostile esker "5000 input" $(tests_of esker hostile 'every_') -- ESKER_HOSTILE_ROUNDS=5000 ;;
    kill) passes kill esker-ffi kills $(tests_of esker-ffi crash 'nothing') -- ESKER_KILLS=50 ;;
    syscalls) passes syscalls esker-ffi kills $(tests_of esker-ffi syscalls 'nothing') -- ESKER_KILLS=60 ;;
    power) passes power esker-ffi cuts $(tests_of esker-ffi power_cut 'nothing') -- ESKER_KILLS=20 ;;
    python) python_kills ;;
    calls) passes calls esker-ffi "200 sequence" c_programs::calls -- ESKER_CALLS=200 ;;
    soak) soak ;;
    fuzz) fuzz_programs ;;
    *) echo "there is no family $family" >&2; exit 2 ;;
  esac
done
say "summary"
sed -n '/^## The long tier/,$p' "$DOC"
echo "long: $broken failed"
[ "$broken" -eq 0 ]
