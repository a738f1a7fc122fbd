//! README's table of features names tests: each of them must exist, or the table promises what nobody checks.

use std::fs;
use std::path::Path;

/// Every name in backquotes in the table's last column.
fn named_in_readme(readme: &str) -> Vec<String> {
    let table = readme.split("## What it can do").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows = table.expect("README has the table").lines().filter(|line| line.starts_with("| ")).skip(1);
    let proofs = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    proofs.flat_map(|proof| proof.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
}

/// The names of all functions and files under `core/tests/it`, and of the tests that macros make there.
fn existing(folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the tests are there") {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            existing(&path, names);
            continue;
        }
        names.push(path.file_name().expect("it has a name").to_string_lossy().into_owned());
        let text = fs::read_to_string(&path).expect("a source file is text");
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| word.contains('_'));
        names.extend(words.map(str::to_owned));
    }
}

#[test]
fn every_test_that_the_feature_table_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = named_in_readme(include_str!("../../../README.md"));
    assert!(named.len() > 15, "the table was not found: {named:?}");
    let mut names = Vec::new();
    existing(&root.join("tests/it"), &mut names);
    let missing: Vec<_> = named.iter().filter(|name| !names.contains(name)).collect();
    assert!(missing.is_empty(), "README names tests that do not exist: {missing:?}");
}
