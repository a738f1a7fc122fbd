//! Tidy: the rules of the house, enforced. Layers import only downwards, files and functions stay small, `unsafe` stays in
//! its list, time and threads come only through their seams (`ARCHITECTURE.md` says why).
//!
//! Flow: [`source`] masks comments and literals and cuts tokens → [`imports`] and [`rules`] return findings → one test
//! prints them all. Invariant: every rule has a planted snippet below that it must catch, and one that it must not.

mod imports;
mod rules;
mod source;

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// The layers of `core/src`, lowest rank first. A module imports lower ranks and its own folder, nothing else.
const RANKS: &[&[&str]] = &[
    &["error"],
    &["util"],
    &["key", "env"],
    &["iter", "merge"],
    &["record", "batch"],
    &["wal", "memtable", "table"],
    &["version"],
    &["compaction"],
    &["options"],
    &["db"],
    &["transaction"],
    &["fuzzing"],
];

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    fn new(source: &Source, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: source.path.clone(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Everything tidy has to say about one Rust file.
fn check_rust(source: &Source) -> Vec<Finding> {
    let mut findings = rules::check(source);
    findings.extend(imports::check(source, RANKS));
    findings
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("core/ lies in the repository").to_path_buf()
}

/// Files of the repository as (path from its root with `/`, path on disk); build products and hidden folders left out.
fn walk(root: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository is readable") {
            let path = entry.expect("a directory entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') || ["target", "build", "dist", "__pycache__"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let relative = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
                found.push((relative, path));
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<Source> {
    let rust = walk(&repository()).into_iter().filter(|(name, _)| name.ends_with(".rs"));
    let mut sources: Vec<Source> = rust
        .map(|(name, path)| Source::new(&name, &fs::read_to_string(path).expect("Rust sources are UTF-8")))
        .collect();
    // `#[cfg(test)] mod tests;` makes another file test code.
    let tests: HashSet<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        source.is_test |= tests.contains(&source.path);
    }
    sources
}

#[test]
fn the_house_is_tidy() {
    let sources = sources();
    assert!(sources.len() > 20, "only {} Rust files found: is the walk broken?", sources.len());
    let mut findings: Vec<Finding> = sources.iter().flat_map(check_rust).collect();
    for (name, path) in walk(&repository()) {
        findings.extend(rules::check_name(&name));
        if [".c", ".cpp", ".hpp", ".py", ".sh"].iter().any(|end| name.ends_with(end)) {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            findings.extend(rules::check_length(&name, &text));
        }
    }
    findings.sort();
    let report: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(findings.is_empty(), "{} untidy places:\n{}\n", findings.len(), report.join("\n"));
}

#[test]
fn every_module_has_a_rank_and_the_crate_documentation_shows_it() {
    let lib = Source::new("core/src/lib.rs", &fs::read_to_string(repository().join("core/src/lib.rs")).unwrap());
    let table: Vec<String> = lib
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("//! | "))
        .map(|line| line.replace(['`', '[', ']'], ""))
        .collect();
    for (rank, modules) in RANKS.iter().enumerate() {
        let row = format!("{rank} | {} |", modules.join(", "));
        assert!(table.contains(&row), "lib.rs lacks the row \"{row}\"; it has {table:?}");
    }
    for module in lib.declared_modules() {
        assert!(RANKS.iter().any(|row| row.contains(&module.as_str())), "module {module} has no rank");
    }
}

/// What tidy says about `text` as the file `path`, one line each.
fn said(path: &str, text: &str) -> String {
    let text = format!("//! What it is.\n{text}");
    check_rust(&Source::new(path, &text)).iter().map(|f| format!("{f}\n")).collect()
}

/// `bad` must be found, `good` must not.
#[track_caller]
fn catches(path: &str, bad: &str, part: &str, good: &str) {
    let found = said(path, bad);
    assert!(found.contains(part), "in {path}, {bad:?} should be found as {part:?}; said {found:?}");
    assert_eq!(said(path, good), "", "in {path}, {good:?} is fine");
}

#[test]
fn an_upward_import_is_caught() {
    catches("core/src/wal/writer.rs", "use crate::db::open;", "rank 5 imports crate::db", "use crate::record::frame;");
    catches(
        "core/src/key/order.rs",
        "use crate::{error::Result, iter::merging};",
        "crate::iter",
        "use crate::{error::Result};",
    );
    catches("core/src/key/order.rs", "fn f() { crate::wal::x(); }", "crate::wal", "fn f() { crate::util::hash::x(); }");
    catches("core/src/key/order.rs", "pub(in crate::db) fn f() {}", "crate::db", "pub(crate) fn f() {}");
}

#[test]
fn a_sideways_import_is_caught() {
    catches("core/src/wal/writer.rs", "use crate::table::block;", "crate::table", "use crate::wal::segment;");
    catches("core/src/table/block.rs", "use super::super::memtable::arena;", "leaves its folder", "use super::cache;");
    catches("core/src/table/mod.rs", "use super::memtable;", "leaves its folder", "use self::block::Block;");
    catches(
        "core/src/table/block.rs",
        "mod a { mod b { use super::super::super::super::x; } }",
        "leaves its folder",
        "mod a { use super::x; }",
    );
}

#[test]
fn an_import_through_the_crate_root_is_caught() {
    catches("core/src/table/block.rs", "use crate::Error;", "name the module", "use crate::error::Error;");
    catches("core/src/table/block.rs", "use crate::*;", "name the module", "");
    catches("core/src/table/block.rs", "use esker::error::Error;", "its own crate", "");
}

#[test]
fn tests_may_import_anything() {
    assert_eq!(said("core/src/key/order.rs", "#[cfg(test)]\nmod tests {\n use crate::db::Db;\n}"), "");
    assert_eq!(said("core/src/key/order.rs", "#[cfg(test)]\nuse crate::{db::Db, wal};"), "");
    let after = said("core/src/key/order.rs", "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::db::Db;");
    assert!(after.contains("order.rs:4: "), "{after:?}");
    assert_eq!(said("core/src/key/order.rs", "// use crate::db::Db;\nconst A: &str = \"crate::db::Db\";"), "");
}

#[test]
fn a_long_file_is_caught() {
    let line = "const A: u8 = 1;\n";
    catches("core/src/key/order.rs", &line.repeat(600), "601 lines", &line.repeat(599));
    let generated = format!("// Generated by a program; do not edit.\n{}", line.repeat(700));
    assert_eq!(said("core/src/key/order.rs", &generated), "");
}

#[test]
fn a_long_function_is_caught() {
    let body = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines));
    catches("core/src/key/order.rs", &body(69), "fn f has 71 lines", &body(68));
    let table = format!("#[test]\nfn f() {{\n for x in [\n{} ] {{}}\n}}\n", "        (1, 2),\n".repeat(90));
    assert_eq!(said("core/tests/it/order.rs", &table), "", "tables in tests are exempt");
    assert!(said("core/src/key/order.rs", &table).contains("94 lines"), "but not in the engine");
}

