//! Scripted workloads for the crash and fault families: what is done, and after which step what must survive.
//!
//! A script is plain data, so that two runs do the same operations in the same order. The journal of a run says which filesystem operations each step spans and whether
//! it succeeded; with it, [`Journal::legal`] answers what a crash at an operation may leave.

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
const NOW_MS: u64 = 1_700_000_000_000;

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
            Step::FlushFamily(_) | Step::Sync | Step::Flush | Step::Compact(..) | Step::Reopen | Step::Snapshot => {
                return false;
            }
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
            Step::Sync | Step::Flush | Step::Reopen | Step::CreateFamily(_) | Step::DropFamily(_) => true,
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
            Step::Sync | Step::Flush | Step::Reopen | Step::CreateFamily(_) | Step::DropFamily(_) => true,
        }
    }
}

/// The state of a database that was just created.
pub fn nothing() -> Contents {
    Contents::from([(DEFAULT.to_owned(), Map::new())])
}

/// A named workload.
pub struct Script {
    pub name: &'static str,
    pub options: Options,
    pub steps: Vec<Step>,
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
        if step.change(&mut state) {
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

fn key(n: usize) -> Vec<u8> {
    format!("key{n:05}").into_bytes()
}

fn value(n: usize, len: usize) -> Vec<u8> {
    format!("{n:06}").into_bytes().into_iter().cycle().take(len).collect()
}

fn put(n: usize, len: usize) -> Write {
    Write::Put(key(n), value(n * 31 + len, len))
}

fn puts(range: std::ops::Range<usize>, len: usize, durability: Durability) -> impl Iterator<Item = Step> {
    range.map(move |n| Step::Commit(vec![put(n, len)], durability))
}

use Durability::{Buffered, Sync};

/// The workloads of the quick tier.
pub fn scripts() -> Vec<Script> {
    vec![
        script("creation and reopening", vec![Step::Reopen, Step::Commit(vec![put(1, 8)], Buffered), Step::Reopen]),
        script("puts, some synced", mixed_puts()),
        script("batches, whole or not at all", batches()),
        script("flushes", flushes()),
        script("compaction from level 0 down", compaction()),
        script("range deletes across tables", range_deletes()),
        small_manifest("the manifest rolls over and over", rolling_manifest()),
        script("the log rolls from segment to segment", rolling_log()),
        script("overwrites under a snapshot", overwrites()),
        script("close and open, again and again", reopenings()),
        script("families come, hold batches, and go", families()),
        script("writes alternate over two families, one is flushed", alternating()),
        script("unlogged batches over two families", unlogged()),
        script("a family that is idle while the log rolls", idle_family()),
        script("transactions over families", transactions()),
        script("merges and expiries", merges_and_expiries()),
    ]
}

fn script(name: &'static str, steps: Vec<Step>) -> Script {
    Script { name, options: tiny_options(), steps }
}

fn small_manifest(name: &'static str, steps: Vec<Step>) -> Script {
    Script { name, options: Options { manifest_rotate_size: 1 << 10, ..tiny_options() }, steps }
}

fn mixed_puts() -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for n in 0..24 {
        let durability = if n % 7 == 3 { Sync } else { Buffered };
        steps.push(Step::Commit(vec![put(n % 9, 20 + n)], durability));
        if n % 11 == 5 {
            steps.push(Step::Sync);
        }
        if n % 5 == 4 {
            steps.push(Step::Commit(vec![Write::Delete(key(n % 9))], Buffered));
        }
    }
    steps
}

fn batches() -> Vec<Step> {
    let batch = |n: usize| (0..6).map(|i| put(10 * (n % 4) + i, 30 + n)).chain([Write::Delete(key(n))]).collect();
    (0..16).map(|n| Step::Commit(batch(n), if n % 4 == 3 { Sync } else { Buffered })).collect()
}

fn flushes() -> Vec<Step> {
    let mut steps = Vec::new();
    for round in 0..4 {
        steps.extend(puts(round * 3..round * 3 + 8, 40, Buffered));
        steps.push(Step::Flush);
    }
    steps.extend(puts(0..4, 10, Sync));
    steps
}

fn compaction() -> Vec<Step> {
    let mut steps = Vec::new();
    for round in 0..5 {
        steps.extend(puts(round..round + 12, 300, Buffered));
        steps.push(Step::Commit(vec![Write::Delete(key(round * 2))], Buffered));
        steps.push(Step::Flush);
    }
    steps.push(Step::Compact(None, None));
    steps.extend(puts(3..6, 20, Sync));
    steps
}

fn range_deletes() -> Vec<Step> {
    let mut steps: Vec<Step> = puts(0..20, 200, Buffered).collect();
    steps.push(Step::Flush);
    for n in [2, 8, 14] {
        steps.push(Step::Commit(vec![Write::DeleteRange(key(n), key(n + 5)), put(n + 1, 15)], Buffered));
        steps.push(Step::Flush);
        steps.push(Step::Commit(vec![put(n + 2, 50)], Sync));
    }
    steps.push(Step::Compact(Some(key(0)), Some(key(12))));
    steps.push(Step::Compact(None, None));
    steps
}

fn rolling_manifest() -> Vec<Step> {
    (0..10).flat_map(|n| [Step::Commit(vec![put(n, 60)], Buffered), Step::Flush]).collect()
}

fn rolling_log() -> Vec<Step> {
    let mut steps: Vec<Step> = puts(0..6, 24_000, Buffered).collect();
    steps.extend(puts(20..22, 24_000, Sync));
    steps.push(Step::Sync);
    steps.extend(puts(30..33, 24_000, Buffered));
    steps
}

fn overwrites() -> Vec<Step> {
    let mut steps = Vec::new();
    for round in 0..4 {
        steps.extend(puts(0..6, 100 + round, Buffered));
        steps.push(Step::Snapshot);
        steps.push(Step::Flush);
    }
    steps.push(Step::Commit(vec![Write::DeleteRange(key(1), key(4))], Buffered));
    steps.push(Step::Compact(None, None));
    steps
}

fn reopenings() -> Vec<Step> {
    let mut steps = Vec::new();
    for n in 0..5 {
        steps.extend(puts(n..n + 3, 50 + n, if n % 2 == 0 { Buffered } else { Sync }));
        steps.push(Step::Reopen);
    }
    steps
}

fn families() -> Vec<Step> {
    let mut steps = vec![Step::CreateFamily("a"), Step::CreateFamily("b")];
    for n in 0..6 {
        let durability = if n % 3 == 2 { Sync } else { Buffered };
        let batch = vec![(DEFAULT, put(n, 30)), ("a", put(n, 50)), ("b", put(n + 1, 20)), ("b", Write::Delete(key(n)))];
        steps.push(Step::CommitIn(batch, durability));
        if n == 3 {
            steps.push(Step::Flush);
        }
    }
    steps.extend([Step::DropFamily("a"), Step::CommitIn(vec![("b", put(50, 9))], Buffered), Step::CreateFamily("a")]);
    steps.push(Step::CommitIn(vec![("a", put(60, 9)), ("b", put(61, 9))], Buffered));
    steps.extend([Step::Reopen, Step::DropFamily("b"), Step::Commit(vec![put(70, 9)], Buffered)]);
    steps
}

/// The flush of one family must not make its writes durable while earlier ones of the other can be lost.
fn alternating() -> Vec<Step> {
    let mut steps = vec![Step::CreateFamily("a"), Step::CreateFamily("b")];
    for round in 0..3 {
        for n in 0..5 {
            let family = if n % 2 == 0 { "b" } else { "a" };
            steps.push(Step::CommitIn(vec![(family, put(10 * round + n, 40))], Buffered));
        }
        steps.push(Step::FlushFamily(if round == 1 { "b" } else { "a" }));
    }
    steps.push(Step::CommitIn(vec![("a", put(90, 10))], Buffered));
    steps
}

/// What no log has must be in tables whole: both families or none, whichever of them is flushed.
fn unlogged() -> Vec<Step> {
    let mut steps = vec![Step::CreateFamily("a"), Step::CreateFamily("b")];
    for round in 0..3 {
        for n in 0..4 {
            let batch = vec![("a", put(10 * round + n, 60)), ("b", put(n, 40 + round))];
            steps.push(Step::CommitIn(batch, Durability::None));
        }
        steps.push(Step::FlushFamily(if round == 0 { "b" } else { "a" }));
    }
    steps.push(Step::CommitIn(vec![("b", put(99, 10)), ("a", put(98, 10))], Durability::None));
    steps.push(Step::Reopen);
    steps
}

/// Large values fill one segment after the other; the family with one small write must neither hold them all nor be lost.
fn idle_family() -> Vec<Step> {
    let mut steps = vec![Step::CreateFamily("idle"), Step::CommitIn(vec![("idle", put(1, 10))], Buffered)];
    steps.extend(puts(0..7, 60_000, Buffered));
    steps.push(Step::CommitIn(vec![("idle", put(2, 10))], Sync));
    steps.extend(puts(20..21, 60_000, Buffered));
    steps
}

fn transactions() -> Vec<Step> {
    let mut steps = vec![Step::CreateFamily("a")];
    for n in 0..10 {
        let durability = if n % 4 == 3 { Sync } else { Buffered };
        let mut writes = vec![(DEFAULT, put(n % 3, 40 + n)), ("a", put(n, 30)), ("a", Write::Delete(key(n / 2)))];
        if n % 5 == 4 {
            writes.push((DEFAULT, Write::DeleteRange(key(0), key(2))));
            writes.push((DEFAULT, put(1, 5)));
        }
        steps.push(Step::Transaction(writes, durability));
        if n == 6 {
            steps.push(Step::FlushFamily("a"));
        }
    }
    steps
}

/// Counters that are merged over flushes, compactions and reopenings: an operand that counted twice, or not, shows. Beside them
/// values that have expired over older ones that have not, and values that will.
fn merges_and_expiries() -> Vec<Step> {
    let add = |n: usize, by: u64| ("hits", Write::Merge(key(n), by.to_le_bytes().to_vec()));
    let expiring = |n: usize, at| (DEFAULT, Write::PutExpiring(key(n), value(n, 20), at));
    let mut steps = vec![Step::CreateFamily("hits")];
    for n in 0..12 {
        let durability = if n % 5 == 4 { Sync } else { Buffered };
        let batch = vec![add(n % 3, 1), add(7, 1 << n), (DEFAULT, put(n % 4, 30)), expiring((n + 1) % 4, NOW_MS + 1)];
        steps.push(Step::CommitIn(batch, durability));
        steps.push(Step::CommitIn(vec![expiring(n % 2, NOW_MS), add(n % 2, 100)], Buffered));
        match n {
            3 => steps.push(Step::FlushFamily("hits")),
            6 => steps.extend([Step::Snapshot, Step::Flush]),
            8 => steps.extend([Step::Flush, Step::Compact(None, None)]),
            9 => steps.push(Step::Reopen),
            _ => {}
        }
    }
    steps
}
