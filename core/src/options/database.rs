//! [`Options`]: how a database is opened. Defaults serve most users; [`Options::settings`] is the table all faces share.

use crate::error::{Error, Result};
use crate::merge::Operators;
use crate::options::family::{FamilyOptions, parse_name, parse_ttl};
use crate::options::settings::{self, Setting};
use crate::options::value::{parse_bool, parse_number, parse_size, size};
use crate::options::write::Durability;
use crate::version::orders::Orders;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// How tables are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// None for flushes, L0 and L1, which are rewritten soon; LZ4 below.
    #[default]
    Auto,
    /// None anywhere.
    None,
    /// LZ4 everywhere.
    Lz4,
}

/// Which tables are merged when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CompactionStyle {
    /// Levels of growing size: reads look at few tables, little space is wasted, writes are rewritten more often.
    #[default]
    Leveled,
    /// Sorted runs, merged when they are of similar size: writes are rewritten less, reads and space cost more.
    Tiered,
}

/// How WAL bytes reach the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WalIo {
    /// The best way this version knows for the filesystem at hand.
    #[default]
    Auto,
    /// Positional writes.
    Write,
}

/// How a database is opened.
///
/// ```
/// let mut options = esker::Options::default();
/// options.memory_budget = 64 << 20;
/// options.set("durability", "sync").unwrap();
/// assert_eq!(options.get("memory_budget").unwrap(), "64MiB");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Create the database if the directory has none.
    pub create_if_missing: bool,
    /// Fail if the directory has a database already.
    pub error_if_exists: bool,
    /// Open without writing anything; every write is refused.
    pub read_only: bool,
    /// What a write survives unless it says otherwise.
    pub durability: Durability,
    /// Bytes of memory: at most half for memtables, the rest for cached blocks, indexes and filters.
    pub memory_budget: u64,
    /// How tables are compressed.
    pub compression: Compression,
    /// Which tables are merged when.
    pub compaction_style: CompactionStyle,
    /// Bloom filter bits per key; 0 for no filters.
    pub filter_bits_per_key: u32,
    /// A write that would wait longer than this returns `Busy`.
    pub stall_timeout_ms: u64,
    /// Nominal size of a WAL segment.
    pub wal_segment_size: u64,
    /// How WAL bytes reach the kernel.
    pub wal_io: WalIo,
    /// Threads for flushes and compactions.
    pub background_threads: u32,
    /// Nominal size of a data block, uncompressed.
    pub block_size: u64,
    /// Size at which a memtable is flushed; 0 takes an eighth of `memory_budget`.
    pub memtable_size: u64,
    /// Nominal size of a table that compaction writes.
    pub target_file_size: u64,
    /// Target size of level 1.
    pub level_base_size: u64,
    /// Each level's target is this many times the one above.
    pub level_size_multiplier: u32,
    /// Tables in level 0 at which it is compacted.
    pub l0_compaction_trigger: u32,
    /// Tables in level 0 at which writes wait.
    pub l0_stall_trigger: u32,
    /// Tables kept open at once.
    pub max_open_files: u32,
    /// Size at which the MANIFEST is written anew.
    pub manifest_rotate_size: u64,
    /// The default family's merge operator, by name; empty for none, or for the one on record.
    pub merge_operator: String,
    /// The default family's puts expire after so many milliseconds unless they say otherwise; 0 for never, or for the time on
    /// record.
    pub ttl_ms: u64,
    /// The default family's key order, by name; empty for bytewise, or for the one on record.
    pub comparator: String,
    /// The key orders that families may have besides bytewise. Every one that a family of the database has must be here.
    pub comparators: Orders,
    /// The merge operators that families may have: the built-in ones and your own. Every one that a family of the database has
    /// must be here.
    pub merge_operators: Operators,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            create_if_missing: true,
            error_if_exists: false,
            read_only: false,
            durability: Durability::Buffered,
            memory_budget: 256 * MIB,
            compression: Compression::Auto,
            compaction_style: CompactionStyle::Leveled,
            filter_bits_per_key: 10,
            stall_timeout_ms: 60_000,
            wal_segment_size: 16 * MIB,
            wal_io: WalIo::Auto,
            background_threads: 2,
            block_size: 4 * KIB,
            memtable_size: 0,
            target_file_size: 32 * MIB,
            level_base_size: 128 * MIB,
            level_size_multiplier: 10,
            l0_compaction_trigger: 4,
            l0_stall_trigger: 20,
            max_open_files: 512,
            manifest_rotate_size: 4 * MIB,
            merge_operator: String::new(),
            ttl_ms: 0,
            comparator: String::new(),
            comparators: Orders::new(),
            merge_operators: Operators::new(),
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Options {
        Options::default()
    }

    /// Sets an option by name, as in `set("memory_budget", "64MiB")`. An unknown name is an error that offers the nearest.
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        settings::set(SETTINGS, self, name, text)
    }

    /// An option as text, by name.
    pub fn get(&self, name: &str) -> Result<String> {
        settings::get(SETTINGS, self, name)
    }

    /// All of them, with their documentation.
    pub fn settings() -> &'static [Setting<Options>] {
        SETTINGS
    }

    /// What the default family is created with; the rest of how it keeps its keys is in these options themselves.
    pub fn default_family(&self) -> FamilyOptions {
        FamilyOptions {
            merge_operator: self.merge_operator.clone(),
            ttl_ms: self.ttl_ms,
            comparator: self.comparator.clone(),
            ..FamilyOptions::default()
        }
    }

    /// The memtable size in force.
    pub fn effective_memtable_size(&self) -> u64 {
        if self.memtable_size == 0 { (self.memory_budget / 8).max(64 * KIB) } else { self.memtable_size }
    }

    /// Refuses combinations that cannot work, and values set by field that the table would have refused.
    pub fn validate(&self) -> Result<()> {
        let mut copy = self.clone();
        for setting in SETTINGS {
            let text = (setting.get)(self);
            settings::set(SETTINGS, &mut copy, setting.name, &text)?;
        }
        if self.read_only && self.error_if_exists {
            return Err(Error::invalid("read_only and error_if_exists exclude each other"));
        }
        if self.l0_stall_trigger < self.l0_compaction_trigger {
            let (stall, trigger) = (self.l0_stall_trigger, self.l0_compaction_trigger);
            let message = format!("l0_stall_trigger ({stall}) must not be below l0_compaction_trigger ({trigger})");
            return Err(Error::invalid(message));
        }
        Ok(())
    }
}

