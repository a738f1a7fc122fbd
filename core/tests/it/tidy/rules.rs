//! The rules about one file on its own: length, names, `unsafe`, silenced lints, openings, unfinished work.

use super::Finding;
use super::source::{Source, Token, after_closing};

const MAX_FILE_LINES: usize = 600;
const MAX_FUNCTION_LINES: usize = 70;

/// Names that say nothing about what is inside.
const BANNED_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];

/// Where `unsafe` may stand. The list grows only with a record in docs/decisions.
const UNSAFE_FILES: &[&str] = &[
    "core/src/memtable/arena.rs",
    "core/src/memtable/tree.rs",
    "core/src/table/cache.rs",
    "core/src/table/slots.rs",
    "core/src/util/epoch.rs",
    "core/src/env/os_fs.rs",
    "core/src/env/wal_map.rs",
    "core/src/env/fork.rs",
    "bindings/python/src/buffer.rs",
];
const UNSAFE_FOLDERS: &[&str] = &["ffi/src/"];

pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = check_length(&source.path, &source.text);
    if !source.text.starts_with("//!") && !source.is_generated() {
        findings.push(Finding::new(
            source,
            1,
            "does not open with //! (what it is, where in the flow, invariants, threads)",
        ));
    }
    let tokens = source.tokens();
    check_functions(source, &tokens, &mut findings);
    check_unsafe(source, &tokens, &mut findings);
    check_lints(source, &tokens, &mut findings);
    check_unfinished(source, &tokens, &mut findings);
    if source.path.ends_with("/mod.rs") {
        check_module_file(source, &tokens, &mut findings);
    }
    findings
}

pub fn check_length(path: &str, text: &str) -> Vec<Finding> {
    let lines = text.lines().count();
    if lines <= MAX_FILE_LINES || Source::new(path, text).is_generated() {
        return Vec::new();
    }
    let what = format!("{lines} lines, more than {MAX_FILE_LINES}: one idea per file");
    vec![Finding { path: path.to_owned(), line: MAX_FILE_LINES, what }]
}

pub fn check_name(path: &str) -> Vec<Finding> {
    let file = path.rsplit('/').next().unwrap_or(path);
    let (stem, extension) = file.split_once('.').unwrap_or((file, ""));
    let is_code = ["rs", "c", "h", "cpp", "hpp", "py", "pyi", "sh"].contains(&extension);
    let versioned = stem.rsplit_once("_v").is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    if is_code && (BANNED_NAMES.contains(&stem) || versioned) {
        let what = format!("\"{file}\" says nothing about what is inside");
        return vec![Finding { path: path.to_owned(), line: 1, what }];
    }
    Vec::new()
}

fn check_functions(source: &Source, tokens: &[Token<'_>], findings: &mut Vec<Finding>) {
    if source.is_generated() {
        return;
    }
    let tests = source.test_ranges(tokens);
    for at in 0..tokens.len() {
        let is_name = |token: &Token<'_>| token.text.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if tokens[at].text != "fn" || !tokens.get(at + 1).is_some_and(is_name) {
            continue;
        }
        let Some(open) = body(tokens, at) else { continue };
        let close = after_closing(tokens, open);
        let mut lines = tokens[close - 1].line + 1 - tokens[at].line;
        if tests.iter().any(|range| range.contains(&at)) {
            lines -= table_lines(&tokens[open + 1..close]);
        }
        if lines > MAX_FUNCTION_LINES {
            let what = format!("fn {} has {lines} lines, more than {MAX_FUNCTION_LINES}", tokens[at + 1].text);
            findings.push(Finding::new(source, tokens[at].line, what));
        }
    }
}

/// The `{` of the function at `at`; `None` for a declaration without a body.
fn body(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let mut at = at;
    while at < tokens.len() {
        match tokens[at].text {
            "{" => return Some(at),
            ";" => return None,
            "(" | "[" => at = after_closing(tokens, at),
            _ => at += 1,
        }
    }
    None
}

