//! [`Records`]: keys and values out of a TSV, CSV or dump file, one at a time, each with the line it stands on.
//!
//! A dump is framed: its first line names the format, its last counts the entries. So a dump cut short, by a full disk say,
//! is refused at its end instead of passing for a smaller database. Worked example, tabs shown as →:
//!
//! ```text
//! # esker dump 2
//! # family→default→ttl_ms=3600000
//! key→value
//! with tab\t→\xff→1700000000000
//! # family→users→merge_operator=append
//! key of that family→value
//! # end of dump: 3 entries
//! ```
//! Entries belong to the family named above them, which is made with those options if it is not there; before the first such
//! line to the family that is loaded into. A third column is when the entry expires, in milliseconds since 1970; an entry without one
//! never does. Version 1 had no third column and no line for the default family; it is still read.

use std::io::{BufRead, Read};

use csv::{ByteRecord, ReaderBuilder};

use crate::args::Format;
use crate::escape::{escape, unescape};
use crate::jsonl;

/// What the first line of a dump of any version begins with.
const DUMP_OPENING: &str = "# esker dump ";

/// The format of dumps, here and in JSON lines: the one that is written, and the newest that is read.
pub const DUMP_VERSION: u32 = 2;

/// The first format with expiries in it: entries without one never expire.
pub const EXPIRY_SINCE: u32 = 2;

/// Whether a dump of this format can be read; if not, why.
pub fn check_version(version: u32) -> Result<(), String> {
    if (1..=DUMP_VERSION).contains(&version) {
        return Ok(());
    }
    Err(format!("a dump of version {version}; this program reads versions 1 to {DUMP_VERSION}"))
}

/// The first line of a dump.
pub fn dump_opening() -> String {
    format!("{DUMP_OPENING}{DUMP_VERSION}\n")
}

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
pub fn dump_line(key: &[u8], value: &[u8], expires_at_ms: Option<u64>, out: &mut String) {
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
    if let Some(at) = expires_at_ms {
        out.push_str(&format!("\t{at}"));
    }
    out.push('\n');
}

/// A key, its value, and when it expires, if ever.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub expires_at_ms: Option<u64>,
}

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

    /// Whether entries say themselves when they expire; known once the first record was read.
    fn has_expiries(&self) -> bool;

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
    dump: Option<Dump>,
    joined: Vec<u8>,
}

/// Where in a dump the reader is.
#[derive(Debug, Clone, Copy)]
struct Dump {
    version: u32,
    entries: u64,
    /// Whether its last line was seen.
    closed: bool,
}

impl Dump {
    /// The dump whose first line `row` is.
    fn begin(row: &ByteRecord) -> Result<Dump, String> {
        let version = row
            .iter()
            .next()
            .filter(|_| row.len() == 1)
            .and_then(|line| std::str::from_utf8(line.strip_prefix(DUMP_OPENING.as_bytes())?).ok()?.parse().ok());
        let version = version.ok_or_else(|| format!("a dump opens with \"{DUMP_OPENING}{DUMP_VERSION}\""))?;
        check_version(version)?;
        Ok(Dump { version, entries: 0, closed: false })
    }
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
            rows.read_byte_record(&mut row).map_err(|e| e.to_string())?;
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
        let dump = is_dump.then(|| Dump::begin(&row)).transpose().map_err(|why| format!("line 1: {why}"))?;
        Ok(Records { rows, row, key_column, value_column, dump, joined: Vec::new() })
    }

    fn table_entry(&mut self) -> Result<Entry, String> {
        let (row, key_column) = (&self.row, self.key_column);
        let key = field(row, key_column, "key")?.to_vec();
        if self.value_column != Column::Rest {
            return Ok(Entry { key, value: field(row, self.value_column, "value")?.to_vec(), expires_at_ms: None });
        }
        self.joined.clear();
        let others = row.iter().enumerate().filter(|(at, _)| Column::At(*at) != key_column);
        for (n, (_, text)) in others.enumerate() {
            if n > 0 {
                self.joined.push(b'\t');
            }
            self.joined.extend_from_slice(text);
        }
        Ok(Entry { key, value: self.joined.clone(), expires_at_ms: None })
    }

    fn dump_record(&mut self, dump: Dump) -> Result<Option<Record>, String> {
        let Dump { version, entries, closed } = dump;
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
            self.dump = Some(Dump { closed: true, ..dump });
            return self.next_record();
        }
        let most = if version >= EXPIRY_SINCE { 3 } else { 2 };
        if !(2..=most).contains(&self.row.len()) {
            return Err(format!("{} columns where a dump of version {version} has 2 to {most}", self.row.len()));
        }
        self.dump = Some(Dump { entries: entries + 1, ..dump });
        let expires_at_ms = self.row.get(2).map(expiry).transpose()?;
        Ok(Some(Record::Entry(Entry { key: unescape(&self.row[0])?, value: unescape(&self.row[1])?, expires_at_ms })))
    }
}

impl<R: BufRead> Source for Records<R> {
    fn position(&self) -> u64 {
        self.rows.position().byte()
    }

    fn line(&self) -> u64 {
        self.row.position().map_or(0, csv::Position::line)
    }

    fn has_expiries(&self) -> bool {
        self.dump.is_some_and(|dump| dump.version >= EXPIRY_SINCE)
    }

