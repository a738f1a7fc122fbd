//! Runs the C programs of `tests/c`, one test each; the same again with sanitizers, with the static library, under valgrind.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{self, Compiler, finish, installed, library, panicking_library, root, scratch};

macro_rules! programs {
    ($($name:ident),* $(,)?) => {
        /// The programs that take a directory and say by their exit whether all is well.
        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                run(stringify!($name), &Compiler::c("c99"));
            }
        )*
    };
}

programs!(
    batch,
    callbacks,
    calls,
    close,
    db,
    error,
    expiry,
    family,
    fork,
    iter,
    iter_many,
    maintenance,
    merge,
    multi_get,
    options,
    shells,
    snapshot,
    streams,
    txn,
    version,
    write,
);

fn source(name: &str) -> PathBuf {
    root().join(format!("tests/c/{name}.c"))
}

fn run(name: &str, compiler: &Compiler) {
    let scratch = scratch(name);
    let program = scratch.path().join("program");
    compiler.build(&source(name), &program, library());
    support::succeed(Command::new(&program).arg(scratch.path()));
}

#[test]
fn faults_and_panics_are_statuses() {
    let scratch = scratch("faults");
    let program = scratch.path().join("program");
    Compiler::c("c99").build(&source("faults"), &program, panicking_library());
    support::succeed(Command::new(&program).arg(scratch.path()));
}

#[test]
fn dlclose_hurts_nothing() {
    let scratch = scratch("dlclose");
    let program = scratch.path().join("program");
    Compiler::c("c99").build_unlinked(&source("dlclose"), &program);
    support::succeed(Command::new(&program).arg(scratch.path()).arg(library().shared()));
}

/// In small: that it measures what it says, its own checks tell.
#[test]
fn the_benchmark_of_calls_runs() {
    let scratch = scratch("calls");
    let program = scratch.path().join("program");
    Compiler::c("c99").build(&root().join("tests/bench/calls.c"), &program, library());
    let printed = support::succeed(Command::new(&program).arg(scratch.path().join("db")).args(["250", "3"]));
    let rows: Vec<&str> = printed.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), 9, "{printed}");
}

#[test]
fn every_program_is_run() {
    let mut found: Vec<String> = fs::read_dir(root().join("tests/c")).unwrap().filter_map(stem).collect();
    // They have tests of their own here: one ends by abort(), one wants a library in which things go wrong, one loads the
    // library itself.
    found.retain(|name| !["freed", "faults", "dlclose"].contains(&name.as_str()));
    found.sort();
    assert_eq!(found, PROGRAMS);
}

fn stem(entry: std::io::Result<fs::DirEntry>) -> Option<String> {
    entry.unwrap().file_name().to_str()?.strip_suffix(".c").map(str::to_owned)
}

/// The sanitizers watch the program's memory and, through malloc and the C functions, much of the library's; and nothing
/// may be left that no pointer leads to.
#[test]
fn no_program_leaks_or_touches_what_is_not_its_own() {
    let sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    if !can_sanitize(&sanitize) {
        support::skip("the compiler has no address sanitizer");
        return;
    }
    // What a sanitized allocator keeps of freed memory is what `shells` would count.
    for name in PROGRAMS.iter().filter(|name| **name != "shells") {
        run(name, &Compiler::c("c99").with(&sanitize));
    }
}

fn can_sanitize(flags: &[&str]) -> bool {
    let scratch = scratch("sanitize");
    let (source, program) = (scratch.path().join("probe.c"), scratch.path().join("probe"));
    fs::write(&source, "int main(void) { return 0; }\n").unwrap();
    let compiled = Command::new("cc").args(flags).arg(&source).arg("-o").arg(&program).output().unwrap();
    compiled.status.success() && Command::new(&program).output().is_ok_and(|output| output.status.success())
}

#[test]
fn the_static_library_works_too() {
    let scratch = scratch("static");
    let program = scratch.path().join("program");
    Compiler::c("c99").build_static(&source("write"), &program, library());
    support::succeed(Command::new(&program).arg(scratch.path()));
}

#[test]
fn valgrind_finds_nothing() {
    if !installed("valgrind") {
        support::skip("valgrind is not installed");
        return;
    }
    // What belongs to one moment, and closes in every order; one round of those under eight threads, which take turns here.
    for (name, rounds) in [("snapshot", None), ("close", Some("1"))] {
        let scratch = scratch("valgrind");
        let program = scratch.path().join("program");
        Compiler::c("c99").build(&source(name), &program, library());
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--fair-sched=yes"]);
        valgrind.arg("--errors-for-leak-kinds=definite,indirect");
        support::succeed(valgrind.arg(&program).arg(scratch.path()).args(rounds));
    }
}

#[test]
fn a_debug_build_detects_freed_handles() {
    if !cfg!(debug_assertions) {
        support::skip("this is a release build, which trusts the caller");
        return;
    }
    let scratch = scratch("freed");
    let program = scratch.path().join("program");
    Compiler::c("c99").build(&source("freed"), &program, library());
    for (mistake, handle) in
        [("iter", "esker_iter"), ("twice", "esker_batch"), ("type", "esker_iter"), ("foreign", "esker_batch")]
    {
        let output = finish(Command::new(&program).arg(scratch.path()).arg(mistake));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{mistake} went unnoticed");
        assert!(said.contains(&format!("a pointer passed as {handle} is not one")), "{mistake}: {said}");
    }
    let fine = finish(Command::new(&program).arg(scratch.path()).arg("nothing"));
    assert!(fine.status.success());
}