/// Lines that lie strictly inside array and `vec!` literals: a table in a test may be as long as its cases.
fn table_lines(tokens: &[Token<'_>]) -> usize {
    let (mut lines, mut at) = (0, 0);
    while at < tokens.len() {
        if tokens[at].text == "[" {
            let close = after_closing(tokens, at);
            lines += (tokens[close - 1].line - tokens[at].line).saturating_sub(1);
            at = close;
        } else {
            at += 1;
        }
    }
    lines
}

fn check_unsafe(source: &Source, tokens: &[Token<'_>], findings: &mut Vec<Finding>) {
    let allowed = UNSAFE_FILES.contains(&source.path.as_str())
        || UNSAFE_FOLDERS.iter().any(|folder| source.path.starts_with(folder));
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "unsafe") {
        if !allowed {
            findings.push(Finding::new(source, token.line, "unsafe is not allowed in this file"));
        }
        // `unsafe fn` states its duties in a `# Safety` section, which clippy checks; `#[unsafe(no_mangle)]` has none.
        let promises = tokens.get(at + 1).is_some_and(|next| next.text == "{" || next.text == "impl");
        if promises && !has_safety_comment(source, tokens, at) {
            findings.push(Finding::new(source, token.line, "unsafe without // SAFETY: in the comment just above it"));
        }
    }
}

/// Whether the comment above the statement that holds the token at `at` says why it is safe.
fn has_safety_comment(source: &Source, tokens: &[Token<'_>], at: usize) -> bool {
    // The statement starts after the last mark that ends one; a comment between that mark and here belongs to it.
    // What stands in brackets that are closed before the token, as in `let (a, b) = unsafe`, ends nothing.
    let mut depth = 0usize;
    let previous = (0..at).rev().find(|i| {
        match tokens[*i].text {
            ")" | "]" => depth += 1,
            "(" | "[" => depth = depth.saturating_sub(1),
            ";" | "{" | "}" | "," => return depth == 0,
            _ => {}
        }
        false
    });
    let from = previous.map_or(0, |i| tokens[i].line);
    let to = tokens[at].line;
    source.comments.iter().any(|(line, text)| {
        (from..=to).contains(line) && text.contains("SAFETY:") && {
            // A comment that trails on the line of the previous statement is not ours.
            *line > from || from == to || previous.is_none()
        }
    })
}

fn check_lints(source: &Source, tokens: &[Token<'_>], findings: &mut Vec<Finding>) {
    for at in 0..tokens.len().saturating_sub(2) {
        let open = at + 1 + usize::from(tokens[at + 1].text == "!");
        if tokens[at].text != "#" || tokens.get(open).is_none_or(|token| token.text != "[") {
            continue;
        }
        let attribute = &tokens[open..after_closing(tokens, open)];
        for pair in attribute.windows(2).filter(|pair| pair[1].text == "(") {
            match pair[0].text {
                "allow" => findings.push(Finding::new(
                    source,
                    pair[0].line,
                    "allow( never ends; use #[expect(…, reason = \"…\")]",
                )),
                "expect" if !attribute.iter().any(|token| token.text == "reason") => {
                    findings.push(Finding::new(source, pair[0].line, "a silenced lint with no reason"));
                }
                _ => {}
            }
        }
    }
}

fn check_unfinished(source: &Source, tokens: &[Token<'_>], findings: &mut Vec<Finding>) {
    const WORDS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
    for (line, text) in &source.comments {
        if WORDS.iter().any(|word| text.contains(word)) {
            findings.push(Finding::new(source, *line, "unfinished work: an issue, or nothing"));
        }
    }
    for pair in tokens.windows(2).filter(|pair| pair[1].text == "!") {
        if ["todo", "unimplemented"].contains(&pair[0].text) {
            findings.push(Finding::new(
                source,
                pair[0].line,
                "unfinished work: a part is there and works, or is not there",
            ));
        }
    }
}

/// `mod.rs` holds docs, attributes, `mod name;` and `use`: what a module is made of, nothing it does.
fn check_module_file(source: &Source, tokens: &[Token<'_>], findings: &mut Vec<Finding>) {
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        if tokens[at].text == "#" {
            let open = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|token| token.text == "!"));
            at = after_closing(tokens, open);
            continue;
        }
        if tokens[at].text == "pub" {
            at += 1;
            if tokens.get(at).is_some_and(|token| token.text == "(") {
                at = after_closing(tokens, at);
            }
        }
        let keyword = tokens.get(at).map_or("", |token| token.text);
        while at < tokens.len() && tokens[at].text != ";" && !(keyword != "use" && tokens[at].text == "{") {
            at += 1;
        }
        let ends_plainly = tokens.get(at).is_some_and(|token| token.text == ";");
        if !ends_plainly || !["mod", "use"].contains(&keyword) {
            findings.push(Finding::new(source, tokens[start].line, "mod.rs holds only docs, mod and use"));
            return;
        }
        at += 1;
    }
}
