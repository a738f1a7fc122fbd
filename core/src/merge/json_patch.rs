//! `json_merge_patch`: the base is a JSON document and each operand a merge patch (RFC 7386).
//!
//! A patch that is an object sets the members it names, removes those it sets to `null` and goes into those it sets to objects; any
//! other patch takes the document's place. A key without a value starts from nothing. What a patch does not name stays byte for
//! byte, numbers of any length too; the members of an object that a patch went into are written in the order of their names.
//!
//! Two patches go into one by the same rules, with their nulls kept, because an older value may still have what they remove.
//! Where the older sets a member to something other than an object and the newer sets it to an object, no one patch does the
//! same: `{"a":1}` then `{"a":{"b":2}}` removes whatever else was in `a`, which no patch can say. Those stay two.
//!
//! Pure; any number of threads. A patch nests at most [`MAX_DEPTH`] deep; a document as deep as it likes.

use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};

use crate::merge::operator::MergeOperator;

/// How deep objects of a patch may nest.
const MAX_DEPTH: usize = 128;

/// Applies JSON merge patches.
#[derive(Debug)]
pub struct JsonMergePatch;

type Object = BTreeMap<String, Box<RawValue>>;

impl MergeOperator for JsonMergePatch {
    fn name(&self) -> &str {
        "json_merge_patch"
    }

    fn full_merge(&self, _: &[u8], base: Option<&[u8]>, operands: &[&[u8]], out: &mut Vec<u8>) -> Result<(), String> {
        let mut document = base.map(|base| parse("the value", base)).transpose()?;
        for operand in operands {
            document = Some(patched(document.as_deref(), &parse("an operand", operand)?, 0)?);
        }
        out.extend_from_slice(document.as_ref().map_or("null", |document| document.get()).as_bytes());
        Ok(())
    }

    fn partial_merge(&self, _: &[u8], older: &[u8], newer: &[u8], out: &mut Vec<u8>) -> Result<bool, String> {
        let (older, newer) = (parse("an operand", older)?, parse("an operand", newer)?);
        let Some(patch) = composed(&older, &newer, 0)? else { return Ok(false) };
        out.extend_from_slice(patch.get().as_bytes());
        Ok(true)
    }

    fn check_operand(&self, _: &[u8], operand: &[u8]) -> Result<(), String> {
        patched(None, &parse("the operand", operand)?, 0).map(|_| ())
    }
}

fn parse(what: &str, bytes: &[u8]) -> Result<Box<RawValue>, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("{what} is not JSON: {error}"))
}

