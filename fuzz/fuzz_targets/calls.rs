//! Target `calls` as a fuzz program: bytes become calls of the C interface, on a real database in a directory of its own. What is
//! called and what must hold stands in tests/c/calls.c, which also takes the bytes from the fuzzer. Thread rule: one thread.
#![no_main]

// The fuzzer, which calls calls.c, which calls the exports.
use esker_c as _;
use libfuzzer_sys as _;
