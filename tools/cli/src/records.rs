//! [`Records`]: keys and values out of a TSV, CSV or dump file, one at a time, each with the line it stands on.
//!
//! A dump is framed: its first line names the format, its last counts the entries. So a dump cut short, by a full disk say,
//! is refused at its end instead of passing for a smaller database. Worked example, tabs shown as →:
//!
//! ```text
//! # esker dump 1
//! key→value
//! with tab\t→\xff
//! # family→users→merge_operator=append
//! key of that family→value
//! # end of dump: 3 entries
//! ```
//! Entries belong to the family named above them, which is made with those options if it is not there; before the first such
//! line to the family that is loaded into.

use std::io::{BufRead, Read};

use csv::{ByteRecord, ReaderBuilder};

use crate::args::Format;
use crate::escape::{escape, unescape};
use crate::jsonl;

/// The first line of a dump.
pub const DUMP_OPENING: &str = "# esker dump 1";

/// What the line that opens a family begins with.
const DUMP_FAMILY: &str = "# family";

/// The last line of a dump.
pub fn dump_closing(entries: u64) -> String {
    format!("# end of dump: {entries} entries\n")
}

/// Appends the line that opens a family of a dump.
pub fn dump_family(name: &str, options: &[(&str, String)], out: &mut String) {
    out.push_str(DUMP_FAMILY);
    out.push('\t');
    escape(name.as_bytes(), out);
    for (option, value) in options {
        out.push('\t');
        escape(format!("{option}={value}").as_bytes(), out);
    }
    out.push('\n');
}

/// Appends one line of a dump. A key that starts with `#` is escaped there, so that only frame lines start with one.
pub fn dump_line(key: &[u8], value: &[u8], out: &mut String) {
    let key = match key.split_first() {
        Some((b'#', rest)) => {
            out.push_str("\\x23");
            rest
        }
        _ => key,
    };
    escape(key, out);
    out.push('\t');
    escape(value, out);
    out.push('\n');
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// What a file holds, piece by piece.
#[derive(Debug, PartialEq, Eq)]
pub enum Record {
    Entry(Entry),
    /// What follows belongs to this family.
    Family(FamilyLine),
}

/// The line of a dump that opens a family.
#[derive(Debug, PartialEq, Eq)]
pub struct FamilyLine {
    pub name: String,
    /// Names and values.
    pub options: Vec<(String, String)>,
}

/// Where [`Record`]s come from.
pub trait Source {
    /// Bytes read so far, for the progress bar.
    fn position(&self) -> u64;

    /// The line of the record that was read last.
    fn line(&self) -> u64;

    /// The next entry or family; `None` at the end. An error says what is wrong with which line.
    fn next_record(&mut self) -> Result<Option<Record>, String>;
}

/// Which columns make the key and the value.
#[derive(Debug, Clone)]
pub struct Columns {
    pub header: bool,
    pub key: String,
    pub value: String,
}

/// A column of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    At(usize),
    Rest,
}

/// The rows of a file.
pub struct Records<R: Read> {
    rows: csv::Reader<R>,
    row: ByteRecord,
    key_column: Column,
    value_column: Column,
    /// For a dump: entries so far, and whether its last line was seen.
    dump: Option<(u64, bool)>,
    joined: Vec<u8>,
}

/// Guesses the format from the first bytes and the name.
pub fn detect(opening: &[u8], name: &str) -> Format {
    if opening.starts_with(DUMP_OPENING.as_bytes()) {
        Format::Dump
    } else if opening.starts_with(jsonl::OPENING.as_bytes()) || name.to_ascii_lowercase().ends_with(".jsonl") {
        Format::Jsonl
    } else if name.to_ascii_lowercase().ends_with(".csv") {
        Format::Csv
    } else {
        Format::Tsv
    }
}

impl<R: BufRead> Records<R> {
    /// Reads the header, if there is one, and finds the columns.
    pub fn new(input: R, format: Format, columns: &Columns) -> Result<Records<R>, String> {
        let mut rows = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(if format == Format::Csv { b',' } else { b'\t' })
            .quoting(format == Format::Csv)
            .from_reader(input);
        let mut row = ByteRecord::new();
        let is_dump = format == Format::Dump;
        if is_dump {
            let read = rows.read_byte_record(&mut row).map_err(|e| e.to_string())?;
            if !read || row.as_slice() != DUMP_OPENING.as_bytes() {
                return Err(format!("line 1: a dump opens with \"{DUMP_OPENING}\""));
            }
        } else if columns.header && !rows.read_byte_record(&mut row).map_err(|e| e.to_string())? {
            return Err("line 1: the header is missing".to_owned());
        }
        let names = (columns.header && !is_dump).then_some(&row);
        let (key, value) = if is_dump { ("1", "2") } else { (columns.key.as_str(), columns.value.as_str()) };
        let key_column = column("key", key, names)?;
        let value_column = column("value", value, names)?;
        if key_column == Column::Rest {
            return Err("the key column must be one column".to_owned());
        }
        Ok(Records { rows, row, key_column, value_column, dump: is_dump.then_some((0, false)), joined: Vec::new() })
    }

