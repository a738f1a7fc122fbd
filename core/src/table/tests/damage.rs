//! Damaged and forged tables: the same data or an error that says so, never other data, never a panic.

use crate::error::{Error, ErrorKind};
use crate::iter::internal::InternalIterator;
use crate::iter::vec_iter::Rng;
use crate::key::internal::{self, internal_key};
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::table::block::{Block, Target};
use crate::table::compression::Codec;
use crate::table::format::{BlockHandle, FOOTER_LEN, Footer, TRAILER_LEN, block_trailer, next_chain};
use crate::table::tests::MemFile;
use crate::table::tests::samples::{Backwards, Entries, TABLE_ID, open, options, put, random_entries, seqno, write};
use crate::table::{Compression, Table, TableSummary};
use crate::util::coding::Reader;
use crate::util::hash::key_hash;
use crate::util::sync::Arc;

/// A table with every kind of block and entry in little more than a kilobyte.
fn sample(compression: Compression) -> (Arc<MemFile>, TableSummary, Entries) {
    let mut entries: Entries = (0..12).map(|n| (put(format!("key{n:02}").as_bytes(), 9), vec![b'v'; 20])).collect();
    entries[3].0 = internal_key(b"key03", seqno(8), Kind::Delete);
    entries[4].0 = internal_key(b"key04", seqno(8), Kind::Merge);
    entries[5].0 = internal_key(b"key05", seqno(8), Kind::PutExpiring);
    let (file, summary) = write(&entries, &[(b"key02", b"key04", 7), (b"key03", b"l", 12)], options(128, compression));
    (file, summary, entries)
}

/// Reads all there is in every way there is; what was read, or the first error.
fn read_all(file: &Arc<MemFile>, summary: &TableSummary, entries: &Entries) -> Result<Entries, Error> {
    let table = open(file, summary, &Order::Bytewise, 0)?;
    if table.checksum() != summary.checksum {
        return Err(Error::corruption(file_path(), 0, "another table"));
    }
    let tombstones: Vec<_> = table.tombstones().iter().flat_map(|f| f.seqnos.iter().map(|s| s.get())).collect();
    assert_eq!(tombstones, [7, 12, 7, 12]);
    let mut first_error = table.verify().err();
    for (key, value) in entries {
        let parsed = internal::parse(key).unwrap();
        match table.get(parsed.user_key, key_hash(parsed.user_key), parsed.seqno, false) {
            Ok(Some((seqno, kind, got))) => {
                assert_eq!((seqno, kind, &*got), (parsed.seqno, parsed.kind, &value[..]));
            }
            Ok(None) => panic!("{:?} is gone", parsed.user_key),
            Err(error) => first_error = Some(error),
        }
    }
    let (forward, backward) = (walk(&table, false), walk(&table, true));
    match first_error {
        Some(error) => {
            assert!(forward.is_err() || backward.is_err() || error.offset() >= Some(table.properties().data_bytes));
            Err(error)
        }
        None => {
            assert_eq!(forward.as_ref().unwrap().iter().rev().cloned().collect::<Entries>(), backward.unwrap());
            forward
        }
    }
}

fn file_path() -> &'static str {
    "000007.sst"
}

fn walk(table: &Arc<Table>, backward: bool) -> Result<Entries, Error> {
    let (mut iter, mut seen) = (table.iter(false), Entries::new());
    if backward {
        iter.seek_to_last()
    } else {
        iter.seek_to_first()
    }
    while iter.valid() {
        seen.push((iter.key().to_vec(), iter.value().to_vec()));
        if backward { iter.prev() } else { iter.next() }
    }
    iter.status().map(|()| seen)
}

/// The same bytes as a new file, changed.
fn changed(file: &MemFile, change: impl FnOnce(&mut Vec<u8>)) -> Arc<MemFile> {
    let copy = MemFile::with_bytes(file.bytes());
    copy.change(change);
    copy
}

