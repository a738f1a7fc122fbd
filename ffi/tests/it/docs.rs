//! `docs/c-api.md` shows code that runs: every block of it stands, line by line, in one of the examples that the tests run;
//! and its table of statuses is the library's.

use std::fs;
use std::path::PathBuf;

use crate::support::root;

fn page() -> String {
    fs::read_to_string(root().join("docs/c-api.md")).unwrap()
}

fn examples() -> Vec<String> {
    let folders = ["examples/c", "examples/cpp"].map(|folder| root().join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let paths: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_block_of_code_is_part_of_a_tested_example() {
    let (page, examples) = (page(), examples());
    let blocks: Vec<&str> = page.split("```c").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 4);
    for block in blocks {
        let code = block.split_once('\n').unwrap().1;
        assert!(examples.iter().any(|example| example.contains(code)), "no example has these lines:\n{code}");
    }
}

#[test]
fn the_table_of_statuses_is_complete() {
    let header = fs::read_to_string(root().join("include/esker.h")).unwrap();
    for number in 0..18 {
        let page = page();
        let row = page.lines().find(|line| line.starts_with(&format!("| {number} | `"))).unwrap();
        let name = row.split('`').nth(1).unwrap();
        assert!(header.contains(&format!("#define ESKER_{name} {number}\n")), "{row}");
    }
    let section = header.split("---- Statuses").nth(1).unwrap().split("typedef").next().unwrap();
    assert_eq!(section.matches("#define ESKER_").count(), 18, "a status that the page does not have");
}
