//! Internal keys: a user key followed by eight bytes that hold its sequence number and kind.
//!
//! ```text
//! user key bytes | u64 LE: sequence number << 8 | kind
//! ```
//! They sort by user key, then *newest first*: with `k` put at 5, deleted at 7 and put at 9, a scan meets 9, 7, 5, and a
//! reader of view 8 seeks to `(k, 8)` and lands on the deletion. Comparison is [`Order::cmp_internal`]'s business, never
//! bytewise on the encoded key.
//!
//! [`Order::cmp_internal`]: crate::key::order::Order::cmp_internal

use crate::key::kind::Kind;
use crate::key::sequence::SeqNo;

/// Bytes that follow the user key.
pub const TRAILER_LEN: usize = 8;

/// In a seek target, above every kind: `(key, seqno, SEEK_KIND)` sorts before every entry of `key` at `seqno`.
const SEEK_KIND: u8 = 0xff;

/// An internal key taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedKey<'a> {
    /// The caller's key.
    pub user_key: &'a [u8],
    /// When it was written.
    pub seqno: SeqNo,
    /// What was written.
    pub kind: Kind,
}

/// Appends the internal key of an entry.
pub fn encode(out: &mut Vec<u8>, user_key: &[u8], seqno: SeqNo, kind: Kind) {
    out.extend_from_slice(user_key);
    out.extend_from_slice(&trailer(seqno, kind).to_le_bytes());
}

/// The internal key of an entry.
pub fn internal_key(user_key: &[u8], seqno: SeqNo, kind: Kind) -> Vec<u8> {
    let mut out = Vec::with_capacity(user_key.len() + TRAILER_LEN);
    encode(&mut out, user_key, seqno, kind);
    out
}

/// A seek target that lands on the newest entry of `user_key` which a view of `seqno` may see.
pub fn seek_key(user_key: &[u8], seqno: SeqNo) -> Vec<u8> {
    let mut out = Vec::with_capacity(user_key.len() + TRAILER_LEN);
    out.extend_from_slice(user_key);
    out.extend_from_slice(&seek_trailer(seqno).to_le_bytes());
    out
}

/// Takes an internal key apart; `None` if it is too short or its kind is unknown.
pub fn parse(key: &[u8]) -> Option<ParsedKey<'_>> {
    let (user_key, trailer) = split(key)?;
    Some(ParsedKey { user_key, seqno: SeqNo::new(trailer >> 8)?, kind: Kind::from_u8(trailer as u8)? })
}

/// The user key of an internal key or seek target; the whole of it if it is too short to have a trailer.
pub fn user_key(key: &[u8]) -> &[u8] {
    split(key).map_or(key, |(user_key, _)| user_key)
}

/// User key and raw trailer; works on seek targets too.
pub fn split(key: &[u8]) -> Option<(&[u8], u64)> {
    let (user_key, trailer) = key.split_last_chunk::<TRAILER_LEN>()?;
    Some((user_key, u64::from_le_bytes(*trailer)))
}

/// The number that follows the user key of an entry.
pub fn trailer(seqno: SeqNo, kind: Kind) -> u64 {
    seqno.get() << 8 | u64::from(kind as u8)
}

/// The number that follows the user key of a seek target: see [`seek_key`].
pub fn seek_trailer(seqno: SeqNo) -> u64 {
    seqno.get() << 8 | u64::from(SEEK_KIND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip() {
        let key = internal_key(b"k", SeqNo::MAX, Kind::Delete);
        let parsed = parse(&key).unwrap();
        assert_eq!((parsed.user_key, parsed.seqno, parsed.kind), (&b"k"[..], SeqNo::MAX, Kind::Delete));
    }

    #[test]
    fn short_keys_and_unknown_kinds_are_refused() {
        assert_eq!(parse(b"1234567"), None);
        assert_eq!(parse(&[5, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
