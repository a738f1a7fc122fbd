#!/usr/bin/env bash
# Our own figures: `scripts/bench.sh --num 1000000 fillseq readrandom`; without arguments, all workloads.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

cargo run --quiet --release --package esker-bench -- "$@"