/// The members of `value` if it is an object.
fn object(value: &RawValue) -> Result<Option<Object>, String> {
    if !value.get().starts_with('{') {
        return Ok(None);
    }
    serde_json::from_str(value.get()).map(Some).map_err(|error| format!("an object that cannot be read: {error}"))
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

fn as_value(object: &Object) -> Result<Box<RawValue>, String> {
    to_raw_value(object).map_err(|error| format!("an object that cannot be written: {error}"))
}

fn check_depth(depth: usize) -> Result<(), String> {
    if depth < MAX_DEPTH { Ok(()) } else { Err(format!("a patch nests more than {MAX_DEPTH} deep")) }
}

/// `MergePatch(target, patch)` of the RFC.
fn patched(target: Option<&RawValue>, patch: &RawValue, depth: usize) -> Result<Box<RawValue>, String> {
    check_depth(depth)?;
    let Some(changes) = object(patch)? else { return Ok(patch.to_owned()) };
    let mut result = target.map_or(Ok(None), object)?.unwrap_or_default();
    for (name, change) in changes {
        if is_null(&change) {
            result.remove(&name);
        } else {
            let member = patched(result.get(&name).map(|member| &**member), &change, depth + 1)?;
            result.insert(name, member);
        }
    }
    as_value(&result)
}

/// The patch that does what `older` and then `newer` do, if there is one.
fn composed(older: &RawValue, newer: &RawValue, depth: usize) -> Result<Option<Box<RawValue>>, String> {
    check_depth(depth)?;
    let Some(changes) = object(newer)? else { return Ok(Some(newer.to_owned())) };
    let Some(mut result) = object(older)? else { return Ok(None) };
    for (name, change) in changes {
        let earlier = result.get(&name).filter(|_| change.get().starts_with('{'));
        let both = match earlier {
            None => Some(change),
            Some(earlier) => composed(earlier, &change, depth + 1)?,
        };
        let Some(both) = both else { return Ok(None) };
        result.insert(name, both);
    }
    as_value(&result).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::merge::calls::{check_operand, full_merge, partial_merge};

    fn apply(base: Option<&str>, patches: &[&str]) -> String {
        let patches: Vec<&[u8]> = patches.iter().map(|patch| patch.as_bytes()).collect();
        let merged = full_merge(&JsonMergePatch, b"k", base.map(str::as_bytes), &patches).unwrap();
        String::from_utf8(merged).unwrap()
    }

    #[test]
    fn the_cases_of_the_rfc() {
        let cases = [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ];
        for (base, patch, result) in cases {
            assert_eq!(apply(Some(base), &[patch]), result, "{base} with {patch}");
        }
        assert_eq!(apply(None, &[r#"{"a":null,"b":1}"#, r#"{"c":2}"#]), r#"{"b":1,"c":2}"#);
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        let base = r#"{"id":123456789012345678901234567890,"x":1.10}"#;
        assert_eq!(
            apply(Some(base), &[r#"{"y":1e400}"#]),
            r#"{"id":123456789012345678901234567890,"x":1.10,"y":1e400}"#
        );
    }

    #[test]
    fn two_patches_become_one_with_their_nulls_or_stay_two() {
        let both = |older: &str, newer: &str| {
            let patch = partial_merge(&JsonMergePatch, b"k", older.as_bytes(), newer.as_bytes()).unwrap();
            patch.map(|bytes| String::from_utf8(bytes).unwrap())
        };
        assert_eq!(
            both(r#"{"a":null,"b":1}"#, r#"{"b":null,"c":{"d":null}}"#).unwrap(),
            r#"{"a":null,"b":null,"c":{"d":null}}"#
        );
        assert_eq!(both(r#"{"a":{"x":1}}"#, r#"{"a":{"y":null}}"#).unwrap(), r#"{"a":{"x":1,"y":null}}"#);
        assert_eq!(both("7", "8").unwrap(), "8");
        assert_eq!(both(r#"{"a":1}"#, r#"{"a":{"b":2}}"#), None);
        assert_eq!(both(r#"{"a":null}"#, r#"{"a":{"b":2}}"#), None);
        assert_eq!(both("7", r#"{"a":1}"#), None);
    }

    #[test]
    fn what_is_not_json_or_nests_too_deep_is_refused() {
        let refused = |operand: &[u8]| check_operand(&JsonMergePatch, b"k", operand).unwrap_err();
        for operand in [&b""[..], b"{", b"{\"a\":1}x", b"{\"a\":\xff}", b"nul"] {
            assert_eq!(refused(operand).kind(), ErrorKind::InvalidArgument, "{operand:?}");
        }
        let deep = |n: usize| [r#"{"a":"#.repeat(n), "1".to_owned(), "}".repeat(n)].concat();
        assert!(refused(deep(1_000).as_bytes()).message().contains("more than 128 deep"));
        check_operand(&JsonMergePatch, b"k", deep(127).as_bytes()).unwrap();
        // A document may be deeper than any patch: it is not gone into.
        assert_eq!(apply(Some(&deep(1_000)), &[r#"{"b":2}"#]).len(), deep(1_000).len() + 6);
        let stored = full_merge(&JsonMergePatch, b"k", Some(b"{oops"), &[b"{}"]).unwrap_err();
        assert_eq!(stored.kind(), ErrorKind::Unsupported);
        assert!(stored.message().contains("the value is not JSON"), "{stored}");
    }
}
