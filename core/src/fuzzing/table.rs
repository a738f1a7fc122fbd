//! Target `table`: a whole table file, all of whose sums follow what the bytes say.

use crate::env::filename::{FileKind, FileNumber};
use crate::error::{Error, ErrorKind};
use crate::fuzzing::golden::{disk, empty_disk, files, write};
use crate::fuzzing::refit;
use crate::iter::internal::InternalIterator;
use crate::key::internal;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::table::{BlockCache, Expect, Table, TableIter};
use crate::util::hash::key_hash;
use crate::util::sync::Arc;

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

fn check_error(error: &Error) -> bool {
    let known = [ErrorKind::Corruption, ErrorKind::Format, ErrorKind::InvalidArgument];
    assert!(known.contains(&error.kind()), "{error:?}");
    assert!(error.file().is_some(), "{error:?} names no file");
    false
}

/// A table that passes `verify` shows the same entries in both directions and by get; one that does not may say anything but
/// what is not in its bytes. Whether it verified.
pub fn check(data: &[u8]) -> bool {
    let mut bytes = data.to_vec();
    refit::table(&mut bytes);
    let number = FileNumber::new(3);
    let file = write(&empty_disk(), FileKind::Table(number), &bytes);
    let opened = Expect::from_file(&*file).and_then(|expect| {
        let cache = Arc::new(BlockCache::new(1 << 20));
        Table::open(file, number, expect, Order::Bytewise, cache)
    });
    let table = match opened {
        Ok(table) => table,
        Err(error) => return check_error(&error),
    };
    let verified = table.verify();
    let most = bytes.len() * 255;
    let (forward, whole) = walk(table.iter(true), most, true);
    let (mut backward, whole_back) = walk(table.iter(false), most, false);
    backward.reverse();
    if let Err(error) = verified {
        return check_error(&error);
    }
    assert!(whole && whole_back, "a table that verifies cannot be read");
    assert!(forward == backward, "the two directions differ");
    assert_eq!(forward.len() as u64, table.properties().entries);
    for (key, value) in &forward {
        let user_key = internal::user_key(key);
        let Some(parsed) = internal::parse(key) else { unreachable!("verified") };
        match table.get(user_key, key_hash(user_key), parsed.seqno, true) {
            Ok(Some((seqno, kind, found))) => {
                // Entries of one key and number may differ in kind: the first of them is found.
                assert!(seqno == parsed.seqno && (kind != parsed.kind || *found == value[..]), "get of {key:?}");
            }
            other => unreachable!("get of {key:?}, which a scan shows, says {other:?}"),
        }
        assert!(table.offset_of(user_key) <= bytes.len() as u64);
    }
    let absent = table.get(b"\0no such key", key_hash(b"\0no such key"), SeqNo::MAX, true);
    assert!(absent.is_ok(), "{absent:?}");
    true
}

/// The entries in one direction, and whether the end was reached without an error.
fn walk(mut iter: TableIter, most: usize, forward: bool) -> (Entries, bool) {
    let mut entries = Entries::new();
    if forward {
        iter.seek_to_first()
    } else {
        iter.seek_to_last()
    };
    while iter.valid() {
        assert!(entries.len() <= most, "more entries than there can be");
        entries.push((iter.key().to_vec(), iter.value().to_vec()));
        if forward {
            iter.next()
        } else {
            iter.prev()
        };
    }
    let status = iter.status();
    if let Err(error) = &status {
        check_error(error);
    }
    (entries, status.is_ok())
}

/// The golden tables.
pub fn seeds() -> Vec<Vec<u8>> {
    let files = files(&disk()).into_iter();
    files.filter(|(kind, _)| matches!(kind, FileKind::Table(_))).map(|(_, bytes)| bytes).collect()
}
