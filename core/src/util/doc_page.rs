//! Reads the field tables and the commented hex of a page of docs/format, so that a test can hold the page against the code.
//! Tests only.
//!
//! A page has, under a heading `## <name>`, a table whose rows start with `| offset | size | name |` (size empty when it
//! varies), and a fenced block opened by three backticks and `hex <name>`: bytes in hex, `#` starts a comment.

/// A page, as text.
pub struct DocPage {
    text: &'static str,
}

impl DocPage {
    /// The page `text`, usually an `include_str!`.
    pub fn new(text: &'static str) -> DocPage {
        DocPage { text }
    }

    /// The bytes of the hex block `name`.
    pub fn hex(&self, name: &str) -> Vec<u8> {
        let fence = format!("```hex {name}\n");
        let start = self.text.find(&fence).unwrap_or_else(|| panic!("no block \"hex {name}\"")) + fence.len();
        let block = &self.text[start..start + self.text[start..].find("```").expect("the block is closed")];
        let mut bytes = Vec::new();
        for line in block.lines() {
            for word in line.split('#').next().unwrap_or_default().split_whitespace() {
                bytes.push(u8::from_str_radix(word, 16).unwrap_or_else(|_| panic!("{word:?} is not a byte: {line}")));
            }
        }
        bytes
    }

    /// The rows of the field table under the heading `## name`: field name, offset, size (0 when it varies).
    pub fn fields(&self, name: &str) -> Vec<(String, usize, usize)> {
        let heading = format!("\n## {name}\n");
        let start = self.text.find(&heading).unwrap_or_else(|| panic!("no heading \"## {name}\"")) + heading.len();
        let section = &self.text[start..];
        let section = &section[..section.find("\n## ").unwrap_or(section.len())];
        let mut rows = Vec::new();
        for line in section.lines() {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            if let [_, offset, size, field, ..] = cells[..]
                && let Ok(offset) = offset.parse()
            {
                rows.push((field.trim_matches('`').to_owned(), offset, size.parse().unwrap_or(0)));
            }
        }
        rows
    }

    /// Panics unless the table `name` is exactly `expected`.
    pub fn check_fields(&self, name: &str, expected: &[(&str, usize, usize)]) {
        let expected: Vec<_> = expected.iter().map(|&(field, offset, size)| (field.to_owned(), offset, size)).collect();
        assert_eq!(self.fields(name), expected, "table {name:?}");
    }

    /// The little-endian number that field `field` of table `name` has in `bytes`.
    pub fn field(&self, name: &str, field: &str, bytes: &[u8]) -> u64 {
        let rows = self.fields(name);
        let (_, offset, size) = rows.iter().find(|row| row.0 == field).unwrap_or_else(|| panic!("no field {field}"));
        let mut word = [0; 8];
        word[..*size].copy_from_slice(&bytes[*offset..offset + size]);
        u64::from_le_bytes(word)
    }
}