    fn next_record(&mut self) -> Result<Option<Record>, String> {
        if !self.rows.read_byte_record(&mut self.row).map_err(|e| e.to_string())? {
            return match self.dump {
                Some(Dump { entries, closed: false, .. }) => {
                    Err(format!("the dump ends after {entries} entries without its last line; it was cut short"))
                }
                _ => Ok(None),
            };
        }
        let record = match self.dump {
            Some(dump) => self.dump_record(dump),
            None => self.table_entry().map(|entry| Some(Record::Entry(entry))),
        };
        record.map_err(|why| format!("line {}: {why}", self.line()))
    }
}

/// A number of milliseconds.
fn expiry(text: &[u8]) -> Result<u64, String> {
    let digits = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("\"{}\" is no number of milliseconds", text.escape_ascii()))
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
                Record::Entry(Entry { key, value, expires_at_ms }) => {
                    let expiry = expires_at_ms.map(|at| format!(" until {at}")).unwrap_or_default();
                    format!("{}={}{expiry}", key.escape_ascii(), value.escape_ascii())
                }
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
        let mut text = dump_opening();
        let entries: [(&[u8], &[u8], _); 4] = [
            (b"", b"", None),
            (b"# end of dump: 0 entries", b"#", Some(0)),
            (b"\t\n\\", b"\xff", Some(u64::MAX)),
            (b"k", b"", None),
        ];
        for (key, value, expires_at_ms) in entries {
            dump_line(key, value, expires_at_ms, &mut text);
        }
        let torn = text.clone();
        text.push_str(&dump_closing(4));
        let back = read(&text, Format::Dump, false, "1", "2").unwrap();
        let expected = ["=", "# end of dump: 0 entries=# until 0", r"\t\n\\=\xff until 18446744073709551615", "k="];
        assert_eq!(back, expected);
        assert_eq!(detect(text.as_bytes(), "x.csv"), Format::Dump);

        let refused = |text: &str| read(text, Format::Dump, false, "1", "2").unwrap_err();
        assert!(refused(&torn).contains("cut short"));
        assert!(refused(&format!("{torn}{}", dump_closing(3))).contains("does not match"));
        assert!(refused(&format!("{text}a\tb\n")).contains("goes on"));
        assert!(refused(&format!("{}a\\q\tb\n", dump_opening())).contains("line 2: unknown escape"));
        assert!(refused("a\tb\n").contains("opens with"));
        for wrong in ["", "-1", "+1", "1.5", "18446744073709551616"] {
            let error = refused(&format!("{}k\tv\t{wrong}\n", dump_opening()));
            assert_eq!(error, format!("line 2: \"{wrong}\" is no number of milliseconds"));
        }
        assert!(refused(&format!("{}a\tb\t1\t2\n", dump_opening())).contains("line 2: 4 columns"));
    }

    #[test]
    fn the_first_format_is_still_read_and_those_to_come_are_refused() {
        let one = "# esker dump 1\nk\tv\n# family\tf\nl\tw\n# end of dump: 2 entries\n";
        assert_eq!(read(one, Format::Dump, false, "1", "2").unwrap().len(), 3);
        assert_eq!(detect(one.as_bytes(), "x"), Format::Dump);
        let refused = |text: &str| read(text, Format::Dump, false, "1", "2").unwrap_err();
        assert_eq!(refused(&one.replace("k\tv", "k\tv\t1")), "line 2: 3 columns where a dump of version 1 has 2 to 2");
        let newer = refused(&one.replace("dump 1", "dump 3"));
        assert_eq!(newer, "line 1: a dump of version 3; this program reads versions 1 to 2");
        for wrong in ["dump", "dump ", "dump 1\t", "dump 0x1", "dump 0", "dump 1 "] {
            assert!(refused(&one.replace("dump 1", wrong)).starts_with("line 1: a dump "), "{wrong}");
        }
    }

    #[test]
    fn families_of_a_dump_come_back_with_their_options() {
        let mut text = dump_opening();
        dump_line(b"# family", b"is an entry", None, &mut text);
        dump_family("a\tb", &[("merge_operator", "append(\t=)".to_owned())], &mut text);
        dump_line(b"k", b"v", Some(5), &mut text);
        text.push_str(&dump_closing(2));
        let mut records = Records::new(
            text.as_bytes(),
            Format::Dump,
            &Columns { header: false, key: String::new(), value: String::new() },
        )
        .unwrap();
        let mut next = || records.next_record().unwrap();
        let entry = |key: &[u8], value: &[u8], expires_at_ms| {
            Some(Record::Entry(Entry { key: key.to_vec(), value: value.to_vec(), expires_at_ms }))
        };
        assert_eq!(next(), entry(b"# family", b"is an entry", None));
        let options = vec![("merge_operator".to_owned(), "append(\t=)".to_owned())];
        assert_eq!(next(), Some(Record::Family(FamilyLine { name: "a\tb".to_owned(), options })));
        assert_eq!(next(), entry(b"k", b"v", Some(5)));
        assert_eq!(next(), None);
        for wrong in ["# family\n", "# family\tx\ty\n", "# family\t\\xff\n"] {
            assert!(read(&format!("{}{wrong}", dump_opening()), Format::Dump, false, "1", "2").is_err(), "{wrong}");
        }
    }
}
