//! `append` and `append(SEP)`: operands behind the value, in the order in which they were merged, with `SEP` between any two parts.
//!
//! A key without a value starts with the first operand, without a separator; an empty value is a part like any other, so that
//! `append(,)` makes `",a"` of it. A value grows by every operand: nothing here ever makes it shorter. Pure; any number of threads.

use crate::merge::calls::MAX_MERGED_BYTES;
use crate::merge::operator::MergeOperator;

/// Puts operands behind the value.
#[derive(Debug)]
pub struct Append {
    name: String,
    separator: String,
}

impl Append {
    /// The operator called `name`, if it is `append` or `append(SEP)`. The separator is all that is between the outer brackets.
    pub fn named(name: &str) -> Option<Append> {
        let separator = match name {
            "append" => "",
            _ => name.strip_prefix("append(")?.strip_suffix(')')?,
        };
        Some(Append { name: name.to_owned(), separator: separator.to_owned() })
    }

    fn join(&self, parts: &[&[u8]], out: &mut Vec<u8>) -> Result<(), String> {
        let separators = self.separator.len() * parts.len().saturating_sub(1);
        let len = parts.iter().fold(separators, |sum, part| sum.saturating_add(part.len()));
        if len > MAX_MERGED_BYTES {
            return Err(format!("the value would have {len} bytes, more than {MAX_MERGED_BYTES}"));
        }
        out.try_reserve(len).map_err(|_| format!("no memory for a value of {len} bytes"))?;
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(self.separator.as_bytes());
            }
            out.extend_from_slice(part);
        }
        Ok(())
    }
}

impl MergeOperator for Append {
    fn name(&self) -> &str {
        &self.name
    }

    fn full_merge(&self, _: &[u8], base: Option<&[u8]>, operands: &[&[u8]], out: &mut Vec<u8>) -> Result<(), String> {
        let parts: Vec<&[u8]> = base.into_iter().chain(operands.iter().copied()).collect();
        self.join(&parts, out)
    }

    fn partial_merge(&self, _: &[u8], older: &[u8], newer: &[u8], out: &mut Vec<u8>) -> Result<bool, String> {
        self.join(&[older, newer], out)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::calls::full_merge;

    #[test]
    fn parts_stand_in_order_with_the_separator_between() {
        let (plain, comma) = (Append::named("append").unwrap(), Append::named("append(, )").unwrap());
        assert_eq!(full_merge(&plain, b"k", Some(b"ab"), &[b"c", b"", b"d"]).unwrap(), b"abcd");
        assert_eq!(full_merge(&comma, b"k", Some(b"ab"), &[b"c", b"d"]).unwrap(), b"ab, c, d");
        assert_eq!(full_merge(&comma, b"k", None, &[b"c", b"d"]).unwrap(), b"c, d");
        assert_eq!(full_merge(&comma, b"k", Some(b""), &[b"c"]).unwrap(), b", c");
        assert_eq!(Append::named("append())").unwrap().separator, ")");
        assert_eq!(Append::named("append()").unwrap().separator, "");
        assert!(Append::named("append(").is_none() && Append::named("appended").is_none());
    }
}
