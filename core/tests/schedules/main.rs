//! T6: the whole engine under a scheduler of our own. Built with `--cfg shuttle`, every lock, atomic and thread of the engine is
//! shuttle's (`util/sync`), so one OS thread runs writers, readers, transactions, flushes, compactions and closes, and a seeded
//! scheduler decides at every step who goes on. A schedule in which nobody can go on is a deadlock and fails; waits with a
//! time limit never run out, so that a wakeup which is lost is not made good by looking again.
//!
//! Each test runs some hundred schedules, `ESKER_SCHEDULES=n` that many, from `ESKER_SEED` on, and prints how many. A failure
//! prints its seed; the same seed and count find it again. `scripts/test-schedules.sh` builds and runs all of it.
//!
//! Without the cfg this binary is empty.
#![cfg(shuttle)]

mod checkpoints;
mod closes;
mod crashes;
mod engine;
mod explore;
mod histories;
#[path = "../it/support/judge.rs"]
mod judge;
mod keys;
mod ledger;
#[path = "../it/support/rng.rs"]
#[expect(dead_code, reason = "the other test binary needs more of it")]
mod rng;
mod world;
