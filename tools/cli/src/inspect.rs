//! `stats`, `verify`, `inspect` and `options`: what a database is like, what is in its files, and whether they are whole.

use std::io::{self, Write as _};

use esker::{Db, InspectKind, InspectOptions, Options, StatsFormat};

use crate::args::{self, InspectAs};
use crate::database::{Access, explained, with};
use crate::encoding::Encoding;
use crate::escape::escape;
use crate::failure::Failure;

fn print(text: &str) -> Result<(), Failure> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let mut out = io::stdout().lock();
    write!(out, "{text}{end}").and_then(|()| out.flush()).map_err(|e| Failure::output(&e))
}

/// Prints counters and levels.
pub fn stats(arguments: &args::Stats, options: Options) -> Result<(), Failure> {
    let format = StatsFormat::parse(&arguments.format).map_err(|e| Failure::usage(e.to_string()))?;
    let text = with(&arguments.directory, Access::Read, options, |db| Ok(db.stats()?.render(format)))?;
    print(&text)
}

/// Checks every file; exit code 1 if something is wrong.
pub fn verify(arguments: &args::Verify) -> Result<(), Failure> {
    let report = Db::verify(&arguments.directory).map_err(|error| explained(&arguments.directory, error))?;
    print(&report.render())?;
    if report.is_ok() {
        return Ok(());
    }
    let problems = report.problems.len();
    Err(Failure::negative(format!("{problems} problem(s) in {}", arguments.directory.display())))
}

/// Shows what is in a file or directory; exit code 1 if something in it is damaged.
pub fn inspect(arguments: &args::Inspect) -> Result<(), Failure> {
    let options = InspectOptions {
        kind: arguments.kind.map(|kind| match kind {
            InspectAs::Wal => InspectKind::Wal,
            InspectAs::Manifest => InspectKind::Manifest,
            InspectAs::Table => InspectKind::Table,
        }),
        rows: arguments.limit,
        entries: if arguments.entries { arguments.limit } else { 0 },
        show: match arguments.encoded.encoding() {
            None => |key| Ok(escaped(key)),
            Some(Encoding::Hex) => |key| encoded(Encoding::Hex, key),
            Some(Encoding::Base64) => |key| encoded(Encoding::Base64, key),
            Some(Encoding::Utf8) => |key| encoded(Encoding::Utf8, key),
        },
    };
    let found = Db::inspect(&arguments.path, &options)?;
    print(&found.render(if arguments.json { StatsFormat::Json } else { StatsFormat::Text })?)?;
    match found.problem() {
        None => Ok(()),
        Some(problem) => Err(Failure::negative(format!("damaged: {problem}"))),
    }
}

fn escaped(key: &[u8]) -> String {
    let mut text = String::new();
    escape(key, &mut text);
    text
}

fn encoded(encoding: Encoding, key: &[u8]) -> esker::Result<String> {
    let mut text = String::new();
    let encoded = encoding.encode(key, &mut text);
    encoded.map(|()| text).map_err(|why| esker::Error::invalid(format!("the key \"{}\": {why}", escaped(key))))
}

/// Prints the table of options.
pub fn list_options() -> Result<(), Failure> {
    let defaults = Options::default();
    let mut text = String::new();
    for (title, expert) in [("For everybody:", false), ("For experts:", true)] {
        text.push_str(&format!("{title}\n"));
        for setting in Options::settings().iter().filter(|setting| setting.expert == expert) {
            let default = (setting.get)(&defaults);
            text.push_str(&format!("  {} = {default}   ({})\n      {}\n", setting.name, setting.takes, setting.doc));
        }
    }
    print(&text)
}
