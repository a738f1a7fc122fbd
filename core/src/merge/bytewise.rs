//! `min`, `max` and `bit_or`: operators on byte strings as they are.
//!
//! `min` and `max` keep the first or last of base and operands **in bytewise order**, whatever order the family's keys have: `"10"`
//! is before `"9"`, so numbers are kept right as big-endian bytes of one length. `bit_or` combines byte by byte from the front;
//! what the longer one has beyond the shorter stays as it is. Pure; any number of threads.

use crate::merge::operator::MergeOperator;

/// Keeps the least or the greatest.
#[derive(Debug)]
pub struct Extreme {
    name: &'static str,
    least: bool,
}

impl Extreme {
    /// Keeps the least.
    pub const MIN: Extreme = Extreme { name: "min", least: true };
    /// Keeps the greatest.
    pub const MAX: Extreme = Extreme { name: "max", least: false };

    fn of<'a>(&self, values: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
        if self.least { values.min() } else { values.max() }
    }
}

impl MergeOperator for Extreme {
    fn name(&self) -> &str {
        self.name
    }

    fn full_merge(&self, _: &[u8], base: Option<&[u8]>, operands: &[&[u8]], out: &mut Vec<u8>) -> Result<(), String> {
        let kept = self.of(base.into_iter().chain(operands.iter().copied()));
        out.extend_from_slice(kept.unwrap_or_default());
        Ok(())
    }

    fn partial_merge(&self, _: &[u8], older: &[u8], newer: &[u8], out: &mut Vec<u8>) -> Result<bool, String> {
        out.extend_from_slice(self.of([older, newer].into_iter()).unwrap_or_default());
        Ok(true)
    }
}

/// Combines bits.
#[derive(Debug)]
pub struct BitOr;

impl BitOr {
    fn add(out: &mut Vec<u8>, bytes: &[u8]) {
        if out.len() < bytes.len() {
            out.resize(bytes.len(), 0);
        }
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to |= from);
    }
}

impl MergeOperator for BitOr {
    fn name(&self) -> &str {
        "bit_or"
    }

    fn full_merge(&self, _: &[u8], base: Option<&[u8]>, operands: &[&[u8]], out: &mut Vec<u8>) -> Result<(), String> {
        base.into_iter().chain(operands.iter().copied()).for_each(|bytes| BitOr::add(out, bytes));
        Ok(())
    }

    fn partial_merge(&self, _: &[u8], older: &[u8], newer: &[u8], out: &mut Vec<u8>) -> Result<bool, String> {
        [older, newer].into_iter().for_each(|bytes| BitOr::add(out, bytes));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::calls::full_merge;

    #[test]
    fn the_least_and_the_greatest_are_those_of_the_bytes() {
        assert_eq!(full_merge(&Extreme::MIN, b"k", Some(b"9"), &[b"90", b"10"]).unwrap(), b"10");
        assert_eq!(full_merge(&Extreme::MAX, b"k", Some(b"10"), &[b"9", b"90"]).unwrap(), b"90");
        assert_eq!(full_merge(&Extreme::MIN, b"k", None, &[b"b", b""]).unwrap(), b"");
        assert_eq!(full_merge(&Extreme::MAX, b"k", None, &[b""]).unwrap(), b"");
    }

    #[test]
    fn bits_add_up_and_the_longer_keeps_its_rest() {
        assert_eq!(full_merge(&BitOr, b"k", Some(&[1, 2, 0x80]), &[&[4], &[0, 1]]).unwrap(), [5, 3, 0x80]);
        assert_eq!(full_merge(&BitOr, b"k", None, &[&[], &[1, 2]]).unwrap(), [1, 2]);
    }
}
