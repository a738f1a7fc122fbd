#!/usr/bin/env bash
# The C programs against a library that is built with the thread sanitizer itself: races between calls, closes and background work.
# In the quick tests only the programs are instrumented, by other sanitizers. RUNS=n repeats each; THREADED="close txn" names some.
#
# Sanitizers are unstable in Rust; RUSTC_BOOTSTRAP=1 lets a stable compiler have them. The standard library comes compiled and
# stays as it is, so what it does inside is not seen: for the thread sanitizer the engine has locks that are (`cfg(tsan)` in
# core/src/util/sync.rs), and tests/c/tsan.supp lists what else would be taken for a race, and why it is none.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

# Those in which threads of the program or of the engine meet.
THREADED=${THREADED:-close callbacks txn family iter maintenance write expiry snapshot}
RUNS=${RUNS:-3}
# A program that takes longer than this hangs.
WATCHDOG=${WATCHDOG:-900}
host=$(rustc -vV | sed -n 's/^host: //p')
LOGS="$TARGET/race-logs"
mkdir -p "$LOGS"
passed=0
failed=()

if ! command -v clang >/dev/null; then
  echo "SKIPPED: clang is not installed, whose sanitizers are Rust's"
  exit 0
fi

# build KIND: the library, in a target directory of its own.
build() {
  say "$1 sanitizer: building the library"
  RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=$1 -Cunsafe-allow-abi-mismatch=sanitizer --cfg tsan" \
    cargo build --quiet --package esker-ffi --lib --target "$host" --target-dir "$TARGET/sanitize-$1"
  built="$TARGET/sanitize-$1/$host/debug"
  ln -sf libesker.so "$built/libesker.so.0"
  runtime=$(echo "$(rustc --print sysroot)/lib/rustlib/$host/lib/"librustc-*_rt."${1:0:1}san.a")
}

# compiled KIND SOURCE PROGRAM. The runtime is Rust's own: that of an older clang lacks what Rust's code calls.
compiled() {
  clang -std=c99 -g -O1 "-fsanitize=$1" -Iinclude -c "$2" -o "$3.o"
  clang "$3.o" -o "$3" -Wl,--whole-archive "$runtime" -Wl,--no-whole-archive -rdynamic -L"$built" -lesker "-Wl,-rpath,$built" \
    -lpthread -ldl -lm -lrt -lresolv
}

# watched PROGRAM DIRECTORY
watched() {
  TSAN_OPTIONS="suppressions=$ROOT/tests/c/tsan.supp:exitcode=66:history_size=4" timeout "$WATCHDOG" "$1" "$2"
}

# run KIND PROGRAM TIMES
run() {
  local kind=$1 name=$2 work log="$LOGS/$1-$2.log" time status=0
  work=$(mktemp -d)
  compiled "$kind" "tests/c/$name.c" "$work/program"
  : >"$log"
  for time in $(seq "$3"); do
    mkdir "$work/$time"
    watched "$work/program" "$work/$time" >>"$log" 2>&1 || status=$?
    [ "$status" = 0 ] || break
    passed=$((passed + 1))
  done
  rm -rf "$work"
  if [ "$status" = 0 ]; then echo "$kind sanitizer, $name: $3 times without a finding"; else
    failed+=("$name")
    echo "$kind sanitizer, $name: FAILED ($status), see $log"
  fi
}

# The test of the test: two threads that move one iterator, which convention 9 forbids. It must be found.
must_find() {
  local work status=0
  work=$(mktemp -d)
  cat >"$work/planted.c" <<'C'
#include <esker.h>
#include <pthread.h>
static void *move(void *iter) {
    for (int i = 0; i < 1000; i++) esker_iter_seek_to_first(iter);
    return NULL;
}
int main(int argc, char **argv) {
    esker_db *db = NULL;
    esker_iter *iter = NULL;
    pthread_t thread;
    if (argc < 2 || esker_open(argv[1], NULL, &db, NULL) != ESKER_OK) return 1;
    if (esker_put(db, NULL, (const uint8_t *)"k", 1, (const uint8_t *)"v", 1, NULL, NULL) != ESKER_OK) return 1;
    if (esker_iter_new(db, NULL, NULL, &iter, NULL) != ESKER_OK) return 1;
    if (pthread_create(&thread, NULL, move, iter) != 0) return 1;
    move(iter);
    pthread_join(thread, NULL);
    esker_iter_free(iter);
    return esker_close(db, NULL);
}
C
  compiled thread "$work/planted.c" "$work/program"
  watched "$work/program" "$work/db" >"$LOGS/planted.log" 2>&1 || status=$?
  rm -rf "$work"
  if grep -q 'WARNING: ThreadSanitizer: data race' "$LOGS/planted.log"; then
    echo "thread sanitizer: a planted race was found"
  else
    failed+=(planted)
    echo "thread sanitizer: a planted race was NOT found ($status), see $LOGS/planted.log"
  fi
}

build thread
must_find
for name in $THREADED; do run thread "$name" "$RUNS"; done
echo "races: $passed runs passed, ${#failed[@]} programs failed"
[ ${#failed[@]} = 0 ]
