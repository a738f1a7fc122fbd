//! Targets for the parts of a table, each by itself: `footer`, `framed_block`, `block`, `properties`, `filter`, `tombstones`.

use std::cmp::Ordering;

use crate::env::filename::FileKind;
use crate::error::{Error, ErrorKind};
use crate::fuzzing::golden::{disk, files, must};
use crate::fuzzing::refit;
use crate::iter::tombstones::{Fragment, FragmentedTombstones, RangeTombstone};
use crate::key::internal;
use crate::key::kind::Kind;
use crate::key::order::{Comparator, Order};
use crate::key::sequence::SeqNo;
use crate::table::block::{Block, Target};
use crate::table::block_builder::BlockBuilder;
use crate::table::compression::{Codec, Compression, LZ4_MAX_RATIO, Packer};
use crate::table::filter::Filter;
use crate::table::format::{BlockHandle, FOOTER_LEN, Footer, TRAILER_LEN, block_trailer, open_block};
use crate::table::properties::Properties;
use crate::table::tombstone_block;
use crate::util::checksum::placed;
use crate::util::coding::Reader;
use crate::util::sync::Arc;

/// An order that is not the built-in one.
#[derive(Debug)]
struct Backwards;

impl Comparator for Backwards {
    fn name(&self) -> &str {
        "backwards"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

fn check_kind(error: &Error) -> bool {
    assert!(matches!(error.kind(), ErrorKind::Corruption | ErrorKind::Format), "{error:?}");
    false
}

/// `offset (8 bytes), footer`: a footer is what it encodes to.
pub fn check_footer(data: &[u8]) -> bool {
    let Some((offset, tail)) = data.split_first_chunk() else { return false };
    let offset = u64::from_le_bytes(*offset);
    let Some(file_size) = offset.checked_add(FOOTER_LEN as u64) else { return false };
    let mut tail = tail.to_vec();
    refit::footer(&mut tail, offset);
    match Footer::decode(&tail, file_size) {
        Ok(mut footer) => {
            let ends = [footer.filter, footer.tombstones, footer.properties, footer.index].map(|handle| handle.end());
            assert!(ends.iter().all(|end| end.is_some_and(|end| end <= offset)), "{footer:?} names what is not there");
            assert_eq!(footer.encode(offset), tail);
            true
        }
        Err(error) => check_kind(&error),
    }
}

/// A footer whose blocks fit.
pub fn footer_seeds() -> Vec<Vec<u8>> {
    let handle = |offset, len| BlockHandle { offset, len };
    let mut footer = Footer {
        table_id: 7,
        filter: handle(100, 7),
        tombstones: handle(120, 4),
        properties: handle(137, 200),
        index: handle(350, 37),
        chain: 9,
        check: 0,
    };
    vec![[&400u64.to_le_bytes()[..], &footer.encode(400)].concat()]
}

/// A payload and its trailer, whose sum follows: a block never unpacks to more than its bytes justify.
pub fn check_framed(data: &[u8]) -> bool {
    let handle = BlockHandle { offset: 64, len: data.len().saturating_sub(TRAILER_LEN) as u32 };
    let mut framed = data.to_vec();
    if let Some((payload, trailer)) = framed.split_last_chunk_mut::<TRAILER_LEN>() {
        let sum = placed(&[&trailer[..9], payload], 9, handle.offset);
        trailer[9..].copy_from_slice(&sum.to_le_bytes());
    }
    match open_block(framed, handle, 9) {
        Ok(raw) => {
            assert!(raw.len() as u64 <= u64::from(handle.len) * LZ4_MAX_RATIO, "{} bytes of {handle:?}", raw.len());
            // What unpacks can be packed again, and is the same after that.
            if let Some((codec, packed)) = Packer::new(Compression::Lz4).pack(&raw) {
                let mut again = packed.to_vec();
                again.extend(block_trailer(codec, packed, raw.len() as u32, 9, 0));
                let handle = BlockHandle { offset: 0, len: packed.len() as u32 };
                assert!(must(open_block(again, handle, 9)) == raw, "packing does not round trip");
            }
            true
        }
        Err(error) => check_kind(&error),
    }
}

/// A plain block and a packed one.
pub fn framed_seeds() -> Vec<Vec<u8>> {
    let raw = b"one and two and one and two and one and two and one and two".repeat(3);
    let mut seeds = vec![[&raw[..], &block_trailer(Codec::None, &raw, raw.len() as u32, 9, 64)].concat()];
    if let Some((codec, packed)) = Packer::new(Compression::Lz4).pack(&raw) {
        seeds.push([packed, &block_trailer(codec, packed, raw.len() as u32, 9, 64)].concat());
    }
    seeds
}

/// The contents of a block: nothing of it lies outside, and where its keys ascend each is found where it is.
pub fn check_block(data: &[u8]) -> bool {
    let Ok(block) = Block::parse(Arc::new(data.to_vec())) else { return false };
    let order = if block.has_heads() { Order::Bytewise } else { Order::Custom(Arc::new(Backwards)) };
    assert!(block.len() * 2 <= data.len(), "{} entries in {} bytes", block.len(), data.len());
    let mut keys: Vec<Vec<u8>> = Vec::new();
    for i in 0..block.len() {
        let mut key = block.prefix().to_vec();
        block.append_key(i, &mut key);
        keys.push(key);
    }
    let ascend = keys.windows(2).all(|pair| order.cmp_internal(&pair[0], &pair[1]) == Ordering::Less);
    for (i, key) in keys.iter().enumerate() {
        let kind = internal::parse(key).map(|parsed| parsed.kind);
        let timed = kind == Some(Kind::PutExpiring);
        assert!(kind.is_some() && (!timed || block.value(i).len() >= 8), "entry {i} is none: {key:?}");
        let target = Target::decode(key);
        let (at, found) = (block.lower_bound(&order, target), block.find(&order, target));
        assert!(at <= block.len());
        if ascend {
            assert_eq!(at, i, "the search for {key:?} ends elsewhere");
            let value = found.map(|(_, range)| block.bytes()[range].to_vec());
            assert_eq!(value.as_deref(), Some(block.value(i)), "the value of {key:?}");
        }
    }
    if ascend && !keys.is_empty() {
        // Keys that need not share the block's prefix: the search ends before the first entry that is not below.
        for outside in [&b""[..], b"\0", b"prefix/key4x", b"q", &[0xff; 40]] {
            let at = block.lower_bound(&order, Target::view(outside, SeqNo::MAX));
            let target = internal::seek_key(outside, SeqNo::MAX);
            let below = keys.iter().filter(|key| order.cmp_internal(key, &target) == Ordering::Less).count();
            assert_eq!(at, below, "the search for {outside:?}");
        }
        check_rebuilt(&block, &keys);
    }
    true
}

/// The writer makes a block of the same entries out of them.
fn check_rebuilt(block: &Block, keys: &[Vec<u8>]) {
    let mut builder = BlockBuilder::new(block.has_heads());
    for (i, key) in keys.iter().enumerate() {
        builder.add(key, block.value(i));
    }
    let mut bytes = Vec::new();
    must(builder.finish(&mut bytes));
    let again = must(Block::parse(Arc::new(bytes)).map_err(Error::invalid));
    assert_eq!(again.len(), block.len());
    for (i, key) in keys.iter().enumerate() {
        let mut same = again.prefix().to_vec();
        again.append_key(i, &mut same);
        assert_eq!((&same, again.value(i)), (key, block.value(i)), "entry {i}");
    }
}

/// Blocks in both layouts.
pub fn block_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for heads in [true, false] {
        let mut keys: Vec<String> = (0..9).map(|n| format!("prefix/key{n}")).collect();
        if !heads {
            keys.reverse();
        }
        let mut builder = BlockBuilder::new(heads);
        for (n, key) in keys.iter().enumerate() {
            let kind = [Kind::Put, Kind::Merge, Kind::PutExpiring, Kind::Delete][n % 4];
            let seqno = SeqNo::new(100 + n as u64).unwrap_or_default();
            builder.add(&internal::internal_key(key.as_bytes(), seqno, kind), b"12345678 and a value");
        }
        let mut bytes = Vec::new();
        must(builder.finish(&mut bytes));
        seeds.push(bytes);
    }
    seeds
}

/// Properties have one spelling.
pub fn check_properties(data: &[u8]) -> bool {
    let Some(properties) = Properties::decode(data) else { return false };
    let mut again = Vec::new();
    properties.encode(&mut again);
    assert_eq!(again, data);
    true
}

/// A filter has one spelling and answers for any hash; one that is built lets through what it was built of.
pub fn check_filter(data: &[u8]) -> bool {
    let hashes: Vec<u64> = data.chunks_exact(8).filter_map(|chunk| Reader::new(chunk).u64()).collect();
    let mut encoded = Vec::new();
    must(Filter::build(&hashes, 10).encode(&mut encoded));
    let built = Filter::decode(&encoded);
    assert!(built.is_some_and(|built| hashes.iter().all(|hash| built.may_contain(*hash))), "a filter denies its key");
    let Some(filter) = Filter::decode(data) else { return false };
    let let_through = hashes.iter().filter(|hash| filter.may_contain(**hash)).count();
    assert!(let_through <= hashes.len());
    let mut again = Vec::new();
    must(filter.encode(&mut again));
    assert_eq!(again, data);
    true
}

/// Fragments ascend, their numbers descend, and they are what their encoding says.
pub fn check_tombstones(data: &[u8]) -> bool {
    let mut accepted = false;
    for order in [Order::Bytewise, Order::Custom(Arc::new(Backwards))] {
        let tombstones = match tombstone_block::decode(&order, data) {
            Ok(tombstones) => tombstones,
            Err(error) => {
                check_kind(&error);
                continue;
            }
        };
        accepted = true;
        assert!(tombstones.count() <= data.len(), "{} numbers in {} bytes", tombstones.count(), data.len());
        let mut below: Option<&[u8]> = None;
        for Fragment { start, end, seqnos } in tombstones.iter() {
            assert!(below.is_none_or(|below| order.cmp(below, start) != Ordering::Greater), "fragments overlap");
            assert!(order.cmp(start, end) == Ordering::Less && seqnos.windows(2).all(|pair| pair[0] > pair[1]));
            assert_eq!(Some(&tombstones.covering(start, SeqNo::MAX)), seqnos.first(), "the newest over {start:?}");
            below = Some(end);
        }
        let mut again = Vec::new();
        tombstone_block::encode(&tombstones, &mut again);
        assert!(must(tombstone_block::decode(&order, &again)).iter().eq(tombstones.iter()));
    }
    accepted
}

/// Overlapping ranges, and none.
pub fn tombstone_seeds() -> Vec<Vec<u8>> {
    let tombstone = |start: &str, end: &str, n| RangeTombstone {
        start: start.into(),
        end: end.into(),
        seqno: SeqNo::new(n).unwrap_or_default(),
    };
    let all = [tombstone("", "e", 4), tombstone("c", "g", 900), tombstone("d", "g", 6), tombstone("x", "y", 1)];
    let some = must(FragmentedTombstones::build(&Order::Bytewise, &all));
    let encoded = |tombstones: &FragmentedTombstones| {
        let mut out = Vec::new();
        tombstone_block::encode(tombstones, &mut out);
        out
    };
    vec![encoded(&some), encoded(&FragmentedTombstones::empty(&Order::Bytewise))]
}

/// One block of each golden table, by the name that its footer gives it.
fn golden_blocks(of: fn(&Footer) -> BlockHandle) -> Vec<Vec<u8>> {
    let tables = files(&disk()).into_iter().filter(|(kind, _)| matches!(kind, FileKind::Table(_)));
    tables
        .map(|(_, bytes)| {
            let footer = must(Footer::decode(&bytes[bytes.len() - FOOTER_LEN..], bytes.len() as u64));
            let handle = of(&footer);
            bytes[handle.offset as usize..][..handle.len as usize].to_vec()
        })
        .collect()
}

/// Those of the golden tables.
pub fn properties_seeds() -> Vec<Vec<u8>> {
    golden_blocks(|footer| footer.properties)
}

/// Those of the golden tables.
pub fn filter_seeds() -> Vec<Vec<u8>> {
    golden_blocks(|footer| footer.filter)
}
