//! `esker inspect`: files and directories of a database, whole and damaged.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::Scratch;

fn filled() -> Scratch {
    let scratch = Scratch::new();
    scratch.run("create-family", &["hits", "merge_operator=add_u64"]).ok();
    scratch.run("put", &["--escaped", r"k\xff\t", "value", "--ttl", "1h"]).ok();
    scratch.run("merge", &["n", "7", "--number", "--cf", "hits"]).ok();
    scratch
}

/// The first file whose name ends so, and of which inspection says so.
fn find(scratch: &Scratch, ending: &str, says: &str) -> PathBuf {
    let mut paths: Vec<_> = fs::read_dir(scratch.path("db")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let fits = |path: &PathBuf| path.to_str().unwrap().ends_with(ending);
    paths.retain(|path| fits(path) && scratch.run_on("inspect", path, &["--entries"]).out().contains(says));
    paths.into_iter().next().unwrap_or_else(|| panic!("no {ending} with {says}"))
}

#[test]
fn files_and_directories_are_shown_as_text_and_json() {
    let scratch = filled();
    let overview = scratch.run("inspect", &[]).ok();
    assert!(overview.contains("name hits") && overview.contains("name IDENTITY"), "{overview}");
    let log = find(&scratch, ".wal", "kind merge");
    assert!(scratch.run_on("inspect", &log, &[]).ok().contains("type batch"));
    let entries = scratch.run_on("inspect", &log, &["--entries"]).ok();
    assert!(entries.contains("kind merge  family 1") && entries.contains("key n  value_bytes 8"), "{entries}");
    let hex = scratch.run_on("inspect", &log, &["--entries", "--hex", "--json", "--limit", "2"]).ok();
    let hex: Value = serde_json::from_str(&hex).unwrap();
    assert_eq!((&hex["kind"], &hex["records"][1]["entries"][0]["key"]), (&"wal".into(), &"6e".into()));

    let table = find(&scratch, ".sst", "kind put_expiring");
    let shown = scratch.run_on("inspect", &table, &[]).ok();
    assert!(shown.contains(r"first k\xff\t  last k\xff\t") && !shown.contains("value_bytes 5"), "{shown}");
    let base64 = scratch.run_on("inspect", &table, &["--base64", "--entries", "--json"]).ok();
    let base64: Value = serde_json::from_str(&base64).unwrap();
    let entry = &base64["blocks"][0]["entries"][0];
    assert!(entry["key"] == "a/8J" && entry["value_bytes"] == 5 && entry["expires_at_ms"].is_u64(), "{entry}");
    scratch.run_on("inspect", &table, &["--utf8"]).fails(3, r#"the key "k\xff\t": byte 2 is not UTF-8"#);

    let current = fs::read_to_string(scratch.path("db/CURRENT")).unwrap();
    let manifest = scratch.run_on("inspect", &scratch.path("db").join(current.trim_end()), &["--json"]).ok();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["edits"][0]["type"], "snapshot");
}

#[test]
fn damage_is_shown_after_what_stands_before_it() {
    let scratch = filled();
    let log = find(&scratch, ".wal", "kind merge");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..1100]).unwrap();
    let cut = scratch.run_on("inspect", &log, &[]);
    cut.fails(1, "damaged: ");
    assert!(cut.out().contains("type link") && cut.out().contains("offset 1072"), "{}", cut.out());
    scratch.run_on("inspect", &log, &["--as", "table"]).fails(1, "does not end as a table does");
    fs::write(scratch.path("db/CURRENT"), "").unwrap();
    let overview = scratch.run("inspect", &[]);
    overview.fails(1, "CURRENT does not name a MANIFEST");
    assert!(overview.out().contains("name IDENTITY"), "{}", overview.out());
    scratch.run_on("inspect", &scratch.path("none.wal"), &[]).fails(3, "there is no such file");
    scratch.run_on("inspect", &scratch.path("db/IDENTITY"), &[]).fails(3, "no log segment, MANIFEST or table");
    scratch.run("inspect", &["--as", "log"]).fails_usage("wal, manifest, table");
}
