#!/usr/bin/env bash
# Runs the commands of docs/getting-started.md as they stand there: in an empty directory beside the clone, with an empty home.
# Each section is one shell; what it prints last must be what the page shows. No section has more than three commands.
#   PROFILE=dev    takes the tests' builds instead of optimised ones
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

PAGE="$ROOT/docs/getting-started.md"
export PROFILE=${PROFILE:-release}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home"
ln -s "$ROOT" "$work/esker"
PYTHON_FOUND=$(find_python)

# The blocks of a language in one section, and the sections.
block() {
  awk -v section="## $1" -v fence="\`\`\`$2" '/^## / { here = $0 == section } here && $0 == fence { on = 1; next } /^```/ { on = 0 } on' "$PAGE"
}
sections() { sed -n 's/^## //p' "$PAGE"; }

# Rust stays where it is, though the home is another; pip installs into an environment of its own.
export CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" HOME="$work/home"
"$PYTHON_FOUND" -m venv "$work/python"
export PATH="$work/python/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1
unset LD_LIBRARY_PATH PKG_CONFIG_PATH

cd "$work"
passed=0
while read -r section; do
  missing=
  for tool in cmake luajit pkg-config; do
    if block "$section" sh | grep -qE "(^| |\()$tool " && ! command -v $tool >/dev/null; then missing=$tool; fi
  done
  if [ -n "$missing" ]; then
    echo "SKIPPED: $section: $missing is not installed"
    continue
  fi
  commands=$(block "$section" sh)
  count=$(wc -l <<<"$commands")
  [ -n "$commands" ] && [ "$count" -le 3 ] || { echo "$section: $count commands, not one to three"; exit 1; }
  wanted=$(block "$section" text)
  bash -eu -c "$commands" >out.log 2>&1 </dev/null || { echo "$section FAILED:"; cat out.log; exit 1; }
  got=$([ -z "$wanted" ] || tail -n "$(wc -l <<<"$wanted")" out.log)
  [ "$got" = "$wanted" ] || { printf '%s FAILED: the page shows\n%s\nbut it printed\n%s\n' "$section" "$wanted" "$(cat out.log)"; exit 1; }
  echo "$section: passed"
  passed=$((passed + 1))
done < <(sections)
[ $passed -ge 3 ] || { echo "only $passed sections were found"; exit 1; }
echo "getting started: $passed passed, 0 failed"
