//! The range-tombstone block: the table's own fragments, in key order.
//!
//! ```text
//! count u32 | fragment × count      fragment = start | end | numbers varint | newest varint | step down varint × (numbers - 1)
//! ```
//! `start` and `end` are length-prefixed. Numbers descend: `9 6 4` is stored as `9 3 2`. Kept whole in memory while the table
//! is open. Pure codec; every length is held against the bytes that are left before anything is kept.

use crate::error::{Error, ErrorKind, Result};
use crate::iter::tombstones::{Fragment, FragmentedTombstones};
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::util::coding::{Reader, put_prefixed, put_u32, put_varint};

/// Appends the block.
pub fn encode(tombstones: &FragmentedTombstones, out: &mut Vec<u8>) {
    let count_at = out.len();
    put_u32(out, 0);
    let mut count = 0u32;
    for Fragment { start, end, seqnos } in tombstones.iter() {
        count += 1;
        put_prefixed(out, start);
        put_prefixed(out, end);
        put_varint(out, seqnos.len() as u64);
        let mut above = None;
        for seqno in seqnos {
            put_varint(out, above.map_or(seqno.get(), |above: SeqNo| above.get() - seqno.get()));
            above = Some(*seqno);
        }
    }
    out[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
}

/// Reads the block. The error lacks the file.
pub fn decode(order: &Order, bytes: &[u8]) -> Result<FragmentedTombstones> {
    let mut tombstones = FragmentedTombstones::empty(order);
    visit(bytes, &mut |start, end, seqnos| {
        tombstones.push(start, end, seqnos).map_err(|error| match error.kind() {
            ErrorKind::InvalidArgument => error.with_kind(ErrorKind::Corruption).context("range-tombstone block"),
            _ => error,
        })
    })?;
    Ok(tombstones)
}

/// What is done with a fragment: its start, its end and its numbers.
type Visit<'a> = dyn FnMut(&[u8], &[u8], &[SeqNo]) -> Result<()> + 'a;

/// Gives `fragment` each fragment as it stands there: whether they are in order is not looked at. The error lacks the file.
pub fn visit(bytes: &[u8], fragment: &mut Visit<'_>) -> Result<()> {
    let mut reader = Reader::new(bytes);
    let mut seqnos = Vec::new();
    let damaged = || Error::new(ErrorKind::Corruption, "range-tombstone block does not decode");
    for _ in 0..reader.u32().ok_or_else(damaged)? {
        let (start, end) = read_fragment(&mut reader, &mut seqnos).ok_or_else(damaged)?;
        fragment(start, end, &seqnos)?;
    }
    if reader.is_empty() { Ok(()) } else { Err(damaged()) }
}

fn read_fragment<'a>(reader: &mut Reader<'a>, seqnos: &mut Vec<SeqNo>) -> Option<(&'a [u8], &'a [u8])> {
    let (start, end) = (reader.prefixed()?, reader.prefixed()?);
    seqnos.clear();
    let count = reader.varint()?;
    let mut number = 0;
    // Grows by what is really there: a forged count runs out of bytes.
    for i in 0..count {
        let step = reader.varint()?;
        number = if i == 0 { step } else { number.checked_sub(step)? };
        seqnos.push(SeqNo::new(number)?);
    }
    Some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iter::tombstones::RangeTombstone;

    fn sample() -> FragmentedTombstones {
        let tombstone = |start: &str, end: &str, n| RangeTombstone {
            start: start.into(),
            end: end.into(),
            seqno: SeqNo::new(n).unwrap(),
        };
        let all = [tombstone("", "e", 4), tombstone("c", "g", 900), tombstone("d", "g", 6), tombstone("x", "y", 1)];
        FragmentedTombstones::build(&Order::Bytewise, &all).unwrap()
    }

    #[test]
    fn fragments_round_trip() {
        for tombstones in [sample(), FragmentedTombstones::empty(&Order::Bytewise)] {
            let mut bytes = Vec::new();
            encode(&tombstones, &mut bytes);
            let read = decode(&Order::Bytewise, &bytes).unwrap();
            assert!(read.iter().eq(tombstones.iter()));
        }
    }

    #[test]
    fn cut_or_changed_blocks_decode_to_an_error_or_to_sane_fragments() {
        let mut bytes = Vec::new();
        encode(&sample(), &mut bytes);
        for len in 0..bytes.len() {
            assert_eq!(decode(&Order::Bytewise, &bytes[..len]).unwrap_err().kind(), ErrorKind::Corruption);
        }
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            match decode(&Order::Bytewise, &bytes) {
                Ok(read) => assert!(read.iter().all(|fragment| fragment.start < fragment.end)),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corruption),
            }
        }
        bytes.push(0);
        assert!(decode(&Order::Bytewise, &bytes).is_err());
    }
}
