//! What the tests put into tables: options, keys of every awkward shape, and the way from entries to an open table.

use crate::env::filename::FileNumber;
use crate::error::Result;
use crate::iter::vec_iter::Rng;
use crate::key::family::FamilyId;
use crate::key::internal::internal_key;
use crate::key::kind::Kind;
use crate::key::order::{Comparator, Order};
use crate::key::sequence::SeqNo;
use crate::table::tests::MemFile;
use crate::table::{BlockCache, Compression, Expect, Table, TableBuilder, TableOptions, TableSummary};
use crate::util::sync::Arc;

/// The table id of all tables here.
pub const TABLE_ID: u64 = 0x0123_4567_89ab_cdef;

/// Sorted internal keys and their values.
pub type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// Small blocks make a small table large.
pub fn options(block_size_bytes: u32, compression: Compression) -> TableOptions {
    TableOptions { block_size_bytes, compression, filter_bits_per_key: 10, order: Order::Bytewise }
}

pub fn seqno(n: u64) -> SeqNo {
    SeqNo::new(n).unwrap()
}

pub fn put(user_key: &[u8], n: u64) -> Vec<u8> {
    internal_key(user_key, seqno(n), Kind::Put)
}

/// A comparator that is not bytewise: by the last byte first.
#[derive(Debug)]
pub struct Backwards;

impl Comparator for Backwards {
    fn name(&self) -> &str {
        "test.backwards"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        a.iter().rev().cmp(b.iter().rev())
    }
}

/// Writes a table.
pub fn write(
    entries: &Entries,
    tombstones: &[(&[u8], &[u8], u64)],
    options: TableOptions,
) -> (Arc<MemFile>, TableSummary) {
    let (file, packed) = (MemFile::new(), options.compression != Compression::None);
    let mut builder = TableBuilder::new(file.clone(), options, TABLE_ID, FamilyId(3));
    for (key, value) in entries {
        builder.add(key, value).unwrap();
    }
    for (start, end, n) in tombstones {
        builder.add_tombstone(start, end, seqno(*n)).unwrap();
    }
    // An estimate cannot know how well the block in the making will pack.
    let estimated = if packed { 0 } else { builder.estimated_size() };
    let summary = builder.finish().unwrap();
    assert_eq!(summary.file_size, file.bytes().len() as u64);
    assert!(estimated <= summary.file_size * 5 / 4 + 500, "{estimated} of {}", summary.file_size);
    (file, summary)
}

/// Opens a table with a cache of `cache_bytes`.
pub fn open(file: &Arc<MemFile>, summary: &TableSummary, order: &Order, cache_bytes: u64) -> Result<Arc<Table>> {
    let expect = Expect { file_size: summary.file_size, table_id: summary.table_id };
    let cache = Arc::new(BlockCache::new(cache_bytes));
    Table::open(file.clone(), FileNumber::new(7), expect, order.clone(), cache)
}

/// A user key of some awkward shape. Few distinct ones, so that a random probe often hits.
pub fn awkward_key(rng: &mut Rng) -> Vec<u8> {
    let shapes: [&[u8]; 6] = [b"", b"\0", b"\xff\xff", b"user0000000000", b"user0000000000\0", b"a"];
    let mut key = shapes[rng.below(6) as usize].to_vec();
    match rng.below(5) {
        0 => {}
        1 => key.extend([0, 0xff, b'x'].into_iter().cycle().take(rng.below(12) as usize)),
        2 => key.extend(format!("{:03}", rng.below(200)).bytes()),
        3 => key.push(rng.below(4) as u8 * 85),
        _ => key.extend(vec![b'k'; rng.below(120) as usize]),
    }
    key
}

/// Up to `count` entries: awkward keys, several versions of many of them, all kinds.
pub fn random_entries(rng: &mut Rng, count: u64, order: &Order) -> Entries {
    let mut entries = Entries::new();
    for _ in 0..count {
        let user_key = awkward_key(rng);
        // Some keys get so many versions that they span blocks.
        let versions = if rng.below(30) == 0 { 1 + rng.below(40) } else { 1 };
        for _ in 0..versions {
            let kind = [Kind::Put, Kind::Delete, Kind::Merge, Kind::PutExpiring][rng.below(4) as usize];
            let len = if rng.below(40) == 0 { 5000 } else { 8 + rng.below(40) };
            let value = if kind == Kind::Delete { Vec::new() } else { vec![rng.next() as u8; len as usize] };
            entries.push((internal_key(&user_key, seqno(rng.below(1000)), kind), value));
        }
    }
    entries.sort_by(|a, b| order.cmp_internal(&a.0, &b.0));
    entries.dedup_by(|a, b| a.0[..a.0.len() - 7] == b.0[..b.0.len() - 7] && a.0 == b.0);
    entries
}
