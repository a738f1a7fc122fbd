//! A close comes while every kind of call is under way: each ends, well or as `Closed`; nothing acknowledged is lost; the
//! directory can be opened again at once, while the calls of before still end.

use shuttle::thread;

use esker::{Db, ErrorKind};

use crate::explore::{dice, explore};
use crate::ledger::Ledger;
use crate::rng::Rng;
use crate::world::{Habits, check_all, create, families, is_end, look, open, open_to_read, tables_on, write};

const WRITERS: usize = 2;
/// Writes of the life after the close.
const LATER: usize = 10;

#[test]
fn a_close_under_load() {
    explore("a_close_under_load", 150, || {
        let mut rng = dice();
        let (disk, db) = create(rng.next());
        let ledger = Ledger::new(WRITERS);
        let mut threads = Vec::new();
        for writer in 0..WRITERS {
            let habits = Habits { count: 2 + rng.below(5), sizes: [100; 2], unlogged: true };
            let (db, ledger, rng) = (db.clone(), ledger.clone(), dice());
            let families = families(&db);
            threads.push(thread::spawn(move || write(&db, &families, &ledger, writer, habits, rng)));
        }
        let caller = (db.clone(), families(&db), ledger.clone(), dice());
        threads.push(thread::spawn(move || {
            let (db, families, ledger, mut rng) = caller;
            for _ in 0..2 {
                let done = match rng.below(4) {
                    0 => db.flush(),
                    1 => db.compact_range(None, None),
                    2 => db.sync(),
                    _ => look(&db, &families, &ledger, rng.below(WRITERS)),
                };
                if let Err(error) = done {
                    assert!(is_end(&error), "{error}");
                    return;
                }
            }
        }));
        for _ in 0..rng.below(60) {
            thread::yield_now();
        }
        db.close().unwrap();
        all_closed(&db, &mut rng);
        let least = ledger.acknowledged();
        let again = open(&disk);
        check_all(&again, &ledger, &least);
        if rng.chance(50) {
            live_on(&again);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        } else {
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            live_on(&again);
        }
        all_closed(&db, &mut rng);
        check_all(&again, &ledger, &least);
        again.close().unwrap();
        let again = open_to_read(&disk);
        check_all(&again, &ledger, &least);
        for n in 0..LATER {
            assert!(again.get(format!("later {n}")).unwrap().is_some(), "a write of the second life is gone");
        }
        let live = again.stats().unwrap().number("live_tables");
        assert_eq!(Some(tables_on(&disk).len() as u64), live, "the first life left tables behind");
    });
}

/// The second life writes tables of its own in the directory: the calls of the first must not get in their way.
fn live_on(db: &Db) {
    for n in 0..LATER {
        db.put(format!("later {n}"), [b'v'; 150]).unwrap();
    }
    db.flush().unwrap();
    db.compact_range(None, None).unwrap();
}

/// Every call after a close says so.
fn all_closed(db: &Db, rng: &mut Rng) {
    let error = match rng.below(6) {
        0 => db.put("k", "v").unwrap_err(),
        1 => db.get("k").map(|_| ()).unwrap_err(),
        2 => db.iter().map(|_| ()).unwrap_err(),
        3 => db.flush().unwrap_err(),
        4 => db.snapshot().map(|_| ()).unwrap_err(),
        _ => db.close().unwrap_err(),
    };
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
}
