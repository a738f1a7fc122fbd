//! Databases with an operator or key order of some program's own: the tool cannot open them, and says what it can do.

use std::cmp::Ordering;
use std::fs;
use std::sync::Arc;

use esker::{Comparator, Db, FamilyOptions, MergeOperator, Options};

use crate::support::Scratch;

#[derive(Debug)]
struct Own;

impl Comparator for Own {
    fn name(&self) -> &str {
        "backwards"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

impl MergeOperator for Own {
    fn name(&self) -> &str {
        "newest"
    }

    fn full_merge(&self, _: &[u8], _: Option<&[u8]>, operands: &[&[u8]], out: &mut Vec<u8>) -> Result<(), String> {
        out.extend_from_slice(operands.last().ok_or("no operand")?);
        Ok(())
    }
}

/// A database with a second family that is kept as `family` says.
fn with_own(family: &FamilyOptions) -> Scratch {
    let scratch = Scratch::new();
    let mut options = Options::default();
    options.comparators.add(Arc::new(Own)).unwrap();
    options.merge_operators.add(Arc::new(Own)).unwrap();
    let db = Db::open(scratch.path("db"), &options).unwrap();
    let family = db.create_family("own", family).unwrap();
    db.put_in(&family, "a", "1", &Default::default()).unwrap();
    db.put_in(&family, "b", "2", &Default::default()).unwrap();
    db.close().unwrap();
    scratch
}

#[track_caller]
fn refuses(scratch: &Scratch, commands: &[&[&str]], what: &str) {
    for command in commands {
        let ran = scratch.run(command[0], &command[1..]);
        ran.fails(3, what);
        assert!(ran.err().contains("`esker inspect` shows") && ran.out().is_empty(), "{}", ran.err());
    }
    scratch.run("inspect", &[]).ok();
    let mut shown = 0;
    for entry in fs::read_dir(scratch.path("db")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sst" || extension == "wal") {
            scratch.run_on("inspect", &path, &["--entries"]).ok();
            shown += 1;
        }
    }
    assert!(shown > 1);
}

#[test]
fn a_merge_operator_of_its_own_is_named_and_inspection_works() {
    let scratch = with_own(&FamilyOptions::new().with_merge_operator("newest"));
    let commands: [&[&str]; 5] = [&["get", "a"], &["put", "a", "b"], &["scan"], &["dump"], &["stats"]];
    refuses(&scratch, &commands, "column family \"own\" has the merge operator \"newest\"");
    scratch.run("verify", &[]).ok();
}

#[test]
fn a_key_order_of_its_own_is_named_and_inspection_works() {
    let scratch = with_own(&FamilyOptions::new().with_comparator("backwards"));
    let commands: [&[&str]; 5] = [&["get", "a"], &["put", "a", "b"], &["scan"], &["dump"], &["verify"]];
    refuses(&scratch, &commands, "column family \"own\" is in the key order \"backwards\"");
    let overview = scratch.run("inspect", &[]).ok();
    assert!(overview.contains("name own  order backwards"), "{overview}");
}

#[test]
fn a_wrong_option_is_not_blamed_on_the_database() {
    let scratch = Scratch::new();
    scratch.run("put", &["k", "v"]).ok();
    let ran = scratch.run("get", &["k", "-o", "merge_operator=newest"]);
    ran.fails(3, "merge_operator");
    assert!(!ran.err().contains("inspect"), "{}", ran.err());
}
