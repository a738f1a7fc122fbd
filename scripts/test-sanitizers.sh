#!/usr/bin/env bash
# The C programs against a library that is built with a sanitizer itself. In the quick tests only the programs are instrumented.
#
#   scripts/test-sanitizers.sh             both of:
#   scripts/test-sanitizers.sh thread      races between calls, closes and background work; each program RUNS times
#   scripts/test-sanitizers.sh address     memory that is freed, beyond its end, or never freed, in the engine's code too
#
# PROGRAMS="close txn" names some.
#
# Sanitizers are unstable in Rust; RUSTC_BOOTSTRAP=1 lets a stable compiler have them. The standard library comes compiled and
# stays as it is, so what it does inside is not seen: for the thread sanitizer the engine has locks that are (`cfg(tsan)` in
# core/src/util/sync.rs), and tests/c/tsan.supp lists what else would be taken for a race, and why it is none.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

# Those in which threads of the program or of the engine meet.
threaded=${PROGRAMS:-close callbacks txn family iter maintenance write expiry snapshot}
# All but `fork` (the sanitizer's allocator does not survive one beside threads), `dlclose` (it loads the library itself), `shells` (it
# counts memory, of which the sanitizer keeps what was freed) and `faults` (it wants a library that has the feature inject-panic).
unthreaded=${PROGRAMS:-batch callbacks close db error expiry family freed iter iter_many maintenance merge multi_get options snapshot streams txn write}
RUNS=${RUNS:-3}
# A program that takes longer than this hangs.
WATCHDOG=${WATCHDOG:-900}
host=$(rustc -vV | sed -n 's/^host: //p')
LOGS="$TARGET/sanitizer-logs"
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
  local flags="-Zsanitizer=$1 -Cunsafe-allow-abi-mismatch=sanitizer"
  [ "$1" != thread ] || flags+=" --cfg tsan"
  RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags" \
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

# must_find KIND REPORT: the test of the test, a program that does what it must not. REPORT is what the sanitizer says of it.
must_find() {
  local work status=0
  work=$(mktemp -d)
  "planted_$1" >"$work/planted.c"
  compiled "$1" "$work/planted.c" "$work/program"
  watched "$work/program" "$work/db" >"$LOGS/planted-$1.log" 2>&1 || status=$?
  rm -rf "$work"
  if grep -q "$2" "$LOGS/planted-$1.log"; then
    echo "$1 sanitizer: what was planted was found"
  else
    failed+=(planted)
    echo "$1 sanitizer: what was planted was NOT found ($status), see $LOGS/planted-$1.log"
  fi
}

# Two threads that move one iterator, which convention 9 forbids.
planted_thread() {
  cat <<'C'
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
}

# A key that is longer than the bytes behind it: it is the engine's own code that reads beyond them.
planted_address() {
  cat <<'C'
#include <esker.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    esker_db *db = NULL;
    uint8_t *key = calloc(8, 1);
    if (key == NULL || argc < 2 || esker_open(argv[1], NULL, &db, NULL) != ESKER_OK) return 1;
    esker_put(db, NULL, key, 4096, key, 1, NULL, NULL);
    free(key);
    return esker_close(db, NULL);
}
C
}

thread() {
  build thread
  must_find thread 'WARNING: ThreadSanitizer: data race'
  for name in $threaded; do run thread "$name" "$RUNS"; done
}

address() {
  build address
  must_find address 'ERROR: AddressSanitizer: heap-buffer-overflow'
  for name in $unthreaded; do run address "$name" 1; done
}

case ${1:-all} in
  thread | address) "$1" ;;
  all) address; thread ;;
  *) echo "there is no sanitizer $1; thread, address" >&2; exit 2 ;;
esac
echo "sanitizers: $passed runs passed, ${#failed[@]} programs failed"
[ ${#failed[@]} = 0 ]
