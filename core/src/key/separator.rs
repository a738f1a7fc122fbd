//! Short keys that separate blocks: an index needs some key between two neighbours, not a whole key.

use crate::key::order::Order;

/// A short user key `s` with `last <= s < next`, for the index entry of a block that ends with `last` and is followed by
/// `next`. Between `"abcdef"` and `"abzz"`, `"abd"` will do. Only bytewise order allows inventing keys; any other gets `last`.
pub fn separator(order: &Order, last: &[u8], next: &[u8]) -> Vec<u8> {
    if !order.is_bytewise() {
        return last.to_vec();
    }
    let shared = last.iter().zip(next).take_while(|(a, b)| a == b).count();
    let (Some(&a), Some(&b)) = (last.get(shared), next.get(shared)) else {
        return last.to_vec();
    };
    if a < b && a + 1 < b {
        let mut short = last[..=shared].to_vec();
        short[shared] += 1;
        return short;
    }
    last.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_lie_between() {
        let cases: &[(&[u8], &[u8], &[u8])] = &[
            (b"abcdef", b"abzz", b"abd"),
            (b"abc", b"abd", b"abc"),
            (b"abc", b"abcd", b"abc"),
            (b"a\xff", b"b", b"a\xff"),
            (b"", b"b", b""),
            (b"1", b"3", b"2"),
        ];
        for (last, next, expected) in cases {
            let got = separator(&Order::Bytewise, last, next);
            assert_eq!(&got, expected);
            assert!(*last <= &got[..] && &got[..] < *next);
        }
    }
}
