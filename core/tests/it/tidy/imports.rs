//! Who may import whom: the ranks of `core/src`, and the seams through which locks, threads, time and files come.
//!
//! Every path that starts with `crate`, `super`, `std`, `libc` or `parking_lot` is read, in `use` trees and in code alike.
//! Worked example: `use std::{fmt, time::{Duration, Instant}}` gives `std::fmt`, `std::time::Duration`, `std::time::Instant`.

use std::ops::Range;

use super::Finding;
use super::source::{Source, Token, after_closing};

/// Why a name may be used only in some files of `core/src`.
struct Seam {
    /// The path and everything below it.
    name: &'static str,
    /// Where it may stand: files and folders from the root of the repository.
    homes: &'static [&'static str],
    /// What to do instead.
    instead: &'static str,
}

const SYNC: &str = "locks, atomics and threads come only through util/sync.rs";
const TIME: &str = "time comes only through env/clock.rs";
const FILES: &str = "only env/ touches the operating system";

const SEAMS: &[Seam] = &[
    // The error type has rank 0 and may not import util/sync; it shares itself and needs no lock.
    Seam { name: "std::sync", homes: &["core/src/util/sync.rs", "core/src/error.rs"], instead: SYNC },
    Seam { name: "std::thread", homes: &["core/src/util/sync.rs"], instead: SYNC },
    Seam { name: "core::sync", homes: &[], instead: SYNC },
    Seam { name: "parking_lot", homes: &["core/src/util/sync.rs"], instead: SYNC },
    Seam { name: "loom", homes: &["core/src/util/sync.rs"], instead: SYNC },
    Seam { name: "shuttle", homes: &["core/src/util/sync.rs"], instead: SYNC },
    Seam { name: "std::time::Instant", homes: &["core/src/env/clock.rs"], instead: TIME },
    Seam { name: "std::time::SystemTime", homes: &["core/src/env/clock.rs"], instead: TIME },
    Seam { name: "std::time::UNIX_EPOCH", homes: &["core/src/env/clock.rs"], instead: TIME },
    Seam { name: "std::time::*", homes: &["core/src/env/clock.rs"], instead: TIME },
    Seam { name: "std::fs", homes: &["core/src/env"], instead: FILES },
    Seam { name: "std::os", homes: &["core/src/env"], instead: FILES },
    Seam { name: "libc", homes: &["core/src/env"], instead: FILES },
];

/// Paths that are checked start with one of these.
const ROOTS: &[&str] = &["crate", "super", "std", "core", "esker", "libc", "parking_lot", "loom", "shuttle"];

/// Checks the imports of a file of the engine; other crates are free.
pub fn check(source: &Source, ranks: &[&[&str]]) -> Vec<Finding> {
    let Some(place) = source.path.strip_prefix("core/src/") else { return Vec::new() };
    if place == "lib.rs" || source.is_test {
        return Vec::new();
    }
    let here: Vec<&str> = place.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").collect();
    let tokens = source.tokens();
    let tests = source.test_ranges(&tokens);
    let mut findings = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if let Some(range) = tests.iter().find(|range| range.contains(&at)) {
            at = range.end;
            continue;
        }
        if !starts_path(&tokens, at) {
            at += 1;
            continue;
        }
        let (paths, end) = read_paths(&tokens, at);
        let depth = here.len() + inline_modules(&tokens, at);
        for path in paths {
            let problem = seam_problem(&source.path, &path).or_else(|| rank_problem(&here, depth, &path, ranks));
            findings.extend(problem.map(|what| Finding::new(source, tokens[at].line, what)));
        }
        at = end.max(at + 1);
    }
    findings
}

