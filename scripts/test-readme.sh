#!/usr/bin/env bash
# Runs the C and Python programs that README.md shows, as they stand there. (The Rust one is a documentation test.)
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# block LANGUAGE: the first fenced block of that language.
block() { awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next } /^```/ { if (on) exit } on' README.md; }

block c >"$work/hello.c"
ln -s "$TARGET/debug/$(library_file)" "$work/libesker.so.0"
cc -std=c11 -Wall -Wextra -pedantic -Werror -Iinclude "$work/hello.c" -o "$work/hello" \
  -Ltarget/debug -lesker "-Wl,-rpath,$work"
answer=$(cd "$work" && ./hello)
[ "$answer" = hello ] || { echo "README, C: printed \"$answer\""; exit 1; }
echo "README, C: passed"

if [ -d bindings/python ]; then
  block python >"$work/hello.py"
  (cd "$work" && rm -rf data && "$VENV/bin/python" hello.py)
  echo "README, Python: passed"
fi
