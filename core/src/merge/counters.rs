//! `add_u64` and `add_i64`: counters. Base and operands are 8 bytes, little-endian; a key without a value counts from zero.
//!
//! **Sums wrap around**: one more than the largest number is the smallest. Whoever must know of an overflow keeps clear of it.
//! Both do the same to the bytes; the name tells people and tools how to read them. Pure; any number of threads.

use crate::merge::operator::MergeOperator;

/// Adds 8-byte numbers.
#[derive(Debug)]
pub struct Add {
    name: &'static str,
}

impl Add {
    /// Numbers without a sign.
    pub const U64: Add = Add { name: "add_u64" };
    /// Numbers with a sign, in two's complement.
    pub const I64: Add = Add { name: "add_i64" };
}

impl MergeOperator for Add {
    fn name(&self) -> &str {
        self.name
    }

    fn full_merge(&self, _: &[u8], base: Option<&[u8]>, operands: &[&[u8]], out: &mut Vec<u8>) -> Result<(), String> {
        let mut sum = base.map_or(Ok(0), |base| number("the value", base))?;
        for operand in operands {
            sum = sum.wrapping_add(number("an operand", operand)?);
        }
        out.extend_from_slice(&sum.to_le_bytes());
        Ok(())
    }

    fn partial_merge(&self, _: &[u8], older: &[u8], newer: &[u8], out: &mut Vec<u8>) -> Result<bool, String> {
        let sum = number("an operand", older)?.wrapping_add(number("an operand", newer)?);
        out.extend_from_slice(&sum.to_le_bytes());
        Ok(true)
    }

    fn check_operand(&self, _: &[u8], operand: &[u8]) -> Result<(), String> {
        number("the operand", operand).map(|_| ())
    }
}

fn number(what: &str, bytes: &[u8]) -> Result<u64, String> {
    let bytes: [u8; 8] = bytes.try_into().map_err(|_| format!("{what} has {} bytes, a number has 8", bytes.len()))?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::merge::calls::{check_operand, full_merge};

    #[test]
    fn numbers_add_up_and_wrap_around() {
        let sum = |base: Option<i64>, operands: &[i64]| {
            let bytes: Vec<[u8; 8]> = operands.iter().map(|n| n.to_le_bytes()).collect();
            let operands: Vec<&[u8]> = bytes.iter().map(|b| &b[..]).collect();
            let base = base.map(i64::to_le_bytes);
            let merged = full_merge(&Add::I64, b"k", base.as_ref().map(|b| &b[..]), &operands).unwrap();
            i64::from_le_bytes(merged.try_into().unwrap())
        };
        assert_eq!(sum(None, &[3]), 3);
        assert_eq!(sum(Some(40), &[3, -1]), 42);
        assert_eq!(sum(Some(i64::MAX), &[1]), i64::MIN);
        let most = u64::MAX.to_le_bytes();
        assert_eq!(full_merge(&Add::U64, b"k", Some(&most), &[&2u64.to_le_bytes()]).unwrap(), 1u64.to_le_bytes());
    }

    #[test]
    fn a_wrong_length_is_named_with_operator_and_key() {
        let error = check_operand(&Add::U64, b"hits", b"1").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(
            error.message(),
            "merge operator \"add_u64\": the operand has 1 bytes, a number has 8, at key \"hits\""
        );
        let stored = full_merge(&Add::U64, b"hits", Some(b"ten"), &[&[0; 8]]).unwrap_err();
        assert_eq!(stored.kind(), ErrorKind::Unsupported);
        assert!(stored.message().contains("the value has 3 bytes"), "{stored}");
    }
}
