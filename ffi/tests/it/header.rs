//! `include/esker.h` is what the sources of this crate say, and reads as the manual it is.
//!
//! Method: cbindgen writes the declarations of one source file at a time; between them goes the text under "In the header"
//! of that file's own documentation, so a section of the header and its source cannot drift apart. `ESKER_BLESS=1` rewrites
//! the committed file, and `include/esker.cdef` after it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use cbindgen::{Builder, Config, ItemType};

use crate::prototypes::{self, Prototype};
use crate::support::{bless, root, succeed};

/// The sections in reader's order: what everybody needs first, tuning last.
const SECTIONS: &[&str] = &[
    "status",
    "error",
    "db",
    "write",
    "read",
    "value",
    "batch",
    "snapshot",
    "iter",
    "read_options",
    "write_options",
    "options",
    "family",
    "cf_options",
    "names",
    "callback",
    "comparator",
    "merge_operator",
    "txn",
    "txn_read",
    "txn_write",
    "txn_options",
    "batch_entry",
    "multi_get",
    "iter_many",
    "maintenance",
    "version",
];

/// Where each handle is defined, in the order they are met.
const HANDLES: &[&str] = &[
    "db",
    "family",
    "error",
    "value",
    "batch",
    "snapshot",
    "iter",
    "read_options",
    "write_options",
    "options",
    "cf_options",
    "names",
    "txn",
    "txn_options",
    "merge_operator",
];

#[test]
fn the_committed_header_is_the_generated_one() {
    let committed = root().join("include/esker.h");
    let generated = generate();
    if bless() {
        fs::write(&committed, &generated).unwrap();
        succeed(&mut Command::new(root().join("scripts/cdef.sh")));
    }
    let text = fs::read_to_string(&committed).unwrap_or_default();
    assert!(text == generated, "include/esker.h is not what the sources say; ESKER_BLESS=1 rewrites it");
}

#[test]
fn every_export_has_a_section_and_a_complete_comment() {
    let text = generate();
    let prototypes = prototypes::parse(&text);
    assert!(prototypes.len() > 50, "the parser found only {}", prototypes.len());
    let faults: Vec<String> = prototypes.iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What convention 13 misses in the comment of a function.
fn faults(prototype: &Prototype) -> Vec<String> {
    let (name, doc) = (&prototype.name, &prototype.doc);
    let mut faults = Vec::new();
    let mut need = |found: bool, what: &str| {
        if !found {
            faults.push(format!("{name}: the comment has no {what}"));
        }
    };
    need(doc.contains("Threads: "), "\"Threads:\"");
    need(doc.contains("Since: 0.") || doc.contains("Since: 1."), "\"Since:\"");
    need(prototype.returns == "void" || doc.contains("@return "), "@return");
    for parameter in &prototype.parameters {
        need(prototype.description(&parameter.name).is_some(), &format!("@param for {}", parameter.name));
    }
    if prototype.returns == "esker_status" && name != "esker_error_code" {
        need(doc.contains("ESKER_PANIC"), "ESKER_PANIC among its statuses");
    }
    if prototype.parameters.iter().any(|p| p.kind == "esker_error **") {
        need(prototype.parameters.last().is_some_and(|p| p.name == "error"), "error as its last parameter");
    }
    faults
}

#[test]
fn lines_fit_a_screen() {
    for (number, line) in generate().lines().enumerate() {
        assert!(line.chars().count() <= 120, "line {} of esker.h is too long: {line}", number + 1);
    }
}

/// Made once: cbindgen parses a source for each of its sections.
pub fn generate() -> String {
    static HEADER: OnceLock<String> = OnceLock::new();
    HEADER.get_or_init(put_together).clone()
}

fn put_together() -> String {
    let mut text = top();
    text.push_str(&banner("Handles", &["Every struct is opaque: programs hold pointers."]));
    for file in HANDLES {
        text.push_str(&declarations(file, &[ItemType::OpaqueItems]));
    }
    for file in SECTIONS {
        let (title, prose) = section(file);
        let prose: Vec<&str> = prose.iter().map(String::as_str).collect();
        text.push_str(&banner(&title, &prose));
        text.push_str(&declarations(file, &[ItemType::Constants, ItemType::Typedefs, ItemType::Functions]));
    }
    text.push_str(&read("header/bottom.h"));
    text
}

/// The conventions, the example (which is a program the tests run) and the version macros.
fn top() -> String {
    let example = fs::read_to_string(root().join("examples/c/hello.c")).unwrap();
    assert!(!example.contains("*/"), "a comment cannot hold a comment");
    let example: Vec<String> = example.lines().map(|line| format!(" *     {line}").trim_end().to_owned()).collect();
    let [major, minor, patch] =
        [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH")];
    let number = |part: &str| part.parse::<u32>().unwrap();
    let composed = number(major) * 1_000_000 + number(minor) * 1000 + number(patch);
    read("header/top.h")
        .replace("@EXAMPLE@", &example.join("\n"))
        .replace("@MAJOR@", major)
        .replace("@MINOR@", minor)
        .replace("@PATCH@", patch)
        .replace("@NUMBER@", &composed.to_string())
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
}

/// What cbindgen makes of one source file.
fn declarations(file: &str, kinds: &[ItemType]) -> String {
    let mut config = Config::from_file(crate_dir().join("cbindgen.toml")).unwrap();
    config.export.item_types = kinds.to_vec();
    // Nothing in its own file uses it.
    config.export.include = vec!["esker_destroy_fn".to_owned()];
    let source = crate_dir().join(format!("src/{file}.rs"));
    let bindings = Builder::new().with_config(config).with_src(source).generate().unwrap();
    let mut bytes = Vec::new();
    bindings.write(&mut bytes);
    one_line_comments(String::from_utf8(bytes).unwrap().trim()) + "\n\n"
}

/// Comments of one line take one line, and what they are about comes directly below; constants stand together.
fn one_line_comments(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let short = lines[at] == "/**" && lines.get(at + 2) == Some(&" */");
        if short {
            out.push(format!("/** {} */", lines[at + 1].trim_start_matches(" * ")));
            at += 3;
            continue;
        }
        let between_constants = lines[at].is_empty()
            && out.last().is_some_and(|line| line.starts_with("#define"))
            && lines.get(at + 4).is_some_and(|line| line.starts_with("#define"));
        if !between_constants {
            out.push(lines[at].to_owned());
        }
        at += 1;
    }
    out.join("\n")
}

/// Title and prose of a section: the end of the source file's own documentation.
fn section(file: &str) -> (String, Vec<String>) {
    let text = read(&format!("src/{file}.rs"));
    let doc = text.lines().take_while(|line| line.starts_with("//!"));
    let doc: Vec<&str> = doc.map(|line| line.trim_start_matches("//!").trim_start()).collect();
    let start = doc.iter().position(|line| *line == "# In the header");
    let start = start.unwrap_or_else(|| panic!("src/{file}.rs does not say what the header says"));
    (doc[start + 1].to_owned(), doc[start + 3..].iter().map(|line| (*line).to_owned()).collect())
}

fn banner(title: &str, prose: &[&str]) -> String {
    let mut text = format!("/* ---- {title} {}\n *\n", "-".repeat(110 - title.len()));
    prose.iter().for_each(|line| text.push_str(&format!(" * {line}\n")));
    text.replace(" * \n", " *\n") + " */\n\n"
}

fn crate_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(crate_dir().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