#[test]
fn logic_in_a_module_file_is_caught() {
    catches("core/src/key/mod.rs", "pub fn f() {}", "only docs, mod and use", "pub mod a;\nmod b;\npub use a::A;");
    catches("core/src/key/mod.rs", "mod a { }", "only docs, mod and use", "#[cfg(test)]\nmod b;\npub use a::{A, B};");
}

#[test]
fn a_banned_file_name_is_caught() {
    for name in
        ["core/src/utils.rs", "core/src/db/common.rs", "ffi/src/helpers.rs", "bindings/python/manager.py", "a/db_v2.rs"]
    {
        assert!(!rules::check_name(name).is_empty(), "{name}");
    }
    for name in ["core/src/util/mod.rs", "core/src/env/mod.rs", "docs/format/v2.md"] {
        assert!(rules::check_name(name).is_empty(), "{name}");
    }
}

#[test]
fn unsafe_outside_its_list_is_caught() {
    let block = "fn f() {\n    // SAFETY: nothing happens.\n    unsafe { g() }\n}";
    assert!(said("core/src/db/read.rs", block).contains("unsafe is not allowed in this file"));
    for path in
        ["core/src/memtable/arena.rs", "core/src/env/os_fs.rs", "ffi/src/db.rs", "bindings/python/src/buffer.rs"]
    {
        assert_eq!(said(path, block), "", "{path}");
    }
    assert_eq!(
        said("core/src/db/read.rs", "#![deny(unsafe_code)]\n// unsafe is a word\nconst A: &str = \"unsafe\";"),
        ""
    );
}

