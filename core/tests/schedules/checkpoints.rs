//! Checkpoints while writers fill memtables of two families, one after the other, and flushes run: each copy holds what some number of
//! each writer's batches leave, in both families, at least those that were acknowledged before it was begun.

use shuttle::thread;

use esker::Options;

use crate::explore::{dice, explore};
use crate::ledger::Ledger;
use crate::world::{Habits, check_all, create_with, families, open_copy, options, write};

const WRITERS: usize = 2;

#[test]
fn a_checkpoint_under_load() {
    explore("a_checkpoint_under_load", 150, || {
        let mut rng = dice();
        // The one family's memtable is full every few batches, the other's seldom.
        let (disk, db) = create_with(rng.next(), &Options { memtable_size: 6 << 10, ..options() });
        let ledger = Ledger::new(WRITERS);
        let threads: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let habits = Habits { count: 12 + rng.below(6), sizes: [2_000, 20], unlogged: false };
                let (db, ledger, rng) = (db.clone(), ledger.clone(), dice());
                let families = families(&db);
                thread::spawn(move || write(&db, &families, &ledger, writer, habits, rng))
            })
            .collect();
        for dir in ["/copy 0", "/copy 1", "/copy 2"] {
            for _ in 0..rng.below(200) {
                thread::yield_now();
            }
            let least = ledger.acknowledged();
            db.checkpoint(dir).expect("nothing closes it");
            let copy = open_copy(&disk, dir);
            check_all(&copy, &ledger, &least);
            copy.put("w", "its own life").unwrap();
            copy.close().unwrap();
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        check_all(&db, &ledger, &ledger.acknowledged());
        db.close().unwrap();
    });
}
