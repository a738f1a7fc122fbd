//! Runs a test body under many schedules: one half at random, the other by probabilistic concurrency testing, which preempts at a
//! few places only and so finds what needs exactly those.

use shuttle::rand::{RngCore, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

use crate::rng::{Rng, number, seed_or};

/// Preemptions of a schedule by the second scheduler.
const DEPTHS: [usize; 2] = [3, 5];

/// Runs `body` under `default` schedules, or as many as `ESKER_SCHEDULES` says.
pub fn explore(name: &str, default: usize, body: fn()) {
    let count = number("ESKER_SCHEDULES").map_or(default, |n| n as usize).max(4);
    let seed = seed_or(0);
    println!("{name}: ESKER_SEED={seed} ESKER_SCHEDULES={count}");
    run(RandomScheduler::new_from_seed(seed, count / 2), body);
    for (n, depth) in DEPTHS.into_iter().enumerate() {
        let part = count - count / 2;
        let part = if n == 0 { part / 2 } else { part - part / 2 };
        run(PctScheduler::new_from_seed(seed.wrapping_add(n as u64), depth, part), body);
    }
    println!("explored {count} schedules of {name}");
}

fn run(scheduler: impl Scheduler + 'static, body: fn()) {
    let mut config = Config::new();
    // Compactions and recoveries go deep in unoptimised code.
    config.stack_size = 512 << 10;
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(body);
}

/// Numbers that the schedule decides, so that the same schedule makes the same run.
pub fn dice() -> Rng {
    Rng::new(thread_rng().next_u64())
}
