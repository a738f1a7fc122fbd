//! The programs of `examples/c` and `examples/cpp` and of `tests/cpp`: they compile without a warning, run, and the examples
//! print what they should.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::{Compiler, finish, library, root, scratch, succeed};

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
    &["c/durability.c", "c/export.c", "c/hello.c", "c/jobs.c", "c/phonebook.c", "cpp/hello.cpp", "cpp/phonebook.cpp"];

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
fn the_job_queue_does_every_job_once() {
    let counts = "20 jobs added, 20 done, 20 of them exactly once; 3 tries in vain\n";
    assert_eq!(run("examples/c/jobs.c"), counts);
}

/// kill -9 at any moment: what was claimed is claimed again when its lease is over, what was finished stays so.
#[test]
fn the_job_queue_survives_kills() {
    let scratch = scratch("jobs");
    let (program, data) = (scratch.path().join("jobs"), scratch.path().join("data"));
    Compiler::c("c99").build(&root().join("examples/c/jobs.c"), &program, library());
    let mut killed = 0;
    for life in 1..30 {
        let mut child = Command::new(&program).arg(&data).arg("700").stdout(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(life * 2));
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
    }
    assert!(killed > 5, "it was through too soon: {killed} kills hit it");
    let counts = "700 jobs added, 700 done, 700 of them exactly once; 100 tries in vain\n";
    assert_eq!(succeed(Command::new(&program).arg(&data)), counts);
    assert_eq!(succeed(Command::new(&program).arg(&data)), counts, "and again nothing is left to do");
}

/// An argument is evaluated before or after the one next to it: a message that is fetched beside the call may come too early.
#[test]
fn the_examples_say_what_failed() {
    let scratch = scratch("failing");
    let file = scratch.path().join("a file");
    fs::write(&file, "not a directory").unwrap();
    for example in EXAMPLES.iter().filter(|example| example.starts_with("c/")) {
        let program = scratch.path().join("program");
        Compiler::c("c99").build(&root().join("examples").join(example), &program, library());
        let output = finish(Command::new(&program).arg(&file));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("a file"), "{example}: {said}");
    }
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
