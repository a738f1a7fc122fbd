//! The arguments: what can be asked, and the help that says so.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::encoding::Encoding;
use crate::failure::Failure;

const AFTER_HELP: &str = "\
Keys and values are bytes. Output shows them as text, with \\\\ \\t \\n \\r and \\xHH for what is not; --escaped reads the
same in arguments, and --hex, --base64 and --utf8 write them as other programs do.

Exit codes: 0 done · 1 key not found, or verify or inspect found damage · 2 wrong arguments · 3 it failed";

/// Look into, fill and check an Esker database.
#[derive(Debug, Parser)]
#[command(name = "esker", version, about, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Arguments {
    /// Opens the database with an option, as in -o memory_budget=64MiB; `esker options` lists them.
    #[arg(short = 'o', long = "option", value_name = "NAME=VALUE", global = true)]
    pub option: Vec<String>,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prints the value of a key.
    Get(Get),
    /// Stores a value under a key; creates the database if there is none.
    Put(Put),
    /// Deletes a key, or all keys of a range.
    Delete(Delete),
    /// Merges an operand into the value of a key, by the family's merge operator.
    Merge(Merge),
    /// Prints entries in the order of their keys.
    Scan(Scan),
    /// Stores the rows of a TSV, CSV or JSON lines file, or of a dump; creates the database if there is none.
    Load(Load),
    /// Writes all entries as text that `load` reads back exactly: those of all families, or with --cf of one.
    Dump(Dump),
    /// Prints counters and the shape of the levels.
    Stats(Stats),
    /// Reads and checks every file; writes nothing.
    Verify(Verify),
    /// Shows what is in a log segment, a MANIFEST or a table, or what a directory holds; the database may be open.
    Inspect(Inspect),
    /// Merges the tables of a range down to its lowest level.
    Compact(Compact),
    /// Makes a second database of what the first holds now, which shares its tables where the filesystem can.
    Checkpoint(Checkpoint),
    /// Lists the column families, with the options in which they differ from the database's.
    Families(Families),
    /// Creates a column family.
    CreateFamily(CreateFamily),
    /// Drops a column family with everything in it.
    DropFamily(DropFamily),
    /// Lists the options of a database, with defaults.
    Options,
}

/// Which column family a command works on.
#[derive(Debug, Args)]
pub struct Family {
    /// The column family; left out, the default one.
    #[arg(long = "cf", value_name = "NAME")]
    pub name: Option<String>,
}

/// How bytes are written.
#[derive(Debug, Args)]
#[group(id = "encoding", multiple = false)]
pub struct Encoded {
    /// Bytes are written as hexadecimal digits.
    #[arg(long)]
    pub hex: bool,
    /// Bytes are written in Base64.
    #[arg(long)]
    pub base64: bool,
    /// Bytes are written as the text they are; those that are not UTF-8 are an error.
    #[arg(long)]
    pub utf8: bool,
}

impl Encoded {
    /// What was asked for.
    pub fn encoding(&self) -> Option<Encoding> {
        let asked = [(self.hex, Encoding::Hex), (self.base64, Encoding::Base64), (self.utf8, Encoding::Utf8)];
        asked.into_iter().find_map(|(asked, encoding)| asked.then_some(encoding))
    }
}

/// Encodings were given for a format that has its own.
pub fn only_jsonl() -> Failure {
    Failure::usage("--hex, --base64 and --utf8 need --format jsonl: other formats say themselves how bytes are written")
}

/// How long what is put lives.
#[derive(Debug, Args)]
pub struct Ttl {
    /// How long until it expires, as in 500ms, 30s, 15m, 12h or 7d; 0s is never, whatever the family says.
    #[arg(long = "ttl", value_name = "TIME", value_parser = parse_time)]
    pub ms: Option<u64>,
}

/// Milliseconds of a time such as `15m`.
fn parse_time(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("a number and ms, s, m, h or d".to_owned()),
    };
    let ms = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    ms.ok_or_else(|| "a number and ms, s, m, h or d".to_owned())
}

