//! Bytes as one line of text and back: `\\`, `\t`, `\n`, `\r`, and `\xHH` for whatever is not printable text.
//!
//! Invariants: [`unescape`] of [`escape`] is the identity on any bytes; an escaped field holds no tab, newline or other
//! control character, so that fields can stand between tabs on a line. Worked example: the bytes `a`, tab, 0xFF are `a\t\xff`.

use std::ffi::OsStr;
use std::fmt::Write as _;

use crate::failure::Failure;

/// Appends `bytes` to `out`, escaped.
pub fn escape(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\t' => out.push_str("\\t"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                // Other line ends that editors and languages know: U+0085, U+2028, U+2029.
                c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                    hex_escapes(c.encode_utf8(&mut [0; 4]).as_bytes(), out);
                }
                c => out.push(c),
            }
        }
        hex_escapes(chunk.invalid(), out);
    }
}

fn hex_escapes(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        // Writing to a string cannot fail.
        write!(out, "\\x{byte:02x}").unwrap_or_default();
    }
}

/// The bytes that `text` stands for; an error says which escape makes no sense.
pub fn unescape(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let Some((kind, after)) = rest.split_first() else {
            return Err("a backslash at the end; write \\\\ for a backslash".to_owned());
        };
        rest = after;
        bytes.push(match kind {
            b'\\' => b'\\',
            b't' => b'\t',
            b'n' => b'\n',
            b'r' => b'\r',
            b'x' => {
                let digits = rest.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
                let Some(digits) = digits else {
                    return Err("\\x without two hexadecimal digits".to_owned());
                };
                rest = &rest[2..];
                let value = |digit: u8| (digit as char).to_digit(16).unwrap_or_default() as u8;
                value(digits[0]) << 4 | value(digits[1])
            }
            other => return Err(format!("unknown escape \\{}", other.escape_ascii())),
        });
    }
    Ok(bytes)
}

/// A key or value as given on the command line.
pub fn argument(text: &OsStr, escaped: bool) -> Result<Vec<u8>, Failure> {
    let bytes = text.as_encoded_bytes();
    if !escaped {
        return Ok(bytes.to_vec());
    }
    unescape(bytes).map_err(|why| Failure::usage(format!("\"{}\": {why}", text.to_string_lossy())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_come_back() {
        let all: Vec<u8> = (0..=255).chain("ä→😀\u{85}\u{2028}".bytes()).chain([b'\\', b'x', 0xf0, 0x9f]).collect();
        let mut text = String::new();
        escape(&all, &mut text);
        assert_eq!(unescape(text.as_bytes()).as_deref(), Ok(all.as_slice()));
        assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
        assert!(text.contains("ä→😀"), "text stays readable: {text}");
    }

    #[test]
    fn an_escape_that_makes_no_sense_is_refused() {
        for text in ["\\", "a\\q", "\\x", "\\x4", "\\xg0", "\\x+1"] {
            assert!(unescape(text.as_bytes()).is_err(), "{text}");
        }
    }
}
