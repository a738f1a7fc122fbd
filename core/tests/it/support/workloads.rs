//! The workloads of the crash and fault families: short scripts that between them do everything that reaches the disk.

use esker::options::CompactionStyle;
use esker::{Durability, Options};

use crate::support::oracle::{DEFAULT, Write};
use crate::support::script::{NOW_MS, Script, Step};
use crate::support::sets::tiny_options;

use Durability::{Buffered, Sync};

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

/// The workloads, a line each: the name of its test, in `crash` and in `faults`, and what makes it. A new one joins by its line
/// here. `every_script!(then)` hands the lines to the macro `then`.
macro_rules! every_script {
    ($then:ident) => {
        $then! {
            creation_and_reopening: script("creation and reopening", creation());
            puts_some_synced: script("puts, some synced", mixed_puts());
            batches_whole_or_not_at_all: script("batches, whole or not at all", batches());
            flushes: script("flushes", flushes());
            compaction_from_level_0_down: script("compaction from level 0 down", compaction());
            range_deletes_across_tables: script("range deletes across tables", range_deletes());
            the_manifest_rolls: small_manifest("the manifest rolls over and over", rolling_manifest());
            the_log_rolls: script("the log rolls from segment to segment", rolling_log());
            overwrites_under_a_snapshot: script("overwrites under a snapshot", overwrites());
            close_and_open_again_and_again: script("close and open, again and again", reopenings());
            families_come_hold_batches_and_go: script("families come, hold batches, and go", families());
            writes_alternate_over_two_families: script("writes alternate over two families, one is flushed", alternating());
            unlogged_batches_over_two_families: script("unlogged batches over two families", unlogged());
            an_idle_family_while_the_log_rolls: script("a family that is idle while the log rolls", idle_family());
            transactions_over_families: script("transactions over families", transactions());
            merges_and_expiries: script("merges and expiries", merges_and_expiries());
            size_tiered_compaction: size_tiered("size-tiered compaction", compaction());
            checkpoints_of_families: script("checkpoints of families", checkpoints());
        }
    };
}

/// A test for each workload, which hands it to the function `holds`.
macro_rules! one_test_per_script {
    ($($test:ident: $script:expr;)*) => {
        $(#[test]
        fn $test() {
            holds(&$crate::support::workloads::script_of(stringify!($test)));
        })*
    };
}

pub(crate) use {every_script, one_test_per_script};

macro_rules! named {
    ($($test:ident: $script:expr;)*) => { vec![$((stringify!($test), $script)),*] };
}

fn all() -> Vec<(&'static str, Script)> {
    every_script!(named)
}

/// The workloads.
pub fn scripts() -> Vec<Script> {
    all().into_iter().map(|(_, script)| script).collect()
}

/// The workload of a test.
pub fn script_of(test: &str) -> Script {
    all().into_iter().find(|(name, _)| *name == test).expect("tests are made from the same lines").1
}

fn script(name: &'static str, steps: Vec<Step>) -> Script {
    Script::new(name, steps)
}

fn small_manifest(name: &'static str, steps: Vec<Step>) -> Script {
    let options = Options { manifest_rotate_size: 1 << 10, ..tiny_options() };
    let options_source = "Options { manifest_rotate_size: 1 << 10, ..tiny_options() }";
    Script { options, options_source, ..Script::new(name, steps) }
}

fn size_tiered(name: &'static str, steps: Vec<Step>) -> Script {
    let options = Options { compaction_style: CompactionStyle::Tiered, ..tiny_options() };
    let options_source = "Options { compaction_style: CompactionStyle::Tiered, ..tiny_options() }";
    Script { options, options_source, ..Script::new(name, steps) }
}

fn creation() -> Vec<Step> {
    vec![Step::Reopen, Step::Commit(vec![put(1, 8)], Buffered), Step::Reopen]
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

/// Each holds what was written before it, in every family that there is then; what comes after changes none.
fn checkpoints() -> Vec<Step> {
    let mut steps = vec![Step::CreateFamily("a")];
    for (n, dir) in ["/copy 0", "/copy 1", "/copy 2"].into_iter().enumerate() {
        steps.push(Step::CommitIn(vec![(DEFAULT, put(n, 300)), ("a", put(n, 20))], Buffered));
        match n {
            1 => steps.extend([Step::Flush, Step::Compact(None, None)]),
            2 => steps.extend([Step::Reopen, Step::DropFamily("a"), Step::Commit(vec![put(5, 10)], Buffered)]),
            _ => steps.push(Step::Snapshot),
        }
        steps.push(Step::Checkpoint(dir));
        steps.push(Step::Commit(vec![Write::DeleteRange(key(0), key(2)), put(20 + n, 10)], Sync));
    }
    steps
}

/// A script that has stopped doing what its name says would prove nothing, and nobody would see it.
#[test]
fn the_scripts_reach_what_they_are_for() {
    use esker::env::filename::FileKind;
    use esker::env::op::{Op, OpKind};

    let scripts = scripts();
    let done = |name: &str| {
        let script = scripts.iter().find(|script| script.name.starts_with(name)).expect("there is such a script");
        let disk = esker::env::sim_fs::SimFs::new(1);
        let counter = disk.clone();
        drop(crate::support::script::run(script, std::sync::Arc::new(disk.clone()), &move || counter.op_count(), true));
        disk.ops()
    };
    let count = |ops: &[Op], kind: OpKind, is: fn(FileKind) -> bool| {
        let names = ops.iter().filter(|op| op.kind == kind).filter_map(|op| FileKind::parse(op.path.file_name()?));
        names.filter(|kind| is(*kind)).count()
    };
    let is_table = |kind| matches!(kind, FileKind::Table(_));
    let manifests = count(&done("the manifest rolls"), OpKind::Create, |kind| matches!(kind, FileKind::Manifest(_)));
    assert!(manifests > 1, "{manifests} manifests");
    let logs = count(&done("the log rolls"), OpKind::Create, |kind| matches!(kind, FileKind::Wal(_)));
    assert!(logs > 2, "{logs} segments");
    let flushed = count(&done("flushes"), OpKind::Create, is_table);
    assert!(flushed >= 4, "{flushed} tables");
    for name in ["compaction", "size-tiered", "range deletes", "overwrites"] {
        let compacted = count(&done(name), OpKind::Remove, is_table);
        assert!(compacted > 0, "{name}: no table was ever replaced");
    }
}
