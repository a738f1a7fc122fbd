//! JSON lines: a dump as one object a line, for programs that read JSON, and whatever such programs write.
//!
//! A dump is framed as in [`crate::records`]: its first line says how keys and values are encoded, its last counts the entries, so
//! that one cut short is refused at its end. Entries belong to the family named above them. Worked example:
//!
//! ```text
//! {"esker_dump":2,"encoding":"base64"}
//! {"key":"a2V5","value":"/w=="}
//! {"key":"a2V6","value":"","expires_at_ms":1700000000000}
//! {"family":"users","options":{"merge_operator":"append"}}
//! {"key":"YWRh","value":""}
//! {"entries":3}
//! ```
//! An entry without `expires_at_ms` never expires; version 1 had no such entries and said nothing of when its own expire. Lines of entries alone load, too, if the caller says how they are encoded. An object with other members is refused: what would
//! be left out is better asked about.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;
use crate::records::{DUMP_VERSION, EXPIRY_SINCE, Entry, FamilyLine, Record, Source, check_version};

/// What a dump starts with.
pub const OPENING: &str = "{\"esker_dump\":";

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "an object with \"key\" and \"value\", both text, or a line of a dump's frame"
)]
enum Line {
    Entry {
        key: String,
        value: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at_ms: Option<u64>,
    },
    Opening {
        esker_dump: u32,
        encoding: String,
    },
    Family {
        family: String,
        options: BTreeMap<String, String>,
    },
    Closing {
        entries: u64,
    },
}

impl Line {
    fn write(&self, out: &mut String) -> Result<(), String> {
        out.push_str(&serde_json::to_string(self).map_err(|e| e.to_string())?);
        out.push('\n');
        Ok(())
    }
}

/// Appends the first line of a dump.
pub fn opening(encoding: Encoding, out: &mut String) -> Result<(), String> {
    Line::Opening { esker_dump: DUMP_VERSION, encoding: encoding.name().to_owned() }.write(out)
}

/// Appends the line that opens a family.
pub fn family(name: &str, options: &[(&str, String)], out: &mut String) -> Result<(), String> {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Line::Family { family: name.to_owned(), options }.write(out)
}

/// Appends an entry; an error says which part of it cannot be written in this encoding.
pub fn entry(
    encoding: Encoding,
    key: &[u8],
    value: &[u8],
    expires_at_ms: Option<u64>,
    out: &mut String,
) -> Result<(), String> {
    let text = |what: &str, bytes: &[u8]| {
        let mut text = String::new();
        encoding.encode(bytes, &mut text).map_err(|why| format!("the {what}: {why}")).map(|()| text)
    };
    Line::Entry { key: text("key", key)?, value: text("value", value)?, expires_at_ms }.write(out)
}

/// Appends the last line of a dump.
pub fn closing(entries: u64, out: &mut String) -> Result<(), String> {
    Line::Closing { entries }.write(out)
}

/// Where in a file the reader is.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Start,
    /// In a dump, after so many entries.
    Dump(u64),
    /// The last line of a dump was seen.
    Closed,
    /// In a file without a frame.
    Bare,
}

/// Entries and families out of JSON lines.
pub struct JsonLines<R: BufRead> {
    input: R,
    /// What the caller or the first line says.
    encoding: Option<Encoding>,
    state: State,
    /// Of the dump, if it is one.
    version: u32,
    buffer: Vec<u8>,
    position: u64,
    line: u64,
}

impl<R: BufRead> JsonLines<R> {
    /// A reader at the start of `input`; `encoding` is what the caller says about it.
    pub fn new(input: R, encoding: Option<Encoding>) -> JsonLines<R> {
        JsonLines { input, encoding, state: State::Start, version: 0, buffer: Vec::new(), position: 0, line: 0 }
    }

