//! Calls of a merge operator as the engine makes them: the operator and the key are named in every error, results are held to
//! the limit of a value, and a panic of somebody else's operator is an error like any other.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, ErrorKind, Result};
use crate::merge::operator::MergeOperator;
use crate::util::shown_key::shown_key;

/// The longest value that operands may make: the longest that can be put.
pub const MAX_MERGED_BYTES: usize = 1 << 30;

/// What `operands`, oldest first, make of `base`. The error is `Unsupported`: what is stored is whole, but not for this operator.
pub fn full_merge(
    operator: &dyn MergeOperator,
    key: &[u8],
    base: Option<&[u8]>,
    operands: &[&[u8]],
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    guarded(operator, key, ErrorKind::Unsupported, || operator.full_merge(key, base, operands, &mut out))?;
    check_length(operator, key, &out)?;
    Ok(out)
}

/// One operand for `older` and `newer`, if there is one.
pub fn partial_merge(operator: &dyn MergeOperator, key: &[u8], older: &[u8], newer: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut out = Vec::new();
    let merged =
        guarded(operator, key, ErrorKind::Unsupported, || operator.partial_merge(key, older, newer, &mut out))?;
    if !merged {
        return Ok(None);
    }
    check_length(operator, key, &out)?;
    Ok(Some(out))
}

/// `InvalidArgument` for an operand that no base could take.
pub fn check_operand(operator: &dyn MergeOperator, key: &[u8], operand: &[u8]) -> Result<()> {
    guarded(operator, key, ErrorKind::InvalidArgument, || operator.check_operand(key, operand))
}

fn guarded<T>(
    operator: &dyn MergeOperator,
    key: &[u8],
    kind: ErrorKind,
    call: impl FnOnce() -> Result<T, String>,
) -> Result<T> {
    // What a panic leaves behind is the output, which is thrown away, and the operator's own state, which it answers for.
    let answer = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err("it panicked".to_owned()));
    answer.map_err(|why| refused(operator, key, kind, &why))
}

fn check_length(operator: &dyn MergeOperator, key: &[u8], merged: &[u8]) -> Result<()> {
    if merged.len() <= MAX_MERGED_BYTES {
        return Ok(());
    }
    let why = format!("the value would have {} bytes, more than {MAX_MERGED_BYTES}", merged.len());
    Err(refused(operator, key, ErrorKind::Unsupported, &why))
}

fn refused(operator: &dyn MergeOperator, key: &[u8], kind: ErrorKind, why: &str) -> Error {
    Error::new(kind, format!("merge operator {:?}: {why}, at key {}", operator.name(), shown_key(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Faulty;

    impl MergeOperator for Faulty {
        fn name(&self) -> &str {
            "faulty"
        }

        fn full_merge(&self, _: &[u8], _: Option<&[u8]>, operands: &[&[u8]], _: &mut Vec<u8>) -> Result<(), String> {
            assert!(operands.is_empty(), "as a bug in somebody's operator would");
            Err("no operands".to_owned())
        }
    }

    #[test]
    fn errors_and_panics_name_operator_and_key() {
        let error = full_merge(&Faulty, b"k\0", None, &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.message(), "merge operator \"faulty\": no operands, at key \"k\\x00\"");
        let panicked = full_merge(&Faulty, b"k", None, &[b"x"]).unwrap_err();
        assert_eq!(panicked.message(), "merge operator \"faulty\": it panicked, at key \"k\"");
    }

    #[test]
    fn what_an_operator_leaves_out_is_allowed_and_does_nothing() {
        assert_eq!(partial_merge(&Faulty, b"k", b"1", b"2").unwrap(), None);
        check_operand(&Faulty, b"k", b"anything").unwrap();
    }
}
