//! The synced slot: a word in a 512-byte sector of its own that says how much of its file is known to be on the medium.
//!
//! It is overwritten in place after every sync, by a plain store, so it may be torn or behind; it is never ahead of the truth.
//! That is all it needs to be: a valid slot is proof that damage below it is damage, an invalid one proves nothing.
//!
//! ```text
//!  0  u64  synced   a sequence number in the WAL, an end offset in MANIFEST; 0 is "nothing yet"
//!  8  u32  check    of the bytes before, and of the place
//! 12  zeros to the end of the sector, never looked at
//! ```
//! Pure functions.

use crate::record::frame::Place;
use crate::util::checksum::placed;
use crate::util::coding::Reader;

/// Bytes of a slot that mean something; this many are written to set it.
pub const SLOT_LEN: usize = 12;

/// The sector that a slot has to itself: a store of it that is torn can damage nothing else.
pub const SLOT_SECTOR_LEN: usize = 512;

/// The bytes of a slot at `place` that vouches for everything up to `synced`.
pub fn encode_slot(place: Place, synced: u64) -> [u8; SLOT_LEN] {
    let value = synced.to_le_bytes();
    let mut out = [0; SLOT_LEN];
    out[..8].copy_from_slice(&value);
    out[8..].copy_from_slice(&slot_check(place, &value).to_le_bytes());
    out
}

/// What the slot at `place` vouches for; `None` if it is torn, damaged or somebody else's.
pub fn decode_slot(bytes: &[u8], place: Place) -> Option<u64> {
    let mut reader = Reader::new(bytes);
    let value = reader.bytes(8)?;
    let check = reader.u32()?;
    (slot_check(place, value) == check).then(|| Reader::new(value).u64())?
}

/// The word "slot" goes into the sum so that no eight bytes of a record can pass for one.
fn slot_check(place: Place, value: &[u8]) -> u32 {
    placed(&[b"slot", value], place.identity, place.offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::filename::FileNumber;
    use crate::record::frame::file_identity;
    use crate::util::doc_page::DocPage;

    const PLACE: Place = Place { identity: 99, offset: 512 };

    #[test]
    fn slots_round_trip() {
        for value in [0, 1, 500, u64::MAX] {
            assert_eq!(decode_slot(&encode_slot(PLACE, value), PLACE), Some(value));
        }
    }

    #[test]
    fn a_damaged_or_moved_slot_is_no_evidence() {
        let good = encode_slot(PLACE, 500);
        for bit in 0..good.len() * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_slot(&bad, PLACE), None, "bit {bit}");
        }
        for len in 0..good.len() {
            assert_eq!(decode_slot(&good[..len], PLACE), None);
        }
        assert_eq!(decode_slot(&good, Place { offset: 1024, ..PLACE }), None);
        assert_eq!(decode_slot(&good, Place { identity: 98, ..PLACE }), None);
        assert_eq!(decode_slot(&[0; SLOT_SECTOR_LEN], PLACE), None);
    }

    #[test]
    fn a_torn_store_of_one_number_over_another_is_no_evidence() {
        let (old, new) = (encode_slot(PLACE, 0x1234), encode_slot(PLACE, 0x77_1299));
        for cut in 1..SLOT_LEN {
            let torn: Vec<u8> = new[..cut].iter().chain(&old[cut..]).copied().collect();
            let read = decode_slot(&torn, PLACE);
            assert!(read.is_none() || torn == new || torn == old, "cut at {cut} reads as {read:?}");
        }
    }

    #[test]
    fn the_page_says_what_the_code_does() {
        let page = DocPage::new(include_str!("../../../docs/format/record.md"));
        let uuid = u128::from_le_bytes(std::array::from_fn(|i| i as u8));
        let place = Place { identity: file_identity(uuid, FileNumber::new(7)), offset: 512 };
        let bytes = encode_slot(place, 502);
        assert_eq!(page.hex("slot"), bytes);
        page.check_fields("slot", &[("synced", 0, 8), ("check", 8, 4), ("rest", SLOT_LEN, 0)]);
        assert_eq!(page.field("slot", "synced", &bytes), 502);
    }
}
