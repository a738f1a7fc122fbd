//! The library as a file: its name for the dynamic linker, its exports, and the house's limits on the exports' sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::prototypes;
use crate::support::{bless, library, root, succeed};

fn crate_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn exported() -> BTreeSet<String> {
    let listing = succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(library().shared()));
    listing.lines().filter_map(|line| line.split_whitespace().last()).map(str::to_owned).collect()
}

#[test]
fn exactly_the_listed_names_are_exported() {
    let list = crate_dir().join("exports.txt");
    let exported = exported();
    if bless() {
        fs::write(&list, exported.iter().map(|name| format!("{name}\n")).collect::<String>()).unwrap();
    }
    let listed: BTreeSet<String> = fs::read_to_string(&list).unwrap_or_default().lines().map(str::to_owned).collect();
    assert_eq!(exported, listed, "what is exported is not what exports.txt lists; ESKER_BLESS=1 rewrites it");
    assert!(listed.iter().all(|name| name.starts_with("esker_")));
}

#[test]
fn the_header_declares_every_export_and_nothing_else() {
    let header = fs::read_to_string(root().join("include/esker.h")).unwrap();
    let declared: BTreeSet<String> = prototypes::parse(&header).into_iter().map(|prototype| prototype.name).collect();
    assert_eq!(declared, exported());
}

#[test]
fn the_dynamic_linker_finds_a_name_and_a_wish_to_stay() {
    let dynamic = succeed(Command::new("readelf").arg("-d").arg(library().shared()));
    assert!(dynamic.contains("Library soname: [libesker.so.0]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}

#[test]
fn no_export_is_longer_than_fifteen_lines() {
    let mut checked = 0;
    for file in fs::read_dir(crate_dir().join("src")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for export in text.split("\n#[unsafe(no_mangle)]").skip(1) {
            let name = export.split("fn ").nth(1).and_then(|rest| rest.split('(').next()).unwrap();
            let lines = export.lines().skip_while(|line| !line.ends_with('{')).skip(1);
            let body = lines.take_while(|line| line.trim() != "}" || line.starts_with("    ")).count();
            assert!(body <= 15, "{name} has {body} lines");
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} exports were found");
}
