//! The write-ahead log: what was committed and is not in a table yet. Rank 5.
//!
//! A log is a chain of *segments*. `format` says what stands in one, `segment` makes and writes one, `writer` appends batches
//! and rolls from one to the next, `sync_point` makes what was appended durable without holding up appends, `replay` reads the
//! chain back after a crash and tells a torn tail from damage. The page is docs/format/wal.md.

#[cfg(test)]
mod crash_tests;
mod format;
mod replay;
#[cfg(test)]
mod replay_tests;
mod segment;
mod sync_point;
#[cfg(test)]
mod test_log;
mod writer;
#[cfg(test)]
mod writer_tests;

#[cfg(feature = "fuzzing")]
pub use format::encode_segment_header;
pub use format::{
    FIRST_RECORD, HEADER_SECTOR_LEN, Link, SEGMENT_FORMAT_VERSION, SEGMENT_MAGIC, SLOT_OFFSET, TYPE_BATCH,
    read_segment_header,
};
pub use replay::{LoggedBatch, MAX_SEGMENT_LEN, ReplayInput, replay};
pub use segment::{PreparedSegment, prepare_segment};
pub use sync_point::SyncPoint;
pub use writer::{AppendError, WalWriter};
