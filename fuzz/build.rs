//! Compiles the interpreter of calls (tests/c/calls.c), which the fuzz program `calls` is linked with.

fn main() {
    println!("cargo:rerun-if-changed=../tests/c/calls.c");
    println!("cargo:rerun-if-changed=../tests/c/xtest.h");
    cc::Build::new().file("../tests/c/calls.c").include("../include").define("ESKER_FUZZING", None).compile("calls");
}
