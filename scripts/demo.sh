#!/usr/bin/env bash
# Builds the library, the tool, the Python package and the C and C++ programs of examples/demo, then runs the demo.
#   PROFILE=dev    takes the tests' builds instead of optimised ones
# Arguments go to examples/demo/demo.py: --file my.tsv, --small, --kills N, --seed N.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

PROFILE=${PROFILE:-release}
built=$(profile_folder "$PROFILE")
programs="$TARGET/demo"

say "building"
scripts/setup.sh
cargo build --quiet --profile "$PROFILE" --package esker-ffi --package esker-cli
install_python_package "$PROFILE"

mkdir -p "$programs"
warnings=(-O2 -Wall -Wextra -pedantic -Werror)
# Programs are bound to the library's ABI name, which a build directory does not have.
ln -sf "$built/$(library_file)" "$programs/libesker.so.0"
library=(-Iinclude -L"$built" -lesker "-Wl,-rpath,$programs")
for program in loader check; do
  name=$([ "$program" = check ] && echo check-c || echo "$program")
  cc -std=c11 "${warnings[@]}" "examples/demo/$program.c" -o "$programs/$name" "${library[@]}"
done
c++ -std=c++17 "${warnings[@]}" examples/demo/check.cpp -o "$programs/check-cpp" "${library[@]}"

say "demo"
exec "$VENV/bin/python" examples/demo/demo.py --programs "$programs" --tool "$built/esker" --work "$programs/work" "$@"
