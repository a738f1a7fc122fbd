//! [`InfoLog`]: what the engine does of its own accord, told to whoever asks.
//!
//! ```text
//! open, flush, compaction, stall, failure, family, close  ── push ──►  ring of 1024  ── Db::drain_log ──►  the caller's log
//! ```
//! The engine writes no log and calls nobody: a callback would run under its locks, on its threads, and in a runtime that may not
//! want either. It keeps the latest records; a caller takes them when it suits him (docs/decisions/0010-log-records.md).
//!
//! *Invariants.* Nothing below this folder pushes: jobs return what they did, and whoever installs it says so. Records come out in
//! the order they went in; when the oldest had to give way, a record in their place says how many.
//! *Threads.* Any; the ring's lock is a leaf. Whether there is anything costs one relaxed load.

use std::collections::VecDeque;
use std::fmt;

use crate::db::stats::json_string;
use crate::env::clock::{Clock, SystemClock};
use crate::util::sync::atomic::{AtomicBool, Ordering};
use crate::util::sync::{Arc, Mutex};

/// Records that are kept for somebody to come. Some ten bytes of header and a line of text each.
const MOST_RECORDS: usize = 1024;

/// How much attention a record deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What happens in every database.
    Info,
    /// What somebody may want to change: writes that wait, a tail that was cut off.
    Warning,
    /// What failed.
    Error,
}

impl LogLevel {
    /// `info`, `warning` or `error`.
    pub fn name(self) -> &'static str {
        match self {
            LogLevel::Info => "info",
            LogLevel::Warning => "warning",
            LogLevel::Error => "error",
        }
    }
}

/// Something that the engine did, or that happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// How much attention it deserves.
    pub level: LogLevel,
    /// What it is about, for programs: `open`, `flush`, `compaction`, `stall`, `background`, `poisoned`, `family`, `close`,
    /// `lost`.
    pub what: &'static str,
    /// What happened, for people: one line.
    pub text: String,
}

impl LogRecord {
    /// As an object of one line: `{"time_ms":1,"level":"info","what":"flush","text":"…"}`.
    pub fn to_json(&self) -> String {
        let LogRecord { time_ms, level, what, text } = self;
        let text = json_string(text);
        format!("{{\"time_ms\":{time_ms},\"level\":\"{}\",\"what\":\"{what}\",\"text\":{text}}}", level.name())
    }
}

impl fmt::Display for LogRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.level.name(), self.what, self.text)
    }
}

#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<LogRecord>,
    /// Records that had to give way since the last drain, and when the last of them was made.
    lost: u64,
    lost_time_ms: u64,
}

/// The latest records of one open database.
#[derive(Debug)]
pub struct InfoLog {
    clock: Arc<dyn Clock>,
    /// Whether there may be something in the ring. A hint: whoever looks a moment too early finds it the next time.
    waiting: AtomicBool,
    /// Whether a stall was told that has not ended.
    stalled: AtomicBool,
    ring: Mutex<Ring>,
}

impl InfoLog {
    /// Empty; `clock` dates the records.
    pub fn new(clock: Arc<dyn Clock>) -> InfoLog {
        InfoLog {
            clock,
            waiting: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            ring: Mutex::new(Ring::default()),
        }
    }

    /// Keeps a record. It must be one line.
    pub fn push(&self, level: LogLevel, what: &'static str, text: String) {
        let record = LogRecord { time_ms: self.clock.unix_ms(), level, what, text };
        let mut ring = self.ring.lock();
        if ring.records.len() >= MOST_RECORDS
            && let Some(oldest) = ring.records.pop_front()
        {
            ring.lost += 1;
            ring.lost_time_ms = oldest.time_ms;
        }
        ring.records.push_back(record);
        self.waiting.store(true, Ordering::Relaxed);
    }

    /// Whether there may be something to drain. One relaxed load.
    pub fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Takes all records, the oldest first.
    pub fn drain(&self) -> Vec<LogRecord> {
        let Ring { records, lost, lost_time_ms } = {
            let mut ring = self.ring.lock();
            self.waiting.store(false, Ordering::Relaxed);
            std::mem::take(&mut *ring)
        };
        let gap = (lost > 0).then(|| LogRecord {
            time_ms: lost_time_ms,
            level: LogLevel::Warning,
            what: "lost",
            text: format!("{lost} older records had to give way before anybody took them"),
        });
        gap.into_iter().chain(records).collect()
    }

    /// Whether the caller is the one that tells of a stall: of many writers that wait one does.
    pub fn begin_stall(&self) -> bool {
        !self.stalled.swap(true, Ordering::Relaxed)
    }

    /// The stall is over that [`InfoLog::begin_stall`] let the caller tell.
    pub fn end_stall(&self) {
        self.stalled.store(false, Ordering::Relaxed);
    }
}

impl Default for InfoLog {
    fn default() -> Self {
        InfoLog::new(Arc::new(SystemClock::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::clock::TestClock;

    #[test]
    fn records_come_out_once_and_in_order() {
        let clock = Arc::new(TestClock::at(5));
        let log = InfoLog::new(clock.clone());
        assert!(!log.is_waiting() && log.drain().is_empty());
        log.push(LogLevel::Info, "flush", "one".into());
        clock.set(7);
        log.push(LogLevel::Error, "background", "two".into());
        assert!(log.is_waiting());
        let drained: Vec<_> = log.drain().iter().map(|r| (r.time_ms, r.to_string())).collect();
        assert_eq!(drained, [(5, "info flush: one".to_owned()), (7, "error background: two".to_owned())]);
        assert!(!log.is_waiting() && log.drain().is_empty());
    }

    #[test]
    fn a_record_is_json_whatever_its_text() {
        let record = LogRecord { time_ms: 9, level: LogLevel::Warning, what: "stall", text: "\"\\\n".into() };
        assert_eq!(record.to_json(), r#"{"time_ms":9,"level":"warning","what":"stall","text":"\"\\\u000a"}"#);
    }

    #[test]
    fn the_oldest_give_way_and_that_is_told() {
        let log = InfoLog::default();
        for n in 0..MOST_RECORDS + 3 {
            log.push(LogLevel::Info, "flush", n.to_string());
        }
        let drained = log.drain();
        assert_eq!(drained.len(), MOST_RECORDS + 1);
        assert_eq!((drained[0].what, drained[0].level), ("lost", LogLevel::Warning));
        assert!(drained[0].text.starts_with("3 older records"), "{}", drained[0]);
        assert_eq!((&*drained[1].text, &*drained[MOST_RECORDS].text), ("3", "1026"));
        assert!(log.drain().is_empty(), "what was lost is told once");
    }

    #[test]
    fn of_many_that_wait_one_tells() {
        let log = InfoLog::default();
        assert!(log.begin_stall() && !log.begin_stall());
        log.end_stall();
        assert!(log.begin_stall());
    }
}
