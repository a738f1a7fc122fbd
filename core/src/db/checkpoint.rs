//! Checkpoints: a second database that shares this one's tables, as of one commit.
//!
//! ```text
//! target    made or found empty, and locked, so that nobody opens it half made
//! cut       under the commit lock: every memtable is switched, and the flush of whatever comes later is held back
//! flush     what was switched; then the tables on record are exactly the commits up to the cut, of every family
//! state     taken from the MANIFEST's writer; flushes go on. Its versions keep their tables from being removed
//! link      each table, or copy it and check the copy where there are no hard links; sync the directory
//! found     MANIFEST → CURRENT → IDENTITY, as for any new database, with that state and a new identity; no log
//! ```
//! *Why hold flushes back.* A table with a commit above the cut, of one family, would make the copy a state that never was:
//! a batch over two families could be there by half. Example: cut at 100; family `a` has its memtable through 120 flushed before
//! `b` has the one through 100: the tables then hold 101–120 of `a` and not of `b`. Writes go on into memory meanwhile, and stall
//! only when that is full.
//!
//! *A crash* leaves in the target a directory that is empty, or one with tables and no IDENTITY, which opens as damaged and not as an
//! empty database, or the whole. Thread rule: any thread; one at a time, under `Shared::family_changes` until the state is taken.

use std::path::Path;

use crate::db::background::flushing;
use crate::db::recovery::manifest_options;
use crate::db::state::Shared;
use crate::db::switch;
use crate::env::filename::FileKind;
use crate::env::fs::{FileSystem, LockMode, OpenMode, read_exact_at};
use crate::error::{Error, ErrorKind, Result};
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::table::BlockCache;
use crate::util::planted::planted;
use crate::util::sync::Arc;
use crate::util::sync::atomic::Ordering;
use crate::version::directory::{self, Directory};
use crate::version::file_meta::FileMeta;
use crate::version::identity::Identity;
use crate::version::manifest::Manifest;
use crate::version::state::ManifestState;
use crate::version::table_cache::TableCache;

/// How much of a table is copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// Makes a database in `target` that holds what this one holds now.
pub fn checkpoint(shared: &Shared, target: &Path) -> Result<()> {
    shared.health.check_writable()?;
    let fs = &*shared.env.fs;
    fs.create_dir(target)?;
    let _lock = fs.lock(&target.join(FileKind::Lock.name()), LockMode::Exclusive)?;
    check_vacant(shared, target)?;
    let made = cut(shared).and_then(|state| fill(shared, target, state));
    if made.is_err() {
        discard(fs, target);
    }
    made
}

/// Refuses a directory that holds anything that might be missed.
fn check_vacant(shared: &Shared, target: &Path) -> Result<()> {
    let taken =
        |why: &str| Err(Error::invalid(format!("a checkpoint needs an empty directory: {why}")).with_file(target));
    let found = directory::examine(&*shared.env.fs, target, &shared.options.comparators);
    match found {
        Ok(Directory::Database(_)) => return taken("there is a database in this one"),
        Err(error) if error.kind() == ErrorKind::Corruption => {
            return taken("this one holds a damaged database or an unfinished checkpoint");
        }
        Ok(Directory::Vacant(_)) => {}
        Err(error) => return Err(error),
    }
    let names = shared.env.fs.list(target)?;
    match names.iter().find(|name| FileKind::parse(name) != Some(FileKind::Lock)) {
        Some(name) => taken(&format!("{name:?} is in this one")),
        None => Ok(()),
    }
}

/// The state as of the last commit, all of it in tables.
fn cut(shared: &Shared) -> Result<ManifestState> {
    let _families_stay = shared.family_changes.lock();
    let commit = shared.commit.lock();
    // A close that comes after this waits for the lock, and finds the memtables switched.
    shared.health.check_writable()?;
    switch::switch_memtables(shared, |_, _| true);
    let cut = commit.next_seqno.saturating_prev();
    let _held = FlushesHeld::above(shared, cut);
    let targets = flushing::waiting_through(shared, cut).into_iter().flat_map(|waiting| waiting.memtables).collect();
    drop(commit);
    flushing::wait_until_flushed(shared, targets)?;
    let manifest = shared.manifest.lock();
    // Under the lock: the flush of a close is installed only after the handle says that it is closed.
    shared.health.check_writable()?;
    let closed = || Error::new(ErrorKind::Closed, "the database is closed");
    let mut state = manifest.as_ref().map(|manifest| manifest.state().clone()).ok_or_else(closed)?;
    state.wal_segments.clear();
    // Nothing vouches for a log that the copy does not have.
    state.synced_through = SeqNo::ZERO;
    // What has expired for readers here must not come back there.
    state.view_time_ms = state.view_time_ms.max(shared.view_time.load(Ordering::Acquire));
    Ok(state)
}