    fn table_entry(&mut self) -> Result<Entry, String> {
        let (row, key_column) = (&self.row, self.key_column);
        let key = field(row, key_column, "key")?.to_vec();
        if self.value_column != Column::Rest {
            return Ok((key, field(row, self.value_column, "value")?.to_vec()));
        }
        self.joined.clear();
        let others = row.iter().enumerate().filter(|(at, _)| Column::At(*at) != key_column);
        for (n, (_, text)) in others.enumerate() {
            if n > 0 {
                self.joined.push(b'\t');
            }
            self.joined.extend_from_slice(text);
        }
        Ok((key, self.joined.clone()))
    }

    fn dump_record(&mut self) -> Result<Option<Record>, String> {
        let (entries, closed) = self.dump.unwrap_or_default();
        if closed {
            return Err("the dump goes on after its last line".to_owned());
        }
        if &self.row[0] == DUMP_FAMILY.as_bytes() {
            return family_line(&self.row).map(|line| Some(Record::Family(line)));
        }
        if self.row.len() == 1 && self.row[0].starts_with(b"#") {
            let line = String::from_utf8_lossy(&self.row[0]).into_owned();
            if line != dump_closing(entries).trim_end() {
                return Err(format!("\"{line}\" does not match the {entries} entries before it"));
            }
            self.dump = Some((entries, true));
            return self.next_record();
        }
        if self.row.len() != 2 {
            return Err(format!("{} columns where a dump has 2", self.row.len()));
        }
        self.dump = Some((entries + 1, false));
        Ok(Some(Record::Entry((unescape(&self.row[0])?, unescape(&self.row[1])?))))
    }
}

impl<R: BufRead> Source for Records<R> {
    fn position(&self) -> u64 {
        self.rows.position().byte()
    }

    fn line(&self) -> u64 {
        self.row.position().map_or(0, csv::Position::line)
    }

    fn next_record(&mut self) -> Result<Option<Record>, String> {
        if !self.rows.read_byte_record(&mut self.row).map_err(|e| e.to_string())? {
            return match self.dump {
                Some((entries, false)) => {
                    Err(format!("the dump ends after {entries} entries without its last line; it was cut short"))
                }
                _ => Ok(None),
            };
        }
        let record = if self.dump.is_some() {
            self.dump_record()
        } else {
            self.table_entry().map(|entry| Some(Record::Entry(entry)))
        };
        record.map_err(|why| format!("line {}: {why}", self.line()))
    }
}

