//! A key in a message: what of it a person will read, with everything that is not plain text escaped.
//!
//! Pure. Thread rule: none needed.

/// The most bytes of a key that are shown.
const SHOWN: usize = 64;

/// `key` in quotation marks, or its beginning.
pub fn shown_key(key: &[u8]) -> String {
    let dots = if key.len() > SHOWN { "…" } else { "" };
    let shown = key.get(..SHOWN).unwrap_or(key).escape_ascii();
    format!("\"{shown}\"{dots}")
}