/// While it lives, memtables above a number are not flushed.
struct FlushesHeld<'a>(&'a Shared);

impl FlushesHeld<'_> {
    /// Requires the commit lock, under which every memtable was just switched: none is below and above `cut`.
    fn above(shared: &Shared, cut: SeqNo) -> FlushesHeld<'_> {
        if !planted("checkpoint-cuts-nothing") {
            shared.flush_limit.store(cut.get(), Ordering::Release);
        }
        FlushesHeld(shared)
    }
}

impl Drop for FlushesHeld<'_> {
    fn drop(&mut self) {
        self.0.flush_limit.store(u64::MAX, Ordering::Release);
        self.0.background.schedule();
    }
}

/// Puts the files of `state` into `target` and founds a database on them.
fn fill(shared: &Shared, target: &Path, state: ManifestState) -> Result<()> {
    for version in state.families.values().map(|family| &family.version) {
        for (_, table) in version.files() {
            shared.health.check_open()?;
            bring(shared, table, version.order(), target)?;
        }
    }
    let fs = &shared.env.fs;
    fs.sync_dir(target)?;
    let (identity, orders) = (Identity::generate(&**fs), shared.options.comparators.clone());
    Manifest::create_from(fs, target, identity, state, orders, manifest_options(&shared.options))?.close()
}

/// Gives `table` a name in `target`.
fn bring(shared: &Shared, table: &FileMeta, order: &Order, target: &Path) -> Result<()> {
    let kind = FileKind::Table(table.number);
    let (from, to) = (shared.path_of(kind), target.join(kind.name()));
    if shared.env.fs.link(&from, &to).is_ok() {
        return Ok(());
    }
    // Another filesystem, one without hard links, too many of them: a copy fails for its own reasons, or does as well.
    copy(shared, &from, &to)?;
    let check = |dir: &Path| {
        let tables = TableCache::new(Arc::clone(&shared.env.fs), dir, 1, Arc::new(BlockCache::new(0)));
        tables.get(table, order)?.verify()
    };
    // What was read wrong on the way must not be handed on as whole. Of a table that was damaged before, the error names the original.
    check(target).or_else(|of_the_copy| check(&shared.dir).and(Err(of_the_copy)))
}

fn copy(shared: &Shared, from: &Path, to: &Path) -> Result<()> {
    let source = shared.env.fs.open(from, OpenMode::Read)?;
    let copied = shared.env.fs.open(to, OpenMode::CreateNew)?;
    let len = source.len()?;
    let mut buffer = vec![0; COPY_BYTES.min(len as usize)];
    let mut at = 0;
    while at < len {
        shared.health.check_open()?;
        let part = &mut buffer[..(COPY_BYTES as u64).min(len - at) as usize];
        read_exact_at(&*source, part, at)?;
        copied.write_at(part, at)?;
        at += part.len() as u64;
    }
    copied.sync()
}

/// Removes what was made in `target`; Whatever cannot be removed stays: nothing
/// there was promised.
fn discard(fs: &dyn FileSystem, target: &Path) {
    for kind in directory::removal_order(fs, target).unwrap_or_default() {
        let _stays = fs.remove(&target.join(kind.name()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Db, Environment};
    use crate::env::clock::TestClock;
    use crate::env::sim_fs::SimFs;
    use crate::options::Options;

    /// While a checkpoint is cut, later writes stay in memory: a table of theirs would be in the copy, and its batch by half.
    #[test]
    fn a_flush_that_is_held_waits_for_the_cut_and_then_goes_on() {
        let disk = SimFs::new(1);
        let options = Options { memtable_size: 32 << 10, ..Options::default() };
        let environment = Environment::inline(Arc::new(disk.clone()), Arc::new(TestClock::at(1)));
        let db = Db::open_in(environment, "/db", &options).unwrap();
        db.put("before", "").unwrap();
        let shared = db.shared();
        let tables = || db.shared().default_family.current().version().files().count();
        let held = {
            let commit = shared.commit.lock();
            switch::switch_memtables(shared, |_, _| true);
            FlushesHeld::above(shared, commit.next_seqno.saturating_prev())
        };
        shared.background.run_inline(shared);
        assert_eq!(tables(), 1, "what came before the cut is flushed");
        for n in 0..3 {
            db.put(format!("after {n}"), vec![b'x'; 20_000]).unwrap();
        }
        assert!(!shared.default_family.current().immutables().is_empty(), "a memtable is full");
        shared.background.run_inline(shared);
        assert_eq!(tables(), 1, "what came after it waits");
        drop(held);
        shared.background.run_inline(shared);
        assert!(tables() > 1 && shared.default_family.current().immutables().is_empty());
    }
}
