//! Checksummed records in a file: the framing that the WAL and the MANIFEST share. Rank 4; pure but for `source`.
//!
//! `frame` turns a record into bytes and back, `search` finds whole records behind damage, `slot` is the durable word that
//! says how much of a file is known to be synced, `source` reads a file for the other two. The page is docs/format/record.md.

mod frame;
mod search;
mod slot;
mod source;

pub use frame::{
    Decoded, HEADER_LEN, Place, Record, RecordHeader, encode_header, encode_record, file_identity, padding, record_len,
};
pub use search::{Search, read_record};
pub use slot::{SLOT_LEN, SLOT_SECTOR_LEN, decode_slot, encode_slot};
pub use source::{FileSource, RecordSource};
