//! CRC-32 (IEEE) of bytes on disk, and the mixing of a place into it.
//!
//! A checksum of the bytes alone cannot tell a valid block in the wrong place. [`placed`] folds an identity and an offset
//! into the sum by XOR, so that a block which is moved on purpose needs only its XOR term changed, never its bytes reread:
//! damage that was in the block before the move stays detectable after it.

/// CRC-32 of the parts, as if they stood one after the other.
pub fn crc32(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// The 32-bit term that ties a checksum to `identity` (a table id, a segment number) and `offset`.
pub fn mix(identity: u64, offset: u64) -> u32 {
    // SplitMix64's finaliser: each input bit reaches every output bit, so neighbouring offsets get unrelated terms.
    let mut z = identity ^ offset.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z ^ (z >> 32)) as u32
}

/// The checksum of `parts` at `offset` of the file known as `identity`.
pub fn placed(parts: &[&[u8]], identity: u64, offset: u64) -> u32 {
    crc32(parts) ^ mix(identity, offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_check_value() {
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xcbf4_3926);
    }

    #[test]
    fn the_same_bytes_elsewhere_have_another_sum() {
        let here = placed(&[b"block"], 7, 4096);
        assert_ne!(here, placed(&[b"block"], 7, 8192));
        assert_ne!(here, placed(&[b"block"], 8, 4096));
        assert_eq!(here ^ mix(7, 4096) ^ mix(9, 0), placed(&[b"block"], 9, 0));
    }
}
