//! `stats`, `verify` and `options`: what a database is like, and whether it is whole.

use std::io::{self, Write as _};

use esker::{Db, Options, StatsFormat};

use crate::args;
use crate::database::{Access, with};
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
    let report = Db::verify(&arguments.directory)?;
    print(&report.render())?;
    if report.is_ok() {
        return Ok(());
    }
    let problems = report.problems.len();
    Err(Failure::negative(format!("{problems} problem(s) in {}", arguments.directory.display())))
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
