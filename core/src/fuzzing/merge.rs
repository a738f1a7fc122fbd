//! Target `merge`: the built-in operators on any base and operands.

use crate::error::{Error, ErrorKind};
use crate::fuzzing::golden::must;
use crate::merge::calls::{check_operand, full_merge, partial_merge};
use crate::merge::operators::Operators;

const NAMES: [&str; 8] = ["add_u64", "add_i64", "min", "max", "append", "append(, )", "bit_or", "json_merge_patch"];

/// `operator, has base, lengths of base and two operands, their bytes`: merging two operands at once, one after the other, or
/// as one that stands for both gives the same value; an operand that was let in is merged into nothing without a complaint.
pub fn check(data: &[u8]) -> bool {
    let Some((setup, rest)) = data.split_first_chunk::<4>() else { return false };
    let operator = must(Operators::new().find(NAMES[usize::from(setup[0]) % NAMES.len()]));
    let operator = &*operator;
    let (base, rest) = rest.split_at(usize::from(setup[2]).min(rest.len()));
    let (older, newer) = rest.split_at(usize::from(setup[3]).min(rest.len()));
    let base = (setup[1] & 1 != 0).then_some(base);
    let full = |base: Option<&[u8]>, operands: &[&[u8]]| full_merge(operator, b"k", base, operands);
    for operand in [older, newer] {
        if check_operand(operator, b"k", operand).is_ok() {
            let alone = full(None, &[operand]);
            assert!(alone.is_ok(), "an operand that was let in cannot be merged: {alone:?}");
        }
    }
    let both = match full(base, &[older, newer]) {
        Ok(both) => both,
        Err(error) => return refused(&error),
    };
    let room = data.len() + operator.name().len() + 32;
    assert!(both.len() <= 6 * room, "{} bytes made of {}", both.len(), data.len());
    let first = must(full(base, &[older]));
    assert_eq!(both, must(full(Some(&first), &[newer])), "one after the other");
    match partial_merge(operator, b"k", older, newer) {
        Ok(Some(one)) => assert_eq!(both, must(full(base, &[&one])), "by one operand for both"),
        Ok(None) => {}
        Err(error) => assert!(!refused(&error)),
    }
    true
}

fn refused(error: &Error) -> bool {
    assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidArgument), "{error:?}");
    false
}

/// Base and operands that each operator takes.
pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |operator: u8, base: &[u8], older: &[u8], newer: &[u8]| {
        [&[operator, 1, base.len() as u8, older.len() as u8], base, older, newer].concat()
    };
    let mut seeds: Vec<Vec<u8>> = (0..7).map(|n| seed(n, &[1; 8], &[255; 8], &[7; 8])).collect();
    let (base, older, newer) = (r#"{"a":{"b":1.10},"c":[1]}"#, r#"{"a":{"x":null}}"#, r#"{"a":{"b":null,"d":{}}}"#);
    seeds.push(seed(7, base.as_bytes(), older.as_bytes(), newer.as_bytes()));
    seeds
}