#[test]
fn unsafe_without_a_reason_is_caught() {
    let good = "fn f() {\n    // SAFETY: nothing\n    // happens.\n    let x =\n        unsafe { g() };\n}";
    catches("core/src/env/os_fs.rs", "fn f() {\n    let y = 1;\n    unsafe { g() }\n}", "without // SAFETY:", good);
    catches(
        "core/src/env/os_fs.rs",
        "unsafe impl Send for A {}",
        "without // SAFETY:",
        "// SAFETY: owned.\nunsafe impl Send for A {}",
    );
    let pattern = "fn f() {\n    // SAFETY: nothing happens.\n    let (a, b) = unsafe { g() };\n}";
    let bare = "fn f() {\n    let (a, b) = unsafe { g() };\n}";
    catches("core/src/env/os_fs.rs", bare, "without // SAFETY:", pattern);
    let two = "fn f() {\n    // SAFETY: nothing happens.\n    unsafe { g() };\n    unsafe { g() };\n}";
    assert!(said("core/src/env/os_fs.rs", two).contains("os_fs.rs:5: "), "one comment serves one block");
}

#[test]
fn locks_and_threads_outside_their_seam_are_caught() {
    catches("core/src/db/read.rs", "use std::sync::Arc;", "util/sync.rs", "use crate::util::sync::Arc;");
    catches("core/src/db/read.rs", "use std::{fmt, sync::Mutex};", "util/sync.rs", "use std::{fmt, io};");
    catches(
        "core/src/db/read.rs",
        "fn f() { std::thread::yield_now(); }",
        "util/sync.rs",
        "fn f() { thread::yield_now(); }",
    );
    catches("core/src/db/read.rs", "use parking_lot::Mutex;", "util/sync.rs", "");
    catches("core/src/db/read.rs", "use loom::sync::Arc;", "util/sync.rs", "#[cfg(loom)]\nconst N: usize = 2;");
    catches("core/src/db/read.rs", "use ::shuttle as s;", "util/sync.rs", "const N: bool = cfg!(shuttle);");
    assert_eq!(said("core/src/util/sync.rs", "use std::sync::Arc;\nuse parking_lot::Mutex;"), "");
}

#[test]
fn time_outside_its_seam_is_caught() {
    catches("core/src/db/read.rs", "use std::time::Instant;", "env/clock.rs", "use std::time::Duration;");
    catches("core/src/db/read.rs", "use std::time::{Duration, SystemTime};", "env/clock.rs", "");
    catches("core/src/db/read.rs", "use std::time::*;", "env/clock.rs", "");
    assert_eq!(said("core/src/env/clock.rs", "use std::time::{Instant, SystemTime};"), "");
}

#[test]
fn the_operating_system_outside_env_is_caught() {
    catches("core/src/db/read.rs", "fn f() { libc::getpid(); }", "only env/", "fn f() { getpid(); }");
    catches("core/src/db/read.rs", "use std::fs::File;", "only env/", "use crate::env::fs::File;");
    assert_eq!(said("core/src/env/os_fs.rs", "use libc::fsync;\nuse std::fs::File;"), "");
}

#[test]
fn a_silenced_lint_is_caught() {
    catches(
        "core/src/key/order.rs",
        "#[allow(dead_code)]\nfn f() {}",
        "allow(",
        "#[expect(dead_code, reason = \"why\")]\nfn f() {}",
    );
    catches("core/src/key/order.rs", "#![allow(dead_code)]", "allow(", "fn allow(x: u8) { allow(x) }");
    catches("core/src/key/order.rs", "#[expect(dead_code)]\nfn f() {}", "no reason", "fn f() { g().expect(\"why\"); }");
}

#[test]
fn a_file_without_an_opening_is_caught() {
    let found = check_rust(&Source::new("core/src/key/order.rs", "use std::fmt;\n"));
    assert!(found[0].to_string().contains("does not open with //!"), "{found:?}");
}

#[test]
fn unfinished_work_is_caught() {
    for word in ["TO\u{44}O", "FIX\u{4d}E"] {
        catches("core/src/key/order.rs", &format!("// {word}: later\n"), "unfinished", "// what is to do here\n");
    }
    catches("core/src/key/order.rs", "fn f() { todo!() }", "unfinished", "fn f() {}");
    catches("core/src/key/order.rs", "fn f() { unimplemented!(\"x\") }", "unfinished", "fn f() {}");
}