macro_rules! setting {
    ($name:ident, $audience:ident, $takes:literal, $doc:literal, $show:expr, $parse:expr) => {
        Setting {
            name: stringify!($name),
            takes: $takes,
            doc: $doc,
            expert: $audience,
            get: |o: &Options| $show(o.$name.clone()),
            set: |o: &mut Options, text: &str| {
                o.$name = $parse(text)?;
                Ok(())
            },
        }
    };
}

/// For readers of the table: who an option is for.
const EVERYONE: bool = false;
const EXPERT: bool = true;

fn show_bool(value: bool) -> String {
    value.to_string()
}

fn show_number(value: impl Into<u64>) -> String {
    value.into().to_string()
}

fn number_u32(text: &str, min: u32, max: u32) -> Result<u32, String> {
    Ok(parse_number(text, min.into(), max.into())? as u32)
}

pub(super) fn show_compression(value: Compression) -> String {
    match value {
        Compression::Auto => "auto",
        Compression::None => "none",
        Compression::Lz4 => "lz4",
    }
    .to_owned()
}

pub(super) fn parse_compression(text: &str) -> Result<Compression, String> {
    match text {
        "auto" => Ok(Compression::Auto),
        "none" => Ok(Compression::None),
        "lz4" => Ok(Compression::Lz4),
        _ => Err("auto, none or lz4".to_owned()),
    }
}

pub(super) fn show_style(value: CompactionStyle) -> String {
    match value {
        CompactionStyle::Leveled => "leveled",
        CompactionStyle::Tiered => "tiered",
    }
    .to_owned()
}

pub(super) fn parse_style(text: &str) -> Result<CompactionStyle, String> {
    match text {
        "leveled" => Ok(CompactionStyle::Leveled),
        "tiered" => Ok(CompactionStyle::Tiered),
        _ => Err("leveled or tiered".to_owned()),
    }
}

fn show_wal_io(value: WalIo) -> String {
    match value {
        WalIo::Auto => "auto",
        WalIo::Write => "write",
    }
    .to_owned()
}

fn parse_wal_io(text: &str) -> Result<WalIo, String> {
    match text {
        "auto" => Ok(WalIo::Auto),
        "write" => Ok(WalIo::Write),
        _ => Err("auto or write".to_owned()),
    }
}

/// Memtables may go up to this; one record may be larger and then has a memtable to itself.
const MAX_MEMTABLE: u64 = 4 * GIB;