    /// The next line, read; `None` at the end of the file.
    fn next_line(&mut self) -> Result<Option<Line>, String> {
        self.buffer.clear();
        let read = self.input.read_until(b'\n', &mut self.buffer).map_err(|e| e.to_string())?;
        if read == 0 {
            return Ok(None);
        }
        (self.position, self.line) = (self.position + read as u64, self.line + 1);
        // The parser has seen one line only: its line numbers would mislead.
        serde_json::from_slice(&self.buffer).map(Some).map_err(|e| {
            let text = e.to_string();
            text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why).to_owned()
        })
    }

    fn record(&mut self) -> Result<Option<Record>, String> {
        let Some(line) = self.next_line()? else { return self.end() };
        if self.state == State::Start {
            if let Line::Opening { esker_dump, encoding } = line {
                self.open(esker_dump, &encoding)?;
                return self.record();
            }
            if self.encoding.is_none() {
                return Err(
                    "not the first line of a dump; say with --hex, --base64 or --utf8 how it is written".to_owned()
                );
            }
            self.state = State::Bare;
        }
        match (line, &mut self.state) {
            (_, State::Closed) => Err("the dump goes on after its last line".to_owned()),
            (Line::Entry { key, value, expires_at_ms }, state) => {
                if let State::Dump(entries) = state {
                    *entries += 1;
                }
                let encoding = self.encoding.unwrap_or(Encoding::Base64);
                let bytes = |what: &str, text| encoding.decode(text).map_err(|why| format!("the {what}: {why}"));
                let (key, value) = (bytes("key", key)?, bytes("value", value)?);
                Ok(Some(Record::Entry(Entry { key, value, expires_at_ms })))
            }
            (Line::Family { family, options }, _) => {
                Ok(Some(Record::Family(FamilyLine { name: family, options: options.into_iter().collect() })))
            }
            (Line::Closing { entries }, State::Dump(seen)) if entries == *seen => {
                self.state = State::Closed;
                self.record()
            }
            (Line::Closing { entries }, State::Dump(seen)) => {
                Err(format!("the dump had {entries} entries, but {seen} stand before this line"))
            }
            (Line::Closing { .. } | Line::Opening { .. }, _) => {
                Err("a line of a dump's frame where an entry or a family should be".to_owned())
            }
        }
    }

    fn open(&mut self, version: u32, encoding: &str) -> Result<(), String> {
        check_version(version)?;
        self.version = version;
        let found = Encoding::parse(encoding).ok_or_else(|| format!("unknown encoding \"{encoding}\""))?;
        if let Some(asked) = self.encoding.filter(|asked| *asked != found) {
            return Err(format!("the dump says that it is written in {encoding}, not {}", asked.name()));
        }
        (self.encoding, self.state) = (Some(found), State::Dump(0));
        Ok(())
    }

    fn end(&self) -> Result<Option<Record>, String> {
        match self.state {
            State::Dump(entries) => {
                Err(format!("the dump ends after {entries} entries without its last line; it was cut short"))
            }
            _ => Ok(None),
        }
    }
}

