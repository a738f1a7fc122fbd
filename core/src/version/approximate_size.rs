//! How much of a family's tables a range of keys takes, told from their indexes: no data block is read.
//!
//! A table wholly inside the range counts with all of its file; of one that reaches over an end, the part between the blocks
//! where the range begins and ends. Wrong by at most a block per table and end. Thread rule: any thread.

use crate::error::Result;
use crate::key::order::Order;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::key_span::KeySpan;
use crate::version::table_cache::TableCache;
use crate::version::version::Version;

/// About how many bytes the keys from `start` up to, not including, `end` take in the tables of `version`; `None` is no end.
pub fn approximate_size(
    version: &Version,
    tables: &TableCache,
    start: Option<&[u8]>,
    end: Option<&[u8]>,
) -> Result<u64> {
    let span = KeySpan::between(start, end);
    let mut bytes = 0u64;
    for level in Level::all() {
        for file in version.overlapping(level, &span) {
            bytes = bytes.saturating_add(part_of(&file, version.order(), tables, start, end)?);
        }
    }
    Ok(bytes)
}

fn part_of(
    file: &FileMeta,
    order: &Order,
    tables: &TableCache,
    start: Option<&[u8]>,
    end: Option<&[u8]>,
) -> Result<u64> {
    let starts_inside = start.filter(|start| order.cmp(start, &file.smallest).is_gt());
    let ends_inside = end.filter(|end| order.cmp(end, &file.largest).is_le());
    if starts_inside.is_none() && ends_inside.is_none() {
        return Ok(file.file_size);
    }
    let table = tables.get(file, order)?;
    let from = starts_inside.map_or(0, |key| table.offset_of(key));
    let to = ends_inside.map_or(file.file_size, |key| table.offset_of(key));
    Ok(to.saturating_sub(from))
}