#[derive(Debug, Args)]
pub struct Get {
    /// The database directory.
    pub directory: PathBuf,
    /// The key.
    pub key: OsString,
    /// Reads escapes (\\ \t \n \r \xHH) in KEY.
    #[arg(long)]
    pub escaped: bool,
    #[command(flatten)]
    pub encoded: Encoded,
    /// Prints the value's bytes as they are, without a newline after them.
    #[arg(long, conflicts_with = "encoding")]
    pub raw: bool,
    /// Prints the value as a number: eight bytes, little-endian, as the operator add_u64 keeps it.
    #[arg(long, conflicts_with_all = ["encoding", "raw"])]
    pub number: bool,
    #[command(flatten)]
    pub family: Family,
}

#[derive(Debug, Args)]
pub struct Put {
    /// The database directory.
    pub directory: PathBuf,
    /// The key.
    pub key: OsString,
    /// The value; left out, it is read from standard input.
    pub value: Option<OsString>,
    /// Reads escapes (\\ \t \n \r \xHH) in KEY and VALUE.
    #[arg(long)]
    pub escaped: bool,
    /// What the write survives: sync, buffered or none.
    #[arg(long, value_name = "HOW")]
    pub durability: Option<String>,
    #[command(flatten)]
    pub family: Family,
    #[command(flatten)]
    pub ttl: Ttl,
}

#[derive(Debug, Args)]
pub struct Delete {
    /// The database directory.
    pub directory: PathBuf,
    /// The key; or give --from and --to.
    #[arg(required_unless_present = "from", conflicts_with_all = ["from", "to"])]
    pub key: Option<OsString>,
    /// First key of the range to delete.
    #[arg(long, value_name = "KEY", requires = "to")]
    pub from: Option<OsString>,
    /// First key after the range to delete.
    #[arg(long, value_name = "KEY", requires = "from")]
    pub to: Option<OsString>,
    /// Reads escapes (\\ \t \n \r \xHH) in keys.
    #[arg(long)]
    pub escaped: bool,
    /// What the write survives: sync, buffered or none.
    #[arg(long, value_name = "HOW")]
    pub durability: Option<String>,
    #[command(flatten)]
    pub family: Family,
}

#[derive(Debug, Args)]
pub struct Merge {
    /// The database directory.
    pub directory: PathBuf,
    /// The key.
    pub key: OsString,
    /// The operand.
    pub operand: OsString,
    /// Takes OPERAND as a number: eight bytes, little-endian, as the operator add_u64 wants it.
    #[arg(long, conflicts_with = "escaped")]
    pub number: bool,
    /// Reads escapes (\\ \t \n \r \xHH) in KEY and OPERAND.
    #[arg(long)]
    pub escaped: bool,
    /// What the write survives: sync, buffered or none.
    #[arg(long, value_name = "HOW")]
    pub durability: Option<String>,
    #[command(flatten)]
    pub family: Family,
}

#[derive(Debug, Args)]
pub struct Families {
    /// The database directory.
    pub directory: PathBuf,
}

#[derive(Debug, Args)]
pub struct CreateFamily {
    /// The database directory; the database is created if there is none.
    pub directory: PathBuf,
    /// The family's name.
    pub name: String,
    /// Options of the family, as in merge_operator=add_u64 or ttl_ms=60000.
    #[arg(value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Args)]
pub struct DropFamily {
    /// The database directory.
    pub directory: PathBuf,
    /// The family's name.
    pub name: String,
}

#[derive(Debug, Args)]
pub struct Scan {
    /// The database directory.
    pub directory: PathBuf,
    /// Only keys that start with this.
    #[arg(long, value_name = "KEY")]
    pub prefix: Option<OsString>,
    /// Only keys from this on.
    #[arg(long, value_name = "KEY")]
    pub from: Option<OsString>,
    /// Only keys before this.
    #[arg(long, value_name = "KEY")]
    pub to: Option<OsString>,
    /// At most this many entries.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// From the last key to the first.
    #[arg(long)]
    pub reverse: bool,
    /// Prints keys without their values.
    #[arg(long)]
    pub keys_only: bool,
    #[command(flatten)]
    pub encoded: Encoded,
    /// Reads escapes (\\ \t \n \r \xHH) in keys.
    #[arg(long)]
    pub escaped: bool,
    #[command(flatten)]
    pub family: Family,
}

/// How the file to load is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A dump if it starts like one, CSV if its name ends in .csv, JSON lines if in .jsonl, otherwise TSV.
    Auto,
    /// Columns between tabs, taken as they are.
    Tsv,
    /// Columns between commas, quoted where needed.
    Csv,
    /// What `esker dump` wrote.
    Dump,
    /// One object a line, with "key" and "value", or what `esker dump --format jsonl` wrote.
    Jsonl,
}

