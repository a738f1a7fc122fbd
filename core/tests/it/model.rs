//! T5: right answers. Random scripts of every operation, over several families, against the oracle, under every option set, with
//! tiny memtables, blocks and tables so that a short script crosses all boundaries. Cursor moves and bounds are nearly half of it.
//!
//! A failure prints the option set, the seed and the number of the operation; `ESKER_MODEL_SEED=n` repeats that script alone,
//! `ESKER_MODEL_OPS=n` sets how many operations each set gets, in scripts from seed `ESKER_SEED` on.

mod reads;
mod transactions;
mod world;
mod writes;

use std::collections::BTreeMap;

use esker::Options;

use crate::support::rng::{number, seed_or};
use crate::support::sets::option_sets;
use world::World;

/// Operations each option set gets in the quick tier: a million in all.
const QUICK_OPS: u64 = 130_000;
/// Operations of one script: then a fresh database, so that early states are met often.
const SCRIPT_OPS: u64 = 10_000;

/// One kind of operation: how often in a thousand, its name, and what it does.
type Operation = (usize, &'static str, fn(&mut World));

#[rustfmt::skip]
const OPERATIONS: &[Operation] = &[
    (110, "put", World::put), (50, "delete", World::delete), (60, "delete_range", World::delete_range),
    (25, "put that expires", World::put_expiring), (45, "merge", World::merge), (12, "clock", World::tick),
    (40, "batch", World::write_batch), (8, "batch as data", World::write_batch_from_data),
    (8, "batch appended to", World::write_appended_batch), (8, "batch rolled back to a savepoint", World::write_rolled_back_batch),
    (3, "empty batch", World::write_empty_batch), (5, "unknown family refused", World::refuse_unknown_family),
    (110, "get", World::get), (20, "get at a snapshot", World::get_at_snapshot), (40, "multi_get", World::multi_get),
    (20, "snapshot", World::take_snapshot), (15, "drop snapshot", World::drop_snapshot),
    (35, "iterator", World::open_cursor), (10, "drop iterator", World::drop_cursor), (10, "refresh", World::refresh_cursor),
    (20, "seek_to_first", World::seek_to_first), (20, "seek_to_last", World::seek_to_last),
    (60, "seek", World::seek), (60, "seek_for_prev", World::seek_for_prev),
    (100, "next", World::next), (100, "prev", World::prev), (22, "next_many", World::next_many), (22, "prev_many", World::prev_many),
    (8, "flush", World::flush), (6, "flush of a family", World::flush_family),
    (5, "compact everything", World::compact_all), (6, "compact a range", World::compact_range), (5, "sync", World::sync),
    (3, "close and open", World::reopen), (3, "kill and open", World::kill), (3, "scan everything", World::scan_everything),
    (3, "create family", World::create_family), (2, "drop family", World::drop_family), (2, "list families", World::list_families),
    (12, "begin", World::begin), (40, "write in a transaction", World::write_in_transaction),
    (25, "get in a transaction", World::get_in_transaction), (25, "scan in a transaction", World::scan_in_transaction),
    (6, "savepoint", World::set_savepoint), (6, "rollback to savepoint", World::rollback_to_savepoint),
    (10, "commit", World::commit_transaction), (4, "rollback", World::rollback_transaction),
    (2, "approximate size", World::approximate_size), (2, "property", World::property), (4, "stats", World::stats),
];

/// How often each kind of operation was done.
pub type Counts = BTreeMap<&'static str, u64>;

fn run(name: &str, options: &Options, seed: u64, ops: u64) -> Counts {
    let mut world = World::new(options, seed);
    let mut counts = Counts::new();
    let total = OPERATIONS.iter().map(|(weight, _, _)| weight).sum();
    for number in 0..ops {
        let mut at = world.rng.below(total);
        let chosen = OPERATIONS.iter().find(|(weight, _, _)| {
            let found = at < *weight;
            at = at.wrapping_sub(*weight);
            found
        });
        let (_, kind, operation) = chosen.expect("the weights add up");
        *counts.entry(*kind).or_default() += 1;
        let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| operation(&mut world)));
        if let Err(panic) = attempt {
            eprintln!("option set \"{name}\", ESKER_MODEL_SEED={seed}, operation {number}: {kind}");
            std::panic::resume_unwind(panic);
        }
    }
    world.scan_everything();
    counts
}

fn run_set(index: usize) {
    let sets = option_sets();
    let (name, options) = &sets[index];
    if let Some(seed) = number("ESKER_MODEL_SEED") {
        run(name, options, seed, SCRIPT_OPS);
        return;
    }
    let ops = number("ESKER_MODEL_OPS").unwrap_or(QUICK_OPS);
    let first = seed_or(1000 * index as u64);
    let mut counts = Counts::new();
    for script in 0..ops.div_ceil(SCRIPT_OPS) {
        for (kind, count) in run(name, options, first + script, SCRIPT_OPS) {
            *counts.entry(kind).or_default() += count;
        }
    }
    println!("{name}: {ops} operations, 0 differences; {counts:?}");
    assert!(ops < QUICK_OPS || counts.len() == OPERATIONS.len(), "every kind of operation was done");
}

#[test]
fn there_are_enough_kinds_of_operations() {
    let kinds: std::collections::BTreeSet<_> = OPERATIONS.iter().map(|(_, kind, _)| kind).collect();
    assert!(kinds.len() == OPERATIONS.len() && kinds.len() >= 30);
}

macro_rules! one_test_per_set {
    ($($test:ident = $index:literal;)*) => {
        $(#[test]
        fn $test() {
            run_set($index);
        })*

        #[test]
        fn every_option_set_has_a_test() {
            assert_eq!([$($index),*].len(), option_sets().len());
        }
    };
}

one_test_per_set! {
    tiny = 0;
    one_kibibyte_memtables = 1;
    small_blocks_and_lz4 = 2;
    no_filters_no_compression = 3;
    lazy_level_zero = 4;
    large_tables = 5;
    memory_only_until_asked = 6;
    size_tiered = 7;
    defaults = 8;
}
