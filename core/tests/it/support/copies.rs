//! The checkpoints of a script, after a crash or a fault: one whose step succeeded is a whole database as of then; one that was under
//! way, or failed, is that or no database.

use std::sync::Arc;

use esker::env::sim_fs::SimFs;
use esker::{Db, ErrorKind, Options};

use crate::support::oracle::Contents;
use crate::support::script::{Entry, Journal, Script, Step, contents, inline};
use crate::support::shrink::Kind;

/// Opens what `disk` has of the checkpoints that were begun before operation `op` (or, `inside`, by it). `may_show(n, contents)`: whether
/// a reader after commit `n` might have seen these contents.
pub fn check(
    disk: &SimFs,
    script: &Script,
    journal: &Journal,
    (op, inside): (u64, bool),
    may_show: &dyn Fn(usize, &Contents) -> bool,
) -> Result<(), (Kind, String)> {
    // The first entry is the opening.
    for (step, entry) in script.steps.iter().zip(journal.entries.iter().skip(1)) {
        let Step::Checkpoint(dir) = step else { continue };
        if entry.ops.0 < op + u64::from(inside) {
            let is_made = entry.error.is_none() && entry.ops.1 <= op;
            check_one(disk, &script.options, dir, is_made, entry, may_show)?;
        }
    }
    Ok(())
}

fn check_one(
    disk: &SimFs,
    options: &Options,
    dir: &str,
    is_made: bool,
    entry: &Entry,
    may_show: &dyn Fn(usize, &Contents) -> bool,
) -> Result<(), (Kind, String)> {
    let options = Options { create_if_missing: false, ..options.clone() };
    let found = match Db::open_in(inline(Arc::new(disk.clone())), dir, &options) {
        Ok(copy) => contents(&copy).map_err(|error| (Kind::Refused, format!("checkpoint {dir}: {error:?}")))?,
        Err(error) if !is_made && [ErrorKind::NotFound, ErrorKind::Corruption].contains(&error.kind()) => return Ok(()),
        Err(error) => return Err((Kind::Refused, format!("checkpoint {dir}, made: {is_made}: {error:?}"))),
    };
    if may_show(entry.commits, &found) {
        return Ok(());
    }
    let sizes: Vec<_> = found.iter().map(|(name, map)| (name, map.len())).collect();
    Err((
        Kind::WrongState,
        format!("checkpoint {dir}: {sizes:?} keys are not the state after commit {}", entry.commits),
    ))
}