/// How a dump is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DumpFormat {
    /// One line an entry, readable text.
    Dump,
    /// One JSON object a line, keys and values in Base64 unless said otherwise.
    Jsonl,
}

#[derive(Debug, Args)]
pub struct Load {
    /// The database directory.
    pub directory: PathBuf,
    /// The file; `-` is standard input.
    pub file: PathBuf,
    /// How the file is written.
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    pub format: Format,
    #[command(flatten)]
    pub encoded: Encoded,
    /// The first row names the columns and is not loaded.
    #[arg(long)]
    pub header: bool,
    /// The column with the key: its number from 1, or its name with --header.
    #[arg(long, value_name = "COLUMN", default_value = "1")]
    pub key_column: String,
    /// The column with the value: number, name, or `rest` for all other columns with tabs between them.
    #[arg(long, value_name = "COLUMN", default_value = "2")]
    pub value_column: String,
    /// Rows in one atomic batch.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: u32,
    /// What each batch survives: sync, buffered or none.
    #[arg(long, value_name = "HOW")]
    pub durability: Option<String>,
    #[command(flatten)]
    pub family: Family,
    #[command(flatten)]
    pub ttl: Ttl,
}

#[derive(Debug, Args)]
pub struct Dump {
    /// The database directory.
    pub directory: PathBuf,
    /// The file to write, which must not exist yet; left out, standard output.
    pub file: Option<PathBuf>,
    /// How the dump is written.
    #[arg(long, value_enum, default_value_t = DumpFormat::Dump)]
    pub format: DumpFormat,
    #[command(flatten)]
    pub encoded: Encoded,
    #[command(flatten)]
    pub family: Family,
}

#[derive(Debug, Args)]
pub struct Stats {
    /// The database directory.
    pub directory: PathBuf,
    /// text, json or prometheus.
    #[arg(long, default_value = "text")]
    pub format: String,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// The database directory.
    pub directory: PathBuf,
}

/// What a file is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InspectAs {
    /// A segment of the log.
    Wal,
    /// A MANIFEST.
    Manifest,
    /// A table.
    Table,
}

#[derive(Debug, Args)]
pub struct Inspect {
    /// The file, or the database directory.
    pub path: PathBuf,
    /// What the file is taken for, whatever its bytes and its name say.
    #[arg(long = "as", value_enum, value_name = "KIND")]
    pub kind: Option<InspectAs>,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Shows entries too, below the records or blocks that they are in.
    #[arg(long)]
    pub entries: bool,
    /// At most this many rows, and as many entries; the others are read, checked and counted.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub limit: u64,
    #[command(flatten)]
    pub encoded: Encoded,
}

#[derive(Debug, Args)]
pub struct Checkpoint {
    /// The database directory.
    pub directory: PathBuf,
    /// Where the second database is to be: a directory that is empty or not there yet.
    pub target: PathBuf,
}

#[derive(Debug, Args)]
pub struct Compact {
    /// The database directory.
    pub directory: PathBuf,
    /// Only keys from this on.
    #[arg(long, value_name = "KEY")]
    pub from: Option<OsString>,
    /// Only keys before this.
    #[arg(long, value_name = "KEY")]
    pub to: Option<OsString>,
    /// Reads escapes (\\ \t \n \r \xHH) in keys.
    #[arg(long)]
    pub escaped: bool,
    #[command(flatten)]
    pub family: Family,
}

#[test]
fn times_have_units() {
    let times = ["500ms", "30s", "15m", "12h", "7d", "0s"].map(|text| parse_time(text).unwrap());
    assert_eq!(times, [500, 30_000, 900_000, 43_200_000, 604_800_000, 0]);
    for wrong in ["", "5", "s", "-1s", "1.5h", "5 s", "99999999999999999999d", "9999999999999d9"] {
        assert!(parse_time(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_arguments_are_consistent() {
    use clap::CommandFactory as _;
    Arguments::command().debug_assert();
}