fn family_line(row: &ByteRecord) -> Result<FamilyLine, String> {
    let text = |bytes: &[u8]| String::from_utf8(unescape(bytes)?).map_err(|_| "a name that is not UTF-8".to_owned());
    let mut texts = row.iter().skip(1).map(text);
    let name = texts.next().ok_or("a family without a name")??;
    let option = |text: Result<String, String>| {
        let text = text?;
        let (name, value) = text.split_once('=').ok_or_else(|| format!("\"{text}\" is no NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    Ok(FamilyLine { name, options: texts.map(option).collect::<Result<_, String>>()? })
}

fn field<'a>(row: &'a ByteRecord, column: Column, what: &str) -> Result<&'a [u8], String> {
    let Column::At(at) = column else { return Err(format!("the {what} column must be one column")) };
    row.get(at).ok_or_else(|| {
        let columns = row.len();
        format!("{columns} column(s), but the {what} is in column {}", at + 1)
    })
}

fn column(what: &str, text: &str, names: Option<&ByteRecord>) -> Result<Column, String> {
    if what == "value" && text == "rest" {
        return Ok(Column::Rest);
    }
    if let Some(at) = names.and_then(|names| names.iter().position(|name| name == text.as_bytes())) {
        return Ok(Column::At(at));
    }
    if let Some(at) = text.parse::<usize>().ok().and_then(|number| number.checked_sub(1)) {
        return Ok(Column::At(at));
    }
    match names {
        Some(names) => {
            let known: Vec<String> = names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            Err(format!("no column \"{text}\" for the {what}; the header has {}", known.join(", ")))
        }
        None => Err(format!("{what} column \"{text}\": give a number from 1, or a name together with --header")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, format: Format, header: bool, key: &str, value: &str) -> Result<Vec<String>, String> {
        let columns = Columns { header, key: key.to_owned(), value: value.to_owned() };
        let mut records = Records::new(text.as_bytes(), format, &columns)?;
        let mut entries = Vec::new();
        while let Some(record) = records.next_record()? {
            entries.push(match record {
                Record::Entry((key, value)) => format!("{}={}", key.escape_ascii(), value.escape_ascii()),
                Record::Family(family) => format!("{family:?}"),
            });
        }
        Ok(entries)
    }

    #[test]
    fn columns_are_chosen_by_number_name_or_rest() {
        let tsv = "id\tname\tcity\n1\tAda\tLondon\n2\tKurt\tWien\n";
        assert_eq!(read(tsv, Format::Tsv, true, "1", "2").unwrap(), ["1=Ada", "2=Kurt"]);
        assert_eq!(read(tsv, Format::Tsv, true, "city", "id").unwrap(), ["London=1", "Wien=2"]);
        assert_eq!(read(tsv, Format::Tsv, true, "name", "rest").unwrap(), [r"Ada=1\tLondon", r"Kurt=2\tWien"]);
        assert_eq!(read(tsv, Format::Tsv, false, "1", "2").unwrap().len(), 3);
    }

    #[test]
    fn only_csv_knows_quotes() {
        let text = "a,\"x, \"\"y\"\"\"\r\nb,\"two\nlines\"\n";
        assert_eq!(read(text, Format::Csv, false, "1", "2").unwrap(), [r#"a=x, \"y\""#, r"b=two\nlines"]);
        assert_eq!(read("a\t\"x\"\n", Format::Tsv, false, "1", "2").unwrap(), [r#"a=\"x\""#]);
        assert_eq!(read("a\\n\t\\\n", Format::Tsv, false, "1", "2").unwrap(), [r"a\\n=\\"], "no escapes in plain TSV");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = |text, format, header, key| read(text, format, header, key, "2").unwrap_err();
        assert_eq!(error("a\tb\nc\n", Format::Tsv, false, "1"), "line 2: 1 column(s), but the value is in column 2");
        assert!(error("a\tb\n", Format::Tsv, true, "x").contains("the header has a, b"));
        assert!(error("a\tb\n", Format::Tsv, false, "0").contains("number from 1"));
        assert!(error("", Format::Tsv, true, "1").contains("header is missing"));
    }

    #[test]
    fn a_dump_comes_back_whole_or_not_at_all() {
        let mut text = format!("{DUMP_OPENING}\n");
        let entries: [(&[u8], &[u8]); 4] =
            [(b"", b""), (b"# end of dump: 0 entries", b"#"), (b"\t\n\\", b"\xff"), (b"k", b"")];
        for (key, value) in entries {
            dump_line(key, value, &mut text);
        }
        let torn = text.clone();
        text.push_str(&dump_closing(4));
        let back = read(&text, Format::Dump, false, "1", "2").unwrap();
        let expected = entries.map(|(key, value)| format!("{}={}", key.escape_ascii(), value.escape_ascii()));
        assert_eq!(back, expected);
        assert_eq!(detect(text.as_bytes(), "x.csv"), Format::Dump);

        let refused = |text: &str| read(text, Format::Dump, false, "1", "2").unwrap_err();
        assert!(refused(&torn).contains("cut short"));
        assert!(refused(&format!("{torn}{}", dump_closing(3))).contains("does not match"));
        assert!(refused(&format!("{text}a\tb\n")).contains("goes on"));
        assert!(refused(&format!("{DUMP_OPENING}\na\\q\tb\n")).contains("line 2: unknown escape"));
        assert!(refused("a\tb\n").contains("opens with"));
    }
    #[test]
    fn families_of_a_dump_come_back_with_their_options() {
        let mut text = format!("{DUMP_OPENING}\n");
        dump_line(b"# family", b"is an entry", &mut text);
        dump_family("a\tb", &[("merge_operator", "append(\t=)".to_owned())], &mut text);
        dump_line(b"k", b"v", &mut text);
        text.push_str(&dump_closing(2));
        let mut records = Records::new(
            text.as_bytes(),
            Format::Dump,
            &Columns { header: false, key: String::new(), value: String::new() },
        )
        .unwrap();
        let mut next = || records.next_record().unwrap();
        assert_eq!(next(), Some(Record::Entry((b"# family".to_vec(), b"is an entry".to_vec()))));
        let options = vec![("merge_operator".to_owned(), "append(\t=)".to_owned())];
        assert_eq!(next(), Some(Record::Family(FamilyLine { name: "a\tb".to_owned(), options })));
        assert_eq!(next(), Some(Record::Entry((b"k".to_vec(), b"v".to_vec()))));
        assert_eq!(next(), None);
        for wrong in ["# family\n", "# family\tx\ty\n", "# family\t\\xff\n"] {
            assert!(read(&format!("{DUMP_OPENING}\n{wrong}"), Format::Dump, false, "1", "2").is_err(), "{wrong}");
        }
    }
}
