//! Scripted workloads for the crash and fault families: what is done, and after which step what must survive.
//!
//! A script is plain data, so that two runs do the same operations in the same order, and so that one that fails can be shrunk
//! (`shrink`). The journal of a run says which filesystem operations each step spans and whether it succeeded; with it, [`Journal::legal`] answers what a crash at an operation may leave.

use std::ops::RangeInclusive;
use std::sync::Arc;

use esker::env::clock::TestClock;
use esker::env::fs::FileSystem;
use esker::{
    ColumnFamily, Db, Durability, Environment, Error, ErrorKind, FamilyOptions, Options, ReadOptions,
    TransactionOptions, WriteBatch, WriteOptions,
};

use crate::support::oracle::{Contents, DEFAULT, Map, Write, apply};
use crate::support::sets::tiny_options;

pub const DIR: &str = "/db";
/// Where the clock of all scripts stands.
pub const NOW_MS: u64 = 1_700_000_000_000;

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    /// A batch (one write or many) with this durability.
    Commit(Vec<Write>, Durability),
    /// A batch over families, by name.
    CommitIn(Vec<(&'static str, Write)>, Durability),
    /// The same by a transaction, which first reads what it will write.
    Transaction(Vec<(&'static str, Write)>, Durability),
    /// One whose merges add counters up.
    CreateFamily(&'static str),
    DropFamily(&'static str),
    FlushFamily(&'static str),
    Sync,
    Flush,
    Compact(Option<Vec<u8>>, Option<Vec<u8>>),
    /// Close and open again.
    Reopen,
    /// Holds a snapshot from here to the end.
    Snapshot,
    /// A second database, in this directory.
    Checkpoint(&'static str),
}

impl Step {
    /// Whether it changes what readers see, and `state` with it.
    pub fn change(&self, state: &mut Contents) -> bool {
        match self {
            Step::Commit(writes, _) => {
                let map = state.entry(DEFAULT.to_owned()).or_default();
                writes.iter().for_each(|write| apply(map, write, NOW_MS));
            }
            Step::CommitIn(writes, _) | Step::Transaction(writes, _)
                if writes.iter().all(|(family, _)| state.contains_key(*family)) =>
            {
                for (family, write) in writes {
                    apply(state.entry((*family).to_owned()).or_default(), write, NOW_MS);
                }
            }
            // Refused: one of its families was never made.
            Step::CommitIn(..) | Step::Transaction(..) => {}
            Step::CreateFamily(name) => drop(state.entry((*name).to_owned()).or_default()),
            Step::DropFamily(name) => drop(state.remove(*name)),
            Step::FlushFamily(_) | Step::Sync | Step::Flush | Step::Compact(..) | Step::Reopen => return false,
            Step::Snapshot | Step::Checkpoint(_) => return false,
        }
        true
    }

    /// Whether its success promises that everything before it is on the medium.
    fn syncs(&self) -> bool {
        match self {
            Step::Commit(_, durability) | Step::CommitIn(_, durability) | Step::Transaction(_, durability) => {
                *durability == Durability::Sync
            }
            // Of the other families only what came before the last write of this one.
            Step::FlushFamily(_) | Step::Snapshot | Step::Compact(..) => false,
            Step::Sync | Step::Flush | Step::Reopen | Step::Checkpoint(_) => true,
            Step::CreateFamily(_) | Step::DropFamily(_) => true,
        }
    }

    /// Whether its success promises that everything before it survives the process. Unlogged writes promise nothing before a
    /// flush, and a snapshot or compaction says nothing about the log.
    fn is_logged(&self) -> bool {
        match self {
            Step::Commit(_, durability) | Step::CommitIn(_, durability) | Step::Transaction(_, durability) => {
                *durability != Durability::None
            }
            Step::FlushFamily(_) | Step::Snapshot | Step::Compact(..) => false,
            Step::Sync | Step::Flush | Step::Reopen | Step::Checkpoint(_) => true,
            Step::CreateFamily(_) | Step::DropFamily(_) => true,
        }
    }
}

/// The state of a database that was just created.
pub fn nothing() -> Contents {
    Contents::from([(DEFAULT.to_owned(), Map::new())])
}

/// A named workload.
#[derive(Clone)]
pub struct Script {
    pub name: &'static str,
    pub options: Options,
    /// The options as Rust source, for the regression test that a failure is printed as.
    pub options_source: &'static str,
    pub steps: Vec<Step>,
    /// What a step does to what readers see, and whether it is a commit: [`Step::change`], but in tests of the tests.
    pub oracle: fn(&Step, &mut Contents) -> bool,
}

impl Script {
    /// With the options that every script has which needs no others.
    pub fn new(name: &'static str, steps: Vec<Step>) -> Script {
        Script { name, options: tiny_options(), options_source: "tiny_options()", steps, oracle: Step::change }
    }

    /// The same with other steps.
    pub fn with_steps(&self, steps: Vec<Step>) -> Script {
        Script { steps, ..self.clone() }
    }
}

/// What one step of a run did.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Filesystem operations counted before and after it.
    pub ops: (u64, u64),
    /// How many commits the script has reached after it.
    pub commits: usize,
    /// How it failed, if it did.
    pub error: Option<ErrorKind>,
    /// Its success promises that everything before it is on the medium.
    pub syncs: bool,
    /// It is in the log, and so survives the death of the process.
    pub logged: bool,
}

/// A finished or broken-off run.
#[derive(Debug, Default)]
pub struct Journal {
    pub entries: Vec<Entry>,
    /// The state after each commit; `states[0]` is empty.
    pub states: Vec<Contents>,
}

impl Journal {
    /// How many commits a crash before (or inside) operation `op` may leave: from those that were promised to those that were
    /// begun. `kept_all` says that every written byte survives (the process died, not the machine).
    pub fn legal(&self, op: u64, inside: bool, kept_all: bool) -> RangeInclusive<usize> {
        let reached = op + u64::from(inside);
        let mut promised = 0;
        let mut begun = 0;
        for entry in &self.entries {
            if entry.ops.0 < reached || entry.ops.1 <= op {
                begun = begun.max(entry.commits);
            }
            if entry.error.is_none() && entry.ops.1 <= op && (entry.syncs || (kept_all && entry.logged)) {
                promised = promised.max(entry.commits);
            }
        }
        promised..=begun
    }
}

/// An environment on `fs` that runs background work inline, with a clock that stands still.
pub fn inline(fs: Arc<dyn FileSystem>) -> Environment {
    Environment::inline(fs, Arc::new(TestClock::at(NOW_MS)))
}

/// Runs `script` on `fs` until it is done or a step fails and `stop_on_error`. `ops` tells how many operations there were.
pub fn run(
    script: &Script,
    fs: Arc<dyn FileSystem>,
    ops: &dyn Fn() -> u64,
    stop_on_error: bool,
) -> (Journal, Option<Db>) {
    let mut journal = Journal { entries: Vec::new(), states: vec![nothing()] };
    let before = ops();
    let mut db = match Db::open_in(inline(Arc::clone(&fs)), DIR, &script.options) {
        Ok(db) => db,
        Err(_) => return (journal, None),
    };
    journal.entries.push(Entry { ops: (before, ops()), commits: 0, error: None, syncs: true, logged: true });
    let mut snapshots = Vec::new();
    let mut commits = 0;
    for step in &script.steps {
        let before = ops();
        let mut state = journal.states.last().cloned().unwrap_or_default();
        if (script.oracle)(step, &mut state) {
            commits += 1;
            journal.states.push(state);
        }
        let result: Result<(), Error> = match step {
            Step::Commit(writes, durability) => {
                let writes: Vec<_> = writes.iter().map(|write| (DEFAULT, write.clone())).collect();
                commit(&db, &writes, *durability)
            }
            Step::CommitIn(writes, durability) => commit(&db, writes, *durability),
            Step::Transaction(writes, durability) => transact(&db, writes, *durability),
            Step::CreateFamily(name) => {
                db.create_family(name, &FamilyOptions::default().with_merge_operator("add_u64")).map(drop)
            }
            Step::DropFamily(name) => db.family(name).and_then(|family| db.drop_family(&family)),
            Step::FlushFamily(name) => db.family(name).and_then(|family| db.flush_family(&family)),
            Step::Sync => db.sync(),
            Step::Flush => db.flush(),
            Step::Compact(start, end) => db.compact_range(start.as_deref(), end.as_deref()),
            Step::Checkpoint(dir) => db.checkpoint(dir),
            Step::Snapshot => db.snapshot().map(|snapshot| snapshots.push(snapshot)),
            Step::Reopen => {
                snapshots.clear();
                db.close().and_then(|()| Db::open_in(inline(Arc::clone(&fs)), DIR, &script.options)).map(|new| db = new)
            }
        };
        let error = result.err().map(|error| error.kind());
        let (syncs, logged) = (step.syncs(), step.is_logged());
        journal.entries.push(Entry { ops: (before, ops()), commits, error, syncs, logged });
        if error.is_some() && (stop_on_error || matches!(step, Step::Reopen)) {
            return (journal, None);
        }
    }
    (journal, Some(db))
}

fn commit(db: &Db, writes: &[(&str, Write)], durability: Durability) -> Result<(), Error> {
    let mut batch = WriteBatch::new();
    for (family, write) in writes {
        let family = db.family(family)?.id();
        match write {
            Write::Put(key, value) => batch.put_in(family, key, value)?,
            Write::Delete(key) => batch.delete_in(family, key)?,
            Write::DeleteRange(start, end) => batch.delete_range_in(family, start, end)?,
            Write::PutExpiring(key, value, at) => batch.put_expiring_in(family, key, value, *at)?,
            Write::Merge(key, operand) => batch.merge_in(family, key, operand)?,
        }
    }
    db.write_with(&batch, &WriteOptions::new().durability(durability))
}

fn transact(db: &Db, writes: &[(&str, Write)], durability: Durability) -> Result<(), Error> {
    let mut transaction =
        db.begin(&TransactionOptions { durability: Some(durability), ..TransactionOptions::default() })?;
    transaction.put("undone", "never seen")?;
    transaction.rollback()?;
    let mut transaction =
        db.begin(&TransactionOptions { durability: Some(durability), ..TransactionOptions::default() })?;
    for (family, write) in writes {
        let family = db.family(family)?;
        match write {
            Write::Put(key, value) => {
                transaction.get_in(&family, key)?;
                transaction.put_in(&family, key, value)?;
                assert_eq!(transaction.get_in(&family, key)?.as_deref(), Some(&value[..]), "its own write");
            }
            Write::Delete(key) => transaction.delete_in(&family, key)?,
            Write::DeleteRange(start, end) => transaction.delete_range_in(&family, start, end)?,
            Write::PutExpiring(key, value, at) => transaction.put_expiring_in(&family, key, value, *at)?,
            Write::Merge(key, operand) => transaction.merge_in(&family, key, operand)?,
        }
    }
    transaction.commit()
}

/// Everything the database holds, family by family.
pub fn contents(db: &Db) -> Result<Contents, Error> {
    let families = db.families()?;
    families.into_iter().map(|name| Ok((name.clone(), family_contents(db, &db.family(&name)?)?))).collect()
}

/// Everything a family holds, by a forward scan that is checked against a backward one and against gets.
fn family_contents(db: &Db, family: &ColumnFamily) -> Result<Map, Error> {
    let mut map = Map::new();
    let mut iter = db.iter_in(family, &ReadOptions::default())?;
    iter.seek_to_first()?;
    while iter.valid() {
        assert!(map.insert(iter.key().to_vec(), iter.value().to_vec()).is_none(), "a key came twice");
        iter.next()?;
    }
    let mut backward = map.iter().rev();
    iter.seek_to_last()?;
    while iter.valid() {
        assert_eq!(Some((iter.key(), iter.value())), backward.next().map(|(k, v)| (&k[..], &v[..])), "backward");
        iter.prev()?;
    }
    assert_eq!(backward.next(), None, "the backward scan ended early");
    for (key, value) in &map {
        let got = db.get_in(family, key, &ReadOptions::default())?;
        assert_eq!(got.as_deref(), Some(&value[..]), "get of {key:?}");
    }
    Ok(map)
}
