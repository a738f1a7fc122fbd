//! The programs of `examples/c` and `examples/cpp` and of `tests/cpp`: they compile without a warning, run, and the examples
//! print what they should.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Compiler, library, root, scratch, succeed};

/// Compiles and runs a program on an empty directory; what it printed.
fn run(path: &str) -> String {
    let compiler = if path.ends_with(".cpp") { Compiler::cpp("c++17") } else { Compiler::c("c99") };
    run_by(&compiler, path)
}

/// The same with another standard.
fn run_by(compiler: &Compiler, path: &str) -> String {
    let scratch = scratch("example");
    let (source, program) = (root().join(path), scratch.path().join("program"));
    compiler.build(&source, &program, library());
    let data = scratch.path().join("data");
    // The directory is there, as tests expect, and holds no database, as examples expect.
    fs::create_dir(&data).unwrap();
    succeed(Command::new(&program).arg(data))
}

const EXAMPLES: &[&str] =
    &["c/durability.c", "c/export.c", "c/hello.c", "c/phonebook.c", "cpp/hello.cpp", "cpp/phonebook.cpp"];

#[test]
fn hello_greets() {
    assert_eq!(run("examples/c/hello.c"), "greeting = hello\n");
    assert_eq!(run("examples/cpp/hello.cpp"), "greeting = hello\n");
}

#[test]
fn the_phone_book_lists_a_town() {
    let printed = run("examples/c/phonebook.c");
    let bergen = "Bergen:\nBergen/Ada: 5551234\nBergen/Grace: 5559876\n";
    assert_eq!(printed, format!("{bergen}Everybody but Ada:\nBergen/Grace: 5559876\nTartu/Alan: 5550000\n"));
}

#[test]
fn the_phone_book_in_cpp_remembers_yesterday() {
    let moved = "Bergen:\n  Grace 5559876\nTartu:\n  Ada 5551234\n  Alan 5550000\n";
    let yesterday = "Yesterday, in Bergen:\n  Ada 5551234\n  Grace 5559876\n";
    assert_eq!(run("examples/cpp/phonebook.cpp"), format!("{moved}{yesterday}"));
}

#[test]
fn the_durability_example_shows_statistics() {
    assert!(run("examples/c/durability.c").lines().count() > 3);
}

#[test]
fn the_export_reads_everything() {
    let sum: u64 = (0..10_000).map(|n| n * n).sum();
    assert_eq!(run("examples/c/export.c"), format!("10000 entries, sum {sum}\n"));
}

#[test]
fn the_cpp_wrapper_does_what_the_library_does() {
    run("tests/cpp/wrapper.cpp");
}

#[test]
fn the_cpp_wrapper_is_cpp20_too() {
    run_by(&Compiler::cpp("c++20"), "tests/cpp/wrapper.cpp");
}

#[test]
fn every_example_is_run() {
    let mut found = Vec::new();
    for language in ["c", "cpp"] {
        let listing = fs::read_dir(root().join("examples").join(language)).unwrap();
        found.extend(listing.map(|entry| format!("{language}/{}", entry.unwrap().file_name().to_str().unwrap())));
    }
    found.sort();
    assert_eq!(found, EXAMPLES);
    let this = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/examples.rs")).unwrap();
    assert!(EXAMPLES.iter().all(|example| this.contains(&format!("run(\"examples/{example}\")"))));
}
