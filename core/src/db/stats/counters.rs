//! [`Counters`]: what the database has done since it was opened. Bumped without locks; read by `stats`.

use crate::util::metrics::Counter;

/// Sums since open.
#[derive(Debug, Default)]
pub struct Counters {
    pub writes: Counter,
    pub write_bytes: Counter,
    pub wal_bytes: Counter,
    pub wal_syncs: Counter,
    pub gets: Counter,
    pub gets_found: Counter,
    pub iterators: Counter,
    pub flushes: Counter,
    pub flush_bytes: Counter,
    pub compactions: Counter,
    pub trivial_moves: Counter,
    pub expired_entries: Counter,
    pub expired_tables: Counter,
    pub compaction_read_bytes: Counter,
    pub compaction_write_bytes: Counter,
    pub background_failures: Counter,
    pub stalls_memtables: Counter,
    pub stalls_level0: Counter,
    pub stalls_wal_segment: Counter,
    pub stalled_ms: Counter,
    pub files_removed: Counter,
    pub transactions: Counter,
    pub conflicts: Counter,
    pub read_sets_widened: Counter,
}
