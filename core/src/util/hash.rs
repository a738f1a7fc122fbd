//! The one 64-bit hash of a key: computed once for a lookup, used by every filter on the way.

/// XXH3-64 of `key`. Part of the on-disk format: filters store bits chosen by it.
pub fn key_hash(key: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hash_is_xxh3_and_stays_so() {
        // The reference implementation's value for the empty input; a change would orphan every filter on disk.
        assert_eq!(super::key_hash(b""), 0x2d06_8005_38d3_94c2);
    }
}