#[test]
fn every_flipped_bit_is_corruption() {
    for compression in [Compression::None, Compression::Lz4] {
        let (file, summary, entries) = sample(compression);
        assert_eq!(read_all(&file, &summary, &entries).unwrap(), entries);
        for bit in 0..file.bytes().len() * 8 {
            let bad = changed(&file, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            let error = read_all(&bad, &summary, &entries).expect_err("every byte is under some checksum");
            assert_eq!(error.kind(), ErrorKind::Corruption, "bit {bit}: {error}");
            assert!(error.file().is_some() && error.offset().is_some(), "bit {bit}: {error}");
        }
    }
}

#[test]
fn every_cut_and_every_extension_is_corruption() {
    let (file, summary, entries) = sample(Compression::Lz4);
    let len = file.bytes().len();
    for cut in 0..len {
        let bad = changed(&file, |bytes| bytes.truncate(cut));
        assert_eq!(read_all(&bad, &summary, &entries).unwrap_err().kind(), ErrorKind::Corruption);
        // Even if the size on record is that of the cut file, which then ends in the middle of something.
        let believed = TableSummary { file_size: cut as u64, ..summary.clone() };
        assert_eq!(read_all(&bad, &believed, &entries).unwrap_err().kind(), ErrorKind::Corruption);
    }
    let bad = changed(&file, |bytes| bytes.push(0));
    assert_eq!(read_all(&bad, &summary, &entries).unwrap_err().kind(), ErrorKind::Corruption);
    // The file shrinks while it is open: reads of what is gone fail.
    let table = open(&file, &summary, &Order::Bytewise, 0).unwrap();
    file.change(|bytes| bytes.truncate(40));
    assert_eq!(walk(&table, false).unwrap_err().kind(), ErrorKind::Corruption);
    assert_eq!(walk(&table, true).unwrap_err().kind(), ErrorKind::Corruption);
}

#[test]
fn zeroed_sectors_are_corruption() {
    let (file, summary, entries) = sample(Compression::None);
    let len = file.bytes().len();
    for start in (0..len).step_by(64) {
        let bad = changed(&file, |bytes| bytes[start..(start + 512).min(len)].fill(0));
        assert_eq!(read_all(&bad, &summary, &entries).unwrap_err().kind(), ErrorKind::Corruption);
    }
}

#[test]
fn swapped_blocks_are_corruption() {
    // Blocks of one size, so that nothing but the place can tell them apart.
    let entries: Entries = (0..8).map(|n| (put(format!("key{n}").as_bytes(), 9), vec![n; 40])).collect();
    let (file, summary) = write(&entries, &[], options(64, Compression::None));
    let table = open(&file, &summary, &Order::Bytewise, 0).unwrap();
    let (a, b) = (table.handle(2), table.handle(5));
    assert_eq!(a.len, b.len);
    let bad = changed(&file, |bytes| {
        let (first, second) = bytes.split_at_mut(b.offset as usize);
        first[a.offset as usize..][..a.framed_len()].swap_with_slice(&mut second[..a.framed_len()]);
    });
    let table = open(&bad, &summary, &Order::Bytewise, 0).unwrap();
    let error = table.get(b"key2", key_hash(b"key2"), seqno(9), false).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::Corruption, Some(a.offset)));
    assert!(table.get(b"key3", key_hash(b"key3"), seqno(9), false).unwrap().is_some(), "others still work");
    assert_eq!(table.verify().unwrap_err().kind(), ErrorKind::Corruption);
}