impl<R: BufRead> Source for JsonLines<R> {
    fn position(&self) -> u64 {
        self.position
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn has_expiries(&self) -> bool {
        self.version >= EXPIRY_SINCE
    }

    fn next_record(&mut self) -> Result<Option<Record>, String> {
        self.record().map_err(|why| format!("line {}: {why}", self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, encoding: Option<Encoding>) -> Result<Vec<Record>, String> {
        let mut lines = JsonLines::new(text.as_bytes(), encoding);
        std::iter::from_fn(|| lines.next_record().transpose()).collect()
    }

    fn dump(encoding: Encoding, entries: &[(&[u8], &[u8])]) -> String {
        let mut text = String::new();
        opening(encoding, &mut text).unwrap();
        family("a\t\"b\"", &[("merge_operator", "append(\t=)".to_owned())], &mut text).unwrap();
        let mut expiry = (!entries.is_empty()).then_some(u64::MAX);
        entries.iter().for_each(|(key, value)| entry(encoding, key, value, expiry.take(), &mut text).unwrap());
        closing(entries.len() as u64, &mut text).unwrap();
        text
    }

    #[test]
    fn a_dump_comes_back_whole_or_not_at_all() {
        let entries: [(&[u8], &[u8]); 3] =
            [(b"", b""), (b"\0\n\"\\\x7f", "ä\u{2028}😀".as_bytes()), (b"k", b"{\"entries\":0}")];
        for encoding in Encoding::ALL {
            let text = dump(encoding, &entries);
            assert!(text.starts_with(OPENING) && text.lines().count() == 6, "{text}");
            for asked in [None, Some(encoding)] {
                let back = read(&text, asked).unwrap();
                let options = vec![("merge_operator".to_owned(), "append(\t=)".to_owned())];
                assert_eq!(back[0], Record::Family(FamilyLine { name: "a\t\"b\"".to_owned(), options }));
                let mut expiry = Some(u64::MAX);
                let expected = entries.map(|(key, value)| {
                    let (key, value) = (key.to_vec(), value.to_vec());
                    Record::Entry(Entry { key, value, expires_at_ms: expiry.take() })
                });
                assert_eq!(back[1..], expected);
            }
            for end in (1..text.len() - 1).filter(|end| text.is_char_boundary(*end)) {
                assert!(read(&text[..end], None).is_err(), "{end}: {text}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let whole = dump(Encoding::Hex, &[(b"k", b"v")]);
        let wrong = [
            (whole.replace("{\"entries\":1}", "{\"entries\":2}"), "line 4: the dump had 2 entries, but 1 stand before"),
            (format!("{whole}{{\"entries\":1}}\n"), "line 5: the dump goes on"),
            (whole.replace("6b", "6"), "line 3: the key: not pairs"),
            (whole.replace("\"hex\"", "\"base32\""), "line 1: unknown encoding \"base32\""),
            (whole.replace("dump\":2", "dump\":3"), "line 1: a dump of version 3"),
            (whole.replace("dump\":2", "dump\":0"), "line 1: a dump of version 0"),
            (whole.replace(",\"expires_at_ms\":18446744073709551615", ",\"expires_at_ms\":-1"), "line 3: "),
            (whole.replace("\"value\"", "\"size\":1,\"value\""), "line 3: an object with \"key\" and \"value\""),
            (whole.replace("\"value\"", "\"key\":\"00\",\"value\""), "line 3: "),
            (whole.replace("\"value\":\"76\"", "\"value\":76"), "line 3: "),
            (format!("{whole}\n"), "line 5: "),
            ("{\"key\":\"6b\",\"value\":\"\"}\n".to_owned(), "line 1: not the first line of a dump; say with --hex"),
        ];
        for (text, why) in wrong {
            let error = read(&text, None).unwrap_err();
            assert!(error.contains(why) && !error.contains("column"), "{error}");
        }
        let error = read(&whole, Some(Encoding::Base64)).unwrap_err();
        assert_eq!(error, "line 1: the dump says that it is written in hex, not base64");
    }

    #[test]
    fn lines_of_others_load_when_it_is_said_how_they_are_written() {
        let text = "{\"value\": \"a \\ud83d\\ude00\", \"key\": \"k\"}\r\n{\"key\":\"\",\"value\":\"\"}";
        let entry = |key: &[u8], value: &str| {
            Record::Entry(Entry { key: key.to_vec(), value: value.into(), expires_at_ms: None })
        };
        let entries = [entry(b"k", "a 😀"), entry(b"", "")];
        assert_eq!(read(text, Some(Encoding::Utf8)).unwrap(), entries);
        for wrong in ["{\"entries\":1}", "{\"key\":\"\\ud83d\",\"value\":\"\"}", "[]", "{\"key\":\"k\"}"] {
            let error = read(&format!("{text}\n{wrong}\n"), Some(Encoding::Utf8)).unwrap_err();
            assert!(error.starts_with("line 3: "), "{error}");
        }
        let mut text = String::new();
        assert_eq!(
            super::entry(Encoding::Utf8, b"k", b"\xff", None, &mut text).unwrap_err().split(';').next(),
            Some("the value: byte 1 is not UTF-8 text")
        );
        assert_eq!(text, "");
    }
}
