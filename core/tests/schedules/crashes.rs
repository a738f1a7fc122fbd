//! The power fails while writers share syncs and flushes install: after recovery each writer's keys hold what some number of its
//! writes leave, at least those that were acknowledged as synced before the power failed.

use shuttle::thread;

use esker::env::sim_fs::CrashImage;

use crate::explore::{dice, explore};
use crate::ledger::Ledger;
use crate::world::{Habits, check_all, create, families, open, write};

const WRITERS: usize = 3;

#[test]
fn a_crash_under_load() {
    explore("a_crash_under_load", 150, || {
        let mut rng = dice();
        let (disk, db) = create(rng.next());
        let ledger = Ledger::new(WRITERS);
        let threads: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let habits = Habits { count: 2 + rng.below(4), sizes: [100; 2], unlogged: false };
                let (db, ledger, rng) = (db.clone(), ledger.clone(), dice());
                let families = families(&db);
                thread::spawn(move || write(&db, &families, &ledger, writer, habits, rng))
            })
            .collect();
        for _ in 0..rng.below(80) {
            thread::yield_now();
        }
        // What is synced now must be in a picture of the disk that is taken later.
        let least = ledger.synced();
        let images = CrashImage::all(rng.next());
        let image = *rng.pick(&images);
        let survivor = disk.crash(image);
        survivor.record_ops(false);
        let after = open(&survivor);
        check_all(&after, &ledger, &least);
        after.put("w", "life goes on").unwrap();
        after.close().unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        check_all(&db, &ledger, &ledger.acknowledged());
        db.close().unwrap();
    });
}