#[test]
fn another_table_under_the_name_is_corruption() {
    let (file, summary, entries) = sample(Compression::None);
    let other = TableSummary { table_id: 5, ..summary.clone() };
    assert_eq!(read_all(&file, &other, &entries).unwrap_err().kind(), ErrorKind::Corruption);
    assert_eq!(
        open(&file, &summary, &Order::Custom(Arc::new(Backwards)), 0).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
}

/// A forged table: one data block with these contents, sealed as a writer of bad intent would, all checks right.
fn forge_data_block(file: &MemFile, contents: &[u8], codec: Codec, raw_len: u32) -> Vec<u8> {
    let bytes = file.bytes();
    let footer = Footer::decode(&bytes[bytes.len() - FOOTER_LEN..], bytes.len() as u64).unwrap();
    let payload = |handle: BlockHandle| bytes[handle.offset as usize..][..handle.len as usize].to_vec();
    let (mut out, mut chain) = (Vec::new(), 0);
    let mut put_block = |payload: &[u8], codec, raw_len| {
        let handle = BlockHandle { offset: out.len() as u64, len: payload.len() as u32 };
        let trailer = block_trailer(codec, payload, raw_len, TABLE_ID, handle.offset);
        chain = next_chain(chain, &trailer);
        out.extend_from_slice(payload);
        out.extend(trailer);
        handle
    };
    let data = put_block(contents, codec, raw_len);
    let mut again = |payload: Vec<u8>| put_block(&payload, Codec::None, payload.len() as u32);
    let mut index = payload(footer.index);
    // The handle is the value of the only index entry: the last twelve bytes.
    let at = index.len() - BlockHandle::ENCODED_LEN;
    index.truncate(at);
    data.encode(&mut index);
    let mut forged = Footer {
        table_id: TABLE_ID,
        filter: again(payload(footer.filter)),
        tombstones: again(payload(footer.tombstones)),
        properties: again(payload(footer.properties)),
        index: again(index),
        ..Footer::default()
    };
    forged.chain = chain;
    let tail = forged.encode(out.len() as u64);
    out.extend(tail);
    out
}

/// Uses a forged table in every way; nothing may panic, and what it returns does not matter.
fn exercise(bytes: Vec<u8>) -> Result<(), Error> {
    let (file_size, file) = (bytes.len() as u64, MemFile::with_bytes(bytes));
    let summary = TableSummary { file_size, ..sample(Compression::None).1 };
    let table = open(&file, &summary, &Order::Bytewise, 0)?;
    let mut result = table.verify();
    result = result.and(walk(&table, false).map(|_| ())).and(walk(&table, true).map(|_| ()));
    for key in [&b""[..], b"a", b"b", b"zzzzzzzzzzzzzz", b"\xff"] {
        result = result.and(table.get(key, key_hash(key), seqno(9), false).map(|_| ()));
        let mut iter = table.iter(false);
        iter.seek(&put(key, 3));
        iter.seek_for_prev(&put(key, 3));
        result = result.and(iter.status());
    }
    result
}

#[test]
fn forged_blocks_with_right_checksums_give_errors() {
    let entries: Entries = [&b"a"[..], b"b", b"bcdefghijklmn"].map(|key| (put(key, 5), b"value".to_vec())).into();
    let (file, summary) = write(&entries, &[], options(4096, Compression::None));
    let table = open(&file, &summary, &Order::Bytewise, 0).unwrap();
    assert_eq!(table.index.len(), 1);
    let handle = table.handle(0);
    let contents = file.bytes()[..handle.len as usize].to_vec();
    let whole = |contents: &[u8]| forge_data_block(&file, contents, Codec::None, contents.len() as u32);
    exercise(whole(&contents)).unwrap();
    let mut rng = Rng::new(77);
    for round in 0..20_000 {
        let mut bad = contents.clone();
        for _ in 0..1 + round % 3 {
            let at = rng.below(bad.len() as u64) as usize;
            bad[at] = [0, 1, 0x7f, 0x80, 0xff, rng.next() as u8][rng.below(6) as usize];
        }
        if round % 5 == 0 {
            bad.truncate(rng.below(bad.len() as u64) as usize);
        }
        if let Err(error) = exercise(whole(&bad)) {
            assert_eq!(error.kind(), ErrorKind::Corruption, "round {round}: {error}");
        }
    }
}

#[test]
fn forged_lengths_allocate_nothing_that_the_file_cannot_justify() {
    let (file, _) = write(&vec![(put(b"a", 5), b"value".to_vec())], &[], options(4096, Compression::None));
    // An LZ4 block of five bytes that claims a gigabyte is refused before a buffer is made for it.
    let error = exercise(forge_data_block(&file, &[0x1f, b'x', 1, 0, 0xff], Codec::Lz4, 1 << 30)).unwrap_err();
    assert!(error.message().contains("more than it can"), "{error}");
    // One that claims what it could hold, but does not.
    assert!(exercise(forge_data_block(&file, &[0x1f, b'x', 1, 0, 0xff], Codec::Lz4, 1000)).is_err());
    // Counts and prefix lengths beyond the block.
    for word in [1u32, 0xffff, 0xffff_ffff] {
        for flags in 0..=3u32 {
            let mut contents = word.to_le_bytes().to_vec();
            contents.extend((word << 8 | flags).to_le_bytes());
            contents.extend([0; 40]);
            let error = exercise(forge_data_block(&file, &contents, Codec::None, contents.len() as u32)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corruption);
        }
    }
}

#[test]
fn blocks_of_random_bytes_parse_to_an_error_or_can_be_walked() {
    let mut parsed = 0;
    for seed in 0..200_000 {
        let mut rng = Rng::new(seed);
        let mut bytes = vec![rng.below(4) as u8, 0, 0, 0, rng.below(4) as u8, rng.below(4) as u8, 0, 0];
        let len = rng.below(60);
        bytes.extend((0..len).map(|_| if rng.below(3) == 0 { rng.next() as u8 } else { rng.below(12) as u8 }));
        let Ok(block) = Block::parse(Arc::new(bytes)) else { continue };
        parsed += 1;
        for i in 0..block.len() {
            let mut key = block.prefix().to_vec();
            block.append_key(i, &mut key);
            assert!(internal::parse(&key).is_some(), "seed {seed}");
            assert!(block.is_at(i, Target::decode(&key)), "seed {seed}");
            block.find(&Order::Bytewise, Target::decode(&key));
            assert!(block.value(i).len() < block.bytes().len());
        }
    }
    assert!(parsed > 100, "{parsed} blocks were well-formed");
}

#[test]
fn the_index_must_name_every_byte_before_the_filter() {
    let mut rng = Rng::new(3);
    let entries = random_entries(&mut rng, 60, &Order::Bytewise);
    let (file, summary) = write(&entries, &[], options(256, Compression::None));
    let bytes = file.bytes();
    let footer = Footer::decode(&bytes[bytes.len() - FOOTER_LEN..], summary.file_size).unwrap();
    let table = open(&file, &summary, &Order::Bytewise, 0).unwrap();
    let index_at = footer.index.offset as usize;
    for i in 0..table.index.len() {
        // Find the handle in the index block's bytes, move it by one, and seal the block again.
        let mut wanted = Vec::new();
        table.handle(i).encode(&mut wanted);
        let index = &bytes[index_at..index_at + footer.index.len as usize];
        let at = index.windows(wanted.len()).position(|window| window == wanted).unwrap();
        let bad = changed(&file, |bytes| {
            let handle = BlockHandle::decode(&mut Reader::new(&wanted)).unwrap();
            let mut moved = Vec::new();
            BlockHandle { offset: handle.offset, len: handle.len + 1 }.encode(&mut moved);
            bytes[index_at + at..][..moved.len()].copy_from_slice(&moved);
            let end = index_at + footer.index.len as usize;
            let payload = bytes[index_at..end].to_vec();
            let trailer = block_trailer(Codec::None, &payload, footer.index.len, TABLE_ID, footer.index.offset);
            bytes[end..end + TRAILER_LEN].copy_from_slice(&trailer);
        });
        assert_eq!(open(&bad, &summary, &Order::Bytewise, 0).unwrap_err().kind(), ErrorKind::Corruption);
    }
}