#[rustfmt::skip]
static SETTINGS: &[Setting<Options>] = &[
    setting!(create_if_missing, EVERYONE, "true | false", "Create the database if the directory has none.", show_bool, parse_bool),
    setting!(error_if_exists, EVERYONE, "true | false", "Fail if the directory has a database already.", show_bool, parse_bool),
    setting!(read_only, EVERYONE, "true | false", "Open without writing anything; every write is refused with READ_ONLY.", show_bool, parse_bool),
    setting!(durability, EVERYONE, "sync | buffered | none", "What a write survives unless it says otherwise: a power cut, the death of the process, or nothing until the next flush.", |v: Durability| v.name().to_owned(), Durability::parse),
    setting!(memory_budget, EVERYONE, "size, 1MiB to 1024GiB", "Memory for memtables (at most half), cached blocks, indexes and filters.", size, |t| parse_size(t, MIB, 1024 * GIB)),
    setting!(compression, EVERYONE, "auto | none | lz4", "Compression of tables: auto is none for flushes and level 1, LZ4 below.", show_compression, parse_compression),
    setting!(compaction_style, EVERYONE, "leveled | tiered", "Which tables are merged when: leveled reads fast and wastes little space, tiered rewrites less.", show_style, parse_style),
    setting!(filter_bits_per_key, EVERYONE, "0 to 32", "Bloom filter bits per key; 0 writes no filters.", show_number, |t| number_u32(t, 0, 32)),
    setting!(stall_timeout_ms, EVERYONE, "milliseconds, 0 to 86400000", "A write that would wait longer than this for background work returns BUSY.", show_number, |t| parse_number(t, 0, 86_400_000)),
    setting!(wal_segment_size, EVERYONE, "size, 64KiB to 1GiB", "Nominal size of a WAL segment; a larger batch gets a segment of its own.", size, |t| parse_size(t, 64 * KIB, GIB)),
    setting!(wal_io, EVERYONE, "auto | write", "How WAL bytes reach the kernel; auto is the best way this version knows, today positional writes.", show_wal_io, parse_wal_io),
    setting!(background_threads, EVERYONE, "1 to 64", "Threads for flushes and compactions.", show_number, |t| number_u32(t, 1, 64)),
    setting!(block_size, EXPERT, "size, 64 to 32KiB", "Nominal size of a data block, uncompressed. Larger compresses better, smaller reads less.", size, |t| parse_size(t, 64, 32 * KIB)),
    setting!(memtable_size, EXPERT, "size, 0 or 1KiB to 4GiB", "Size at which a memtable is flushed; 0 takes an eighth of memory_budget.", size, |t| if t == "0" { Ok(0) } else { parse_size(t, KIB, MAX_MEMTABLE) }),
    setting!(target_file_size, EXPERT, "size, 1KiB to 4GiB", "Nominal size of a table that compaction writes.", size, |t| parse_size(t, KIB, 4 * GIB)),
    setting!(level_base_size, EXPERT, "size, 1KiB to 1024GiB", "Target size of level 1.", size, |t| parse_size(t, KIB, 1024 * GIB)),
    setting!(level_size_multiplier, EXPERT, "2 to 100", "Each level's target size is this many times the one above.", show_number, |t| number_u32(t, 2, 100)),
    setting!(l0_compaction_trigger, EXPERT, "1 to 1000", "Tables in level 0 at which it is compacted.", show_number, |t| number_u32(t, 1, 1000)),
    setting!(l0_stall_trigger, EXPERT, "1 to 10000", "Tables in level 0 at which writes wait for compaction.", show_number, |t| number_u32(t, 1, 10_000)),
    setting!(max_open_files, EXPERT, "8 to 1000000", "Tables kept open at once.", show_number, |t| number_u32(t, 8, 1_000_000)),
    setting!(manifest_rotate_size, EXPERT, "size, 1KiB to 1GiB", "Size at which the MANIFEST is written anew.", size, |t| parse_size(t, KIB, GIB)),
    setting!(merge_operator, EVERYONE, "a name, or nothing", "The default family's merge operator, fixed when the database is created; nothing takes the one on record.", |v: String| v, parse_name),
    setting!(ttl_ms, EVERYONE, "milliseconds, 0 to 3153600000000", "The default family's puts expire this long after their commit unless they say otherwise; 0 takes the time on record.", show_number, parse_ttl),
    setting!(comparator, EXPERT, "a name, or nothing", "The default family's key order, fixed when the database is created; nothing takes the one on record.", |v: String| v, parse_name),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_reads_back_as_it_was_set() {
        let mut options = Options::default();
        for setting in Options::settings() {
            let text = options.get(setting.name).unwrap();
            options.set(setting.name, &text).unwrap();
            assert!(!setting.doc.is_empty() && setting.doc.ends_with('.'), "{}", setting.name);
        }
        assert_eq!(options, Options::default());
    }

    #[test]
    fn a_wrong_value_says_what_is_acceptable_and_changes_nothing() {
        let mut options = Options::default();
        let error = options.set("memory_budget", "lots").unwrap_err();
        assert!(error.message().contains("takes a size from 1MiB"), "{error}");
        assert_eq!(options, Options::default());
    }

    #[test]
    fn values_set_by_field_are_checked_too() {
        let options = Options { block_size: 1, ..Options::default() };
        assert_eq!(options.validate().unwrap_err().kind(), crate::ErrorKind::InvalidArgument);
        Options::default().validate().unwrap();
    }
}
