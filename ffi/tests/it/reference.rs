//! The browsable reference: doxygen has nothing to say against the comments of the headers, and everything is in it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::prototypes;
use crate::support::{finish, installed, root, scratch, skip, succeed};

/// `scripts/reference.sh` on these headers.
fn reference(headers: &Path, output: &Path) -> Command {
    let mut command = Command::new(root().join("scripts/reference.sh"));
    command.env("HEADERS", headers).env("REFERENCE", output);
    command
}

fn has_doxygen() -> bool {
    let there = installed("doxygen");
    if !there {
        skip("doxygen is not installed");
    }
    there
}

#[test]
fn the_reference_has_every_function_and_no_warning() {
    if !has_doxygen() {
        return;
    }
    let scratch = scratch("reference");
    let output = scratch.path().join("html");
    succeed(&mut reference(&root().join("include"), &output));
    let index = fs::read_to_string(output.join("esker_8h.html")).unwrap();
    let header = fs::read_to_string(root().join("include/esker.h")).unwrap();
    for prototype in prototypes::parse(&header) {
        // A link with its name: into the chapter where it is explained.
        assert!(index.contains(&format!(">{}</a>", prototype.name)), "{} has no entry", prototype.name);
    }
    let start = fs::read_to_string(output.join("index.html")).unwrap();
    let chapters: Vec<&str> = header.lines().filter_map(|line| line.strip_prefix("/* ---- ")).collect();
    assert!(chapters.len() > 20, "only {} chapters were found", chapters.len());
    for chapter in chapters {
        let title = chapter.trim_end_matches('-').trim();
        assert!(start.contains(&format!(">{title}</a>")), "docs/reference/start.md leads nobody to \"{title}\"");
    }
    for class in ["Db", "Batch", "Iterator", "Transaction", "Options"] {
        assert!(output.join(format!("classesker_1_1{class}.html")).is_file(), "{class} has no page");
    }
}

/// The test of the test: what it promises to find, planted into copies of the headers.
#[test]
fn a_fault_in_a_comment_fails_the_reference() {
    if !has_doxygen() {
        return;
    }
    let faults = [
        ("esker.h", "/** Done. */\n", "", "ESKER_OK"),
        ("esker.h", "@param[in]  batch    is not changed", "@param[in]  bach    is not changed", "bach"),
        ("esker.h", "esker_read_options_set_snapshot().\n */", "@ref esker_gone.\n */", "esker_gone"),
        ("esker.hpp", "/** Sets `key` to `value`. */", "", "put"),
    ];
    for (file, whole, broken, named) in faults {
        let scratch = scratch("reference-fault");
        let headers = scratch.path().join("include");
        succeed(Command::new("cp").arg("-r").arg(root().join("include")).arg(&headers));
        let text = fs::read_to_string(headers.join(file)).unwrap();
        assert!(text.contains(whole), "{file} has no {whole:?}");
        fs::write(headers.join(file), text.replacen(whole, broken, 1)).unwrap();
        let output = finish(&mut reference(&headers, &scratch.path().join("html")));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(named), "{file} without {whole:?} went through: {said}");
    }
}
