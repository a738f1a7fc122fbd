//! The headers, and every program of ours in C and C++, through gcc and clang without a warning.
//!
//! The other tests compile with whatever `cc` and `c++` are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Compiler, installed, library, root, scratch, skip, succeed};

/// A compiler and the standards it is given.
struct Dialect {
    program: &'static str,
    suffix: &'static str,
    standards: &'static [&'static str],
}

const C: &[&str] = &["c99", "c11", "c17"];
const CPP: &[&str] = &["c++17", "c++20"];
const DIALECTS: &[Dialect] = &[
    Dialect { program: "gcc", suffix: "c", standards: C },
    Dialect { program: "g++", suffix: "cpp", standards: CPP },
    Dialect { program: "clang", suffix: "c", standards: C },
    Dialect { program: "clang++", suffix: "cpp", standards: CPP },
];

fn dialects() -> impl Iterator<Item = &'static Dialect> {
    DIALECTS.iter().filter(|dialect| {
        let there = installed(dialect.program);
        if !there {
            skip(&format!("{} is not installed", dialect.program));
        }
        there
    })
}

/// Compiles a text in every standard of a dialect.
fn check(dialect: &Dialect, text: &str) {
    check_as(dialect, dialect.standards, text);
}

fn check_as(dialect: &Dialect, standards: &[&str], text: &str) {
    let scratch = scratch("compilers");
    let source = scratch.path().join(format!("probe.{}", dialect.suffix));
    fs::write(&source, text).unwrap();
    for standard in standards {
        Compiler::new(dialect.program, standard).check(&source);
    }
}

#[test]
fn the_header_compiles_alone_and_twice_as_c99_to_cpp20() {
    for dialect in dialects() {
        check(dialect, "#include <esker.h>\nint main(void) { return 0; }\n");
        check(dialect, "#include <esker.h>\n#include <esker.h>\nint main(void) { return (int)esker_abi_version(); }\n");
    }
}

/// The wrapper, and each part of it, which a program may include by itself though none needs to.
#[test]
fn the_cpp_headers_compile_alone_and_twice() {
    let mut headers = Vec::new();
    for entry in fs::read_dir(root().join("include/esker")).unwrap() {
        headers.push(format!("esker/{}", entry.unwrap().file_name().to_str().unwrap()));
    }
    assert!(headers.len() > 4, "{headers:?}");
    for dialect in dialects().filter(|dialect| dialect.suffix == "cpp") {
        check(dialect, "#include <esker.hpp>\n#include <esker.hpp>\nint main() { return 0; }\n");
        for header in &headers {
            check_as(dialect, &["c++17"], &format!("#include <{header}>\nint main() {{ return 0; }}\n"));
        }
    }
}

/// The test of the test: each compiler does warn.
#[test]
fn a_warning_fails_every_compiler() {
    for dialect in dialects() {
        let text = "#include <esker.h>\nint main(void) { uint16_t n = esker_version_number(); return n; }\n";
        let found = std::panic::catch_unwind(|| check(dialect, text));
        assert!(found.is_err(), "{} converts in silence", dialect.program);
    }
}

/// Every source of this kind below a directory.
fn sources(dir: &str, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(dir)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == suffix) {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_program_compiles_without_a_warning() {
    let dirs = [
        "tests/c",
        "tests/cpp",
        "tests/crash",
        "tests/bench",
        "examples/c",
        "examples/cpp",
        "examples/cmake",
        "examples/demo",
    ];
    for dialect in dialects() {
        let found: Vec<PathBuf> = dirs.iter().flat_map(|dir| sources(dir, dialect.suffix)).collect();
        assert!(found.len() >= 4, "{found:?}");
        for source in found {
            // One program has a thread-local variable, which C99 does not know.
            let oldest = if source.ends_with("tests/crash/crash.c") { "c11" } else { dialect.standards[0] };
            Compiler::new(dialect.program, oldest).check(&source);
        }
    }
}

/// Another compiler passes arguments as the library expects them.
#[test]
fn programs_compiled_by_clang_run() {
    let programs = [("clang", "c99", "tests/c/close.c"), ("clang++", "c++17", "tests/cpp/wrapper.cpp")];
    for (program, standard, source) in programs {
        if !installed(program) {
            skip(&format!("{program} is not installed"));
            continue;
        }
        run(program, standard, &root().join(source));
    }
}

fn run(program: &'static str, standard: &str, source: &Path) {
    let scratch = scratch("clang");
    let executable = scratch.path().join("program");
    Compiler::new(program, standard).build(source, &executable, library());
    succeed(Command::new(&executable).arg(scratch.path()));
}
