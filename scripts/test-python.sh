#!/usr/bin/env bash
# Builds the Python package, installs it into target/venv and runs its tests. Arguments go to pytest.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

scripts/setup.sh
# The tests' profile, so that the engine is compiled once for all languages.
install_python_package dev
"$VENV/bin/python" -m pytest bindings/python/tests "$@"
