//! Target `inspect` as a fuzz program; what must hold stands in core/src/fuzzing. Thread rule: one thread.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    esker::fuzzing::run("inspect", data);
});
