//! Key locks: whoever waits for a key gets its turn, in line, or is told why not; nobody sleeps through what wakes it.
//!
//! Proved of [`KeyLocks`]: of two that wait for a key both get it, one at a time, and nothing is left behind; of two owners that wait
//! for each other's keys one is refused, and both end; a close wakes whoever waits. Waits have no limit in a model, so a wakeup
//! that is lost is a deadlock, which loom reports.
//!
//! Made up: time, which stands still. Fails with `forget-to-wake-the-line` and with `wake-without-the-lock`.

use crate::db::health::Health;
use crate::db::models::bare::{Still, spawn};
use crate::db::write::key_locks::{FamilyKey, KeyLocks, Patience};
use crate::error::{ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::util::sync::atomic::{AtomicBool, Ordering};
use crate::util::sync::{Arc, explore};

struct World {
    locks: KeyLocks,
    health: Health,
    /// Somebody has the key "x" to itself.
    inside: AtomicBool,
}

fn world() -> Arc<World> {
    Arc::new(World {
        locks: KeyLocks::default(),
        health: Health::new(false, Default::default()),
        inside: AtomicBool::new(false),
    })
}

fn key(name: &str) -> FamilyKey {
    (FamilyId::DEFAULT, name.as_bytes().to_vec())
}

impl World {
    fn patience(&self) -> Patience<'_> {
        Patience { health: &self.health, clock: &Still, timeout_ms: 1_000, interrupted: None }
    }

    fn alone(&self) {
        assert!(!self.inside.swap(true, Ordering::AcqRel), "two at once have one key");
        self.inside.store(false, Ordering::Release);
    }

    /// A transaction that takes `names` in turn.
    fn transaction(&self, names: &[&str]) -> Result<()> {
        let owner = self.locks.new_owner();
        let mut taken = Vec::new();
        let mut done = Ok(());
        for name in names {
            match self.locks.lock(owner, &key(name), &self.patience()) {
                Ok(_) => taken.push(key(name)),
                Err(error) => {
                    done = Err(error);
                    break;
                }
            }
        }
        if done.is_ok() {
            self.alone();
        }
        self.locks.release(owner, &taken);
        done
    }

    /// A plain write of `name`, which keeps its place in line until it is done.
    fn plain_write(&self, name: &str) -> Result<()> {
        let place = self.locks.wait_until_free(None, key(name), &self.patience())?;
        self.alone();
        drop(place);
        Ok(())
    }
}

#[test]
fn loom_everyone_in_line_gets_the_key() {
    explore("key locks: a line", 3, || {
        let world = world();
        let (one, other) = (world.clone(), world.clone());
        let one = spawn(move || one.transaction(&["x"]));
        let other = spawn(move || other.plain_write("x"));
        world.transaction(&["x"]).unwrap();
        one.join().unwrap().unwrap();
        other.join().unwrap().unwrap();
        assert_eq!((world.locks.held(), world.locks.known_keys()), (0, 0));
    });
}

#[test]
fn loom_a_ring_is_refused_to_one_of_those_who_make_it() {
    explore("key locks: a ring", 4, || {
        let world = world();
        let other = world.clone();
        let other = spawn(move || other.transaction(&["y", "x"]));
        let one = world.transaction(&["x", "y"]);
        let other = other.join().unwrap();
        for error in [&one, &other].into_iter().filter_map(|done| done.as_ref().err()) {
            assert_eq!(error.kind(), ErrorKind::Conflict);
        }
        assert!(one.is_ok() || other.is_ok(), "one of the two may go on");
        assert_eq!((world.locks.held(), world.locks.known_keys()), (0, 0));
    });
}

#[test]
fn loom_a_close_wakes_whoever_waits() {
    explore("key locks: a close", 4, || {
        let world = world();
        let holder = world.locks.new_owner();
        world.locks.lock(holder, &key("x"), &world.patience()).unwrap();
        let (one, other) = (world.clone(), world.clone());
        let one = spawn(move || one.transaction(&["x"]));
        let other = spawn(move || other.plain_write("x"));
        assert!(world.health.close());
        world.locks.wake_all();
        for waiter in [one, other] {
            assert_eq!(waiter.join().unwrap().unwrap_err().kind(), ErrorKind::Closed);
        }
    });
}
