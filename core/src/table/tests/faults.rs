//! Operations that fail: the builder gives up for good, a reader's call fails and the next one works.

use crate::error::ErrorKind;
use crate::iter::internal::InternalIterator;
use crate::key::family::FamilyId;
use crate::key::internal::{self, internal_key};
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::table::tests::MemFile;
use crate::table::tests::samples::{Entries, TABLE_ID, open, options, put, seqno, write};
use crate::table::{Compression, TableBuilder};
use crate::util::hash::key_hash;

fn entries(count: u64) -> Entries {
    (0..count).map(|n| (put(format!("key{n:06}").as_bytes(), n), vec![n as u8; 100])).collect()
}

#[test]
fn a_failed_write_or_sync_fails_the_table() {
    let entries = entries(10_000);
    let operations = {
        let (file, _) = write(&entries, &[], options(4096, Compression::None));
        assert_eq!(file.syncs(), 1);
        assert!(file.writes() < 15, "{} writes for {} bytes", file.writes(), file.bytes().len());
        file.writes() + file.syncs()
    };
    for n in 0..operations {
        let file = MemFile::new();
        file.fail_after(n);
        let mut builder = TableBuilder::new(file.clone(), options(4096, Compression::None), TABLE_ID, FamilyId(3));
        let mut first = None;
        for (key, value) in &entries {
            match builder.add(key, value) {
                Ok(()) => assert!(first.is_none(), "an error must stay"),
                Err(error) => first = first.or(Some(error)),
            }
        }
        // What failed once is never finished, even if the file has healed.
        if first.is_some() {
            file.fail_after(u64::MAX);
        }
        let error = builder.finish().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.file().is_some());
    }
}

#[test]
fn what_is_no_entry_is_refused() {
    let bad: [(&[u8], &[u8], &[u8]); 5] = [
        (&put(b"b", 5), &put(b"a", 5), b""),
        (&put(b"a", 5), &put(b"a", 5), b""),
        (&put(b"a", 5), &put(b"a", 6), b""),
        (&put(b"a", 5), &internal_key(b"b", seqno(5), Kind::RangeDelete), b"c"),
        (&put(b"a", 5), &internal_key(b"b", seqno(5), Kind::PutExpiring), b"1234567"),
    ];
    for (first, second, value) in bad {
        let options = options(4096, Compression::None);
        let mut builder = TableBuilder::new(MemFile::new(), options, TABLE_ID, FamilyId(3));
        builder.add(first, b"").unwrap();
        assert!(builder.add(second, value).is_err());
        assert!(builder.add(&put(b"z", 1), b"").is_err());
        assert!(builder.finish().is_err());
    }
    let new = || TableBuilder::new(MemFile::new(), options(4096, Compression::None), TABLE_ID, FamilyId(3));
    assert!(new().add(b"short", b"").is_err());
    assert!(new().add_tombstone(b"b", b"b", seqno(4)).is_err());
    assert!(new().finish().is_err(), "an empty table");
}

#[test]
fn a_read_error_is_sticky_and_never_looks_like_the_end() {
    let entries = entries(300);
    let (file, summary) = write(&entries, &[], options(256, Compression::None));
    let table = open(&file, &summary, &Order::Bytewise, 0).unwrap();
    for n in 0..20 {
        for backward in [false, true] {
            let mut iter = table.iter(false);
            file.fail_after(n);
            if backward {
                iter.seek_to_last()
            } else {
                iter.seek_to_first()
            }
            let mut seen = 0;
            while iter.valid() {
                seen += 1;
                if backward { iter.prev() } else { iter.next() }
            }
            let failed = iter.status().is_err();
            file.fail_after(u64::MAX);
            assert_eq!(failed, seen != entries.len(), "after {n} reads");
            if failed {
                iter.next();
                iter.prev();
                assert!(!iter.valid());
                assert_eq!(iter.status().unwrap_err().kind(), ErrorKind::Io);
            }
            iter.seek(&entries[150].0);
            assert_eq!(iter.key(), entries[150].0);
            assert!(iter.status().is_ok());
        }
    }
}

#[test]
fn a_failed_get_leaves_the_table_healthy() {
    let entries = entries(300);
    let (file, summary) = write(&entries, &[], options(256, Compression::Lz4));
    let table = open(&file, &summary, &Order::Bytewise, 1 << 20).unwrap();
    let key = internal::user_key(&entries[17].0);
    file.fail_after(0);
    assert_eq!(table.get(key, key_hash(key), seqno(500), true).unwrap_err().kind(), ErrorKind::Io);
    file.fail_after(u64::MAX);
    assert_eq!(&*table.get(key, key_hash(key), seqno(500), true).unwrap().unwrap().2, &entries[17].1[..]);
    for n in 0..6 {
        file.fail_after(n);
        assert!(open(&file, &summary, &Order::Bytewise, 0).is_err() || n >= 5, "opening with {n} reads");
    }
}
