#!/usr/bin/env bash
# Builds and runs every test of every language, from a clean clone, and ends with each runner's own summary.
# A failing part does not stop the others; the exit code is theirs together.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

LOGS="$TARGET/test-logs"
mkdir -p "$LOGS"
failed=()
done_parts=()

# part NAME COMMAND…: runs it, keeps its output in target/test-logs/NAME.log, and remembers whether it passed.
part() {
  local name=$1 start=$SECONDS
  shift
  say "$name"
  if "$@" 2>&1 | tee "$LOGS/$name.log"; then
    done_parts+=("$(printf '%-10s passed  %4d s' "$name" $((SECONDS - start)))")
  else
    failed+=("$name")
    done_parts+=("$(printf '%-10s FAILED  %4d s   target/test-logs/%s.log' "$name" $((SECONDS - start)) "$name")")
  fi
}

# The closing lines of the runners in LOG: cargo test, nextest, pytest, our own.
summary_lines() {
  grep -aE '^test result: |^ +Summary \[|^(=+ )?[0-9]+ (passed|failed|error).* in [0-9.]+s|^install: |^wheel: |^dlopen: [0-9]|^getting started: |SKIPPED: |^ *[0-9]+ (kills|cuts) ' "$1" || true
}

part setup scripts/setup.sh
part check scripts/check.sh
part rust scripts/test-rust.sh
part python scripts/test-python.sh
part wheel scripts/test-wheel.sh
part install env PROFILE=dev scripts/test-install.sh
part dlopen env PROFILE=dev scripts/test-dlopen.sh
part newcomer env PROFILE=dev scripts/test-getting-started.sh
part demo env PROFILE=dev scripts/demo.sh --small

say "summary"
for log in rust python wheel install dlopen newcomer demo; do
  [ -f "$LOGS/$log.log" ] && summary_lines "$LOGS/$log.log" | sed -E "s/^ +//"
done
printf '%s\n' "${done_parts[@]}"
if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}"
  exit 1
fi
