//! Key locks: transfers between accounts under pessimistic transactions, plain writes to the same keys and batches over several, in
//! line with one another. Nobody waits for ever (the scheduler would see that nobody can go on), a ring of waits is refused to one of
//! those who make it, no update is lost; a close ends every wait.

use shuttle::thread;

use esker::{Db, Durability, ErrorKind, Transaction, TransactionOptions, WriteBatch, WriteOptions};

use crate::explore::{dice, explore};
use crate::rng::Rng;
use crate::world::{create, is_end};

const ACCOUNTS: usize = 3;

fn name(account: usize) -> Vec<u8> {
    format!("account {account}").into_bytes()
}

fn options() -> TransactionOptions {
    TransactionOptions {
        durability: Some(Durability::None),
        lock_timeout_ms: 60_000,
        ..TransactionOptions::pessimistic()
    }
}

/// Moves one unit; a deadlock is a conflict, and nothing has moved then.
fn transfer(db: &Db, rng: &mut Rng) -> esker::Result<()> {
    let (from, to) = (rng.below(ACCOUNTS), rng.below(ACCOUNTS));
    let mut t = db.begin(&options())?;
    let take = |t: &mut Transaction, account: usize, change: i64| -> esker::Result<()> {
        let has = t.get_for_update(name(account))?.expect("an account");
        let has = i64::from_le_bytes((*has).try_into().expect("a number"));
        t.put(name(account), (has + change).to_le_bytes())
    };
    take(&mut t, from, -1)?;
    take(&mut t, to, 1)?;
    t.commit()
}

/// The sum of all accounts, as of one moment.
fn total(db: &Db) -> i64 {
    let names: Vec<_> = (0..ACCOUNTS).map(name).collect();
    let found = db.multi_get(&names, &Default::default()).unwrap();
    found.into_iter().map(|one| i64::from_le_bytes((*one.unwrap().unwrap()).try_into().unwrap())).sum()
}

/// All accounts at once: waits for each key that is held, and holds none meanwhile.
fn set_all(db: &Db, value: i64) -> esker::Result<()> {
    let mut batch = WriteBatch::new();
    (0..ACCOUNTS).for_each(|n| batch.put(&name(n), &value.to_le_bytes()).unwrap());
    db.write_with(&batch, &WriteOptions::new().durability(Durability::None))
}

#[test]
fn transfers_keep_the_total_and_nobody_waits_for_ever() {
    explore("key_locks", 200, || {
        let mut rng = dice();
        let (_disk, db) = create(rng.next());
        set_all(&db, 0).unwrap();
        let with_plain = rng.chance(50);
        let mut threads: Vec<_> = (0..3)
            .map(|_| {
                let (db, mut rng) = (db.clone(), dice());
                thread::spawn(move || {
                    for _ in 0..2 {
                        if let Err(error) = transfer(&db, &mut rng) {
                            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                        }
                        assert_eq!(total(&db), 0);
                    }
                })
            })
            .collect();
        if with_plain {
            // Sets all to the same: a transfer that it falls into would be seen in the total.
            let db = db.clone();
            threads.push(thread::spawn(move || set_all(&db, 0).unwrap()));
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((total(&db), db.stats().unwrap().number("key_locks")), (0, Some(0)));
        db.close().unwrap();
    });
}

#[test]
fn a_close_ends_every_wait_for_a_key() {
    explore("key_locks_and_close", 200, || {
        let mut rng = dice();
        let (_disk, db) = create(rng.next());
        set_all(&db, 0).unwrap();
        // Held until after the close: who waits for it can only be woken by that.
        let mut holder = db.begin(&options()).unwrap();
        holder.put(name(0), 7i64.to_le_bytes()).unwrap();
        let threads: Vec<_> = (0..2)
            .map(|n| {
                let (db, mut rng) = (db.clone(), dice());
                thread::spawn(move || {
                    let done = if n == 0 { transfer(&db, &mut rng) } else { set_all(&db, 1) };
                    if let Err(error) = done {
                        assert!(is_end(&error), "{error}");
                    }
                })
            })
            .collect();
        for _ in 0..rng.below(40) {
            thread::yield_now();
        }
        db.close().unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(holder.commit().unwrap_err().kind(), ErrorKind::Closed);
    });
}
