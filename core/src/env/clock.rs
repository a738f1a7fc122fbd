//! [`Clock`]: the only source of time. Ordering never depends on it; stalls, expiry and statistics do.

use std::fmt;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::util::sync::atomic::{AtomicU64, Ordering};

/// Wall time for expiry, monotonic time for waiting.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Milliseconds since 1970, as the machine believes. May jump either way.
    fn unix_ms(&self) -> u64;
    /// Milliseconds since some fixed moment. Never goes back.
    fn monotonic_ms(&self) -> u64;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Monotonic time starts at zero now.
    pub fn new() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn unix_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
    }

    fn monotonic_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }
}

/// A clock that stands still until it is told to move: for tests of time.
#[derive(Debug, Default)]
pub struct TestClock {
    now_ms: AtomicU64,
    /// The highest it has stood at: monotonic time does not go back with it.
    highest_ms: AtomicU64,
}

impl TestClock {
    /// Stands at `now_ms`.
    pub fn at(now_ms: u64) -> TestClock {
        TestClock { now_ms: AtomicU64::new(now_ms), highest_ms: AtomicU64::new(now_ms) }
    }

    /// Moves to `now_ms`, forward or back.
    pub fn set(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
        self.highest_ms.fetch_max(now_ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn unix_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn monotonic_ms(&self) -> u64 {
        self.highest_ms.load(Ordering::Relaxed)
    }
}