/// Whether a path that is checked starts at `at`. A lone `loom` is not one: it is the name of a `cfg`.
fn starts_path(tokens: &[Token<'_>], at: usize) -> bool {
    let next = tokens.get(at + 1).map_or("", |token| token.text);
    let before = at.checked_sub(1).map_or("", |before| tokens[before].text);
    let imported = ["use", "crate", "::"].contains(&before);
    let is_path = next == "::" || imported || tokens[at].text == "crate";
    ROOTS.contains(&tokens[at].text) && is_path && (before != "::" || absolute(tokens, at))
}

/// Whether the `::` before `at` opens a path (`::std::fs`) rather than continuing one (`a::std`).
fn absolute(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(before) = at.checked_sub(2).map(|before| tokens[before].text) else { return true };
    let is_segment = before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '>');
    !is_segment || ["use", "in", "return", "match", "if", "dyn", "impl", "mut", "as"].contains(&before)
}

/// All paths of the tree that starts at `at`, and the token after it.
fn read_paths(tokens: &[Token<'_>], at: usize) -> (Vec<Vec<String>>, usize) {
    let mut prefix = vec![tokens[at].text.to_owned()];
    let mut at = at + 1;
    while tokens.get(at).is_some_and(|token| token.text == "::") {
        at += 1;
        match tokens.get(at).map(|token| token.text) {
            Some("{") => {
                let end = after_closing(tokens, at);
                let mut paths = Vec::new();
                read_group(tokens, at + 1..end.saturating_sub(1), &prefix, &mut paths);
                return (paths, end);
            }
            Some("<") | None => break,
            Some(word) => prefix.push(word.to_owned()),
        }
        at += 1;
    }
    (vec![prefix], at)
}

/// The paths inside the braces of a `use` tree.
fn read_group(tokens: &[Token<'_>], range: Range<usize>, prefix: &[String], paths: &mut Vec<Vec<String>>) {
    let mut at = range.start;
    while at < range.end {
        if tokens[at].text == "," {
            at += 1;
            continue;
        }
        let (found, end) = read_paths(tokens, at);
        paths.extend(found.into_iter().map(|path| [prefix, &path].concat()));
        at = end;
        while at < range.end && tokens[at].text != "," {
            at += 1; // `as name`
        }
    }
}

/// How many `mod name { … }` enclose the token at `at`.
fn inline_modules(tokens: &[Token<'_>], at: usize) -> usize {
    let opens =
        (0..at).filter(|open| tokens[*open].text == "mod" && tokens.get(open + 2).is_some_and(|t| t.text == "{"));
    opens.filter(|open| after_closing(tokens, open + 2) > at).count()
}

fn seam_problem(file: &str, path: &[String]) -> Option<String> {
    let name = path.join("::");
    let below = |whole: &str, part: &str, mark: &str| whole == part || whole.starts_with(&format!("{part}{mark}"));
    let seam = SEAMS.iter().find(|seam| below(&name, seam.name, "::"))?;
    let at_home = seam.homes.iter().any(|home| below(file, home, "/"));
    (!at_home).then(|| format!("{name}: {}", seam.instead))
}

fn rank_problem(here: &[&str], depth: usize, path: &[String], ranks: &[&[&str]]) -> Option<String> {
    let rank_of = |module: &str| ranks.iter().position(|row| row.contains(&module));
    let own = here.first().copied().unwrap_or_default();
    match path[0].as_str() {
        "esker" => Some("the engine imports its own crate by name; name the module".to_owned()),
        "super" => {
            let up = path.iter().take_while(|part| *part == "super").count();
            (up >= depth).then(|| format!("{} leaves its folder; use crate::module", path.join("::")))
        }
        "crate" => {
            let module = path.get(1)?; // none in pub(crate)
            let Some(own_rank) = rank_of(own) else { return Some(format!("module {own} has no rank")) };
            match rank_of(module) {
                None => Some(format!("crate::{module} hides which layer it is of; name the module")),
                Some(rank) if module != own && rank >= own_rank => {
                    Some(format!("{own} of rank {own_rank} imports crate::{module} of rank {rank}"))
                }
                Some(_) => None,
            }
        }
        _ => None,
    }
}
