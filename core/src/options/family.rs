//! [`FamilyOptions`]: how a column family keeps its keys. Chosen when it is created, recorded in the MANIFEST, and found there by
//! every later open: nobody has to say them again, and nobody can open the family in a way that would misread it.
//!
//! Plain data; any thread.

use crate::error::Result;
use crate::options::database::{
    CompactionStyle, Compression, parse_compression, parse_style, show_compression, show_style,
};
use crate::options::settings::{self, Setting};
use crate::options::value::{parse_number, parse_size, size};

/// The longest time to live: a hundred years.
const MAX_TTL_MS: u64 = 100 * 365 * 86_400_000;

/// How a column family keeps its keys. What is `None` or empty is as in the database's own options.
///
/// ```
/// let mut options = esker::FamilyOptions::default();
/// options.set("merge_operator", "add_u64").unwrap();
/// assert_eq!(options.merge_operator, "add_u64");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilyOptions {
    /// How its tables are compressed.
    pub compression: Option<Compression>,
    /// Which of its tables are merged when.
    pub compaction_style: Option<CompactionStyle>,
    /// Bloom filter bits per key; 0 for no filters.
    pub filter_bits_per_key: Option<u32>,
    /// Nominal size of a data block in bytes, uncompressed.
    pub block_size: Option<u64>,
    /// The name of its merge operator; empty for none. Fixed when the family is created.
    pub merge_operator: String,
    /// Its puts expire this many milliseconds after they are committed, unless they say otherwise; 0 for never.
    pub ttl_ms: u64,
    /// The name of its key order; empty for bytewise. Fixed when the family is created.
    pub comparator: String,
}

impl FamilyOptions {
    /// The database's own options, bytewise order, no merge operator, no expiry.
    pub fn new() -> FamilyOptions {
        FamilyOptions::default()
    }

    /// The same with this merge operator.
    pub fn with_merge_operator(mut self, name: impl Into<String>) -> FamilyOptions {
        self.merge_operator = name.into();
        self
    }

    /// The same with puts that expire after so many milliseconds.
    pub fn with_ttl_ms(mut self, ttl_ms: u64) -> FamilyOptions {
        self.ttl_ms = ttl_ms;
        self
    }

    /// The same with keys in the order of this comparator.
    pub fn with_comparator(mut self, name: impl Into<String>) -> FamilyOptions {
        self.comparator = name.into();
        self
    }

    /// Sets an option by name.
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        settings::set(FAMILY_SETTINGS, self, name, text)
    }

    /// An option as text, by name.
    pub fn get(&self, name: &str) -> Result<String> {
        settings::get(FAMILY_SETTINGS, self, name)
    }

    /// All of them.
    pub fn settings() -> &'static [Setting<FamilyOptions>] {
        FAMILY_SETTINGS
    }

    /// Refuses values set by field that the table would have refused.
    pub fn validate(&self) -> Result<()> {
        let mut copy = FamilyOptions::default();
        FAMILY_SETTINGS.iter().try_for_each(|setting| copy.set(setting.name, &(setting.get)(self)))
    }

    /// Every option that is not at its default, by name, as text.
    pub fn differing(&self) -> Vec<(&'static str, String)> {
        let default = FamilyOptions::default();
        let texts = FAMILY_SETTINGS.iter().map(|setting| (setting.name, (setting.get)(self), (setting.get)(&default)));
        texts.filter(|(_, own, default)| own != default).map(|(name, own, _)| (name, own)).collect()
    }
}

const DEFAULT: &str = "default";

/// The text of a value that may be the database's.
fn or_default<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| DEFAULT.to_owned(), show)
}

/// A value that may be the database's, from its text.
fn parse_or_default<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text == DEFAULT {
        return Ok(None);
    }
    parse(text).map(Some).map_err(|expected| format!("default, or {expected}"))
}

/// The name of an operator or comparator. Whether anything has that name is for the database to say.
pub(super) fn parse_name(text: &str) -> Result<String, String> {
    if text.len() > 255 || text.chars().any(char::is_control) {
        return Err("a name of at most 255 bytes without control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// A time to live in milliseconds.
pub(super) fn parse_ttl(text: &str) -> Result<u64, String> {
    parse_number(text, 0, MAX_TTL_MS)
}

static FAMILY_SETTINGS: &[Setting<FamilyOptions>] = &[
    Setting {
        name: "compression",
        takes: "default | auto | none | lz4",
        doc: "Compression of the family's tables; default is the database's.",
        expert: false,
        get: |o| or_default(o.compression, show_compression),
        set: |o, text| parse_or_default(text, parse_compression).map(|value| o.compression = value),
    },
    Setting {
        name: "compaction_style",
        takes: "default | leveled | tiered",
        doc: "Which of the family's tables are merged when; default is the database's.",
        expert: false,
        get: |o| or_default(o.compaction_style, show_style),
        set: |o, text| parse_or_default(text, parse_style).map(|value| o.compaction_style = value),
    },
    Setting {
        name: "filter_bits_per_key",
        takes: "default | 0 to 32",
        doc: "Bloom filter bits per key; 0 writes no filters; default is the database's.",
        expert: false,
        get: |o| or_default(o.filter_bits_per_key, |bits| bits.to_string()),
        set: |o, text| {
            o.filter_bits_per_key = parse_or_default(text, |t| parse_number(t, 0, 32).map(|bits| bits as u32))?;
            Ok(())
        },
    },
    Setting {
        name: "block_size",
        takes: "default | size, 64 to 32KiB",
        doc: "Nominal size of a data block, uncompressed; default is the database's.",
        expert: true,
        get: |o| or_default(o.block_size, size),
        set: |o, text| parse_or_default(text, |t| parse_size(t, 64, 32 << 10)).map(|value| o.block_size = value),
    },
    Setting {
        name: "merge_operator",
        takes: "a name, or nothing",
        doc: "What merge() does with operands: add_u64, add_i64, min, max, append, append(SEPARATOR), bit_or, json_merge_patch, or an operator of your own. Fixed when the family is created.",
        expert: false,
        get: |o| o.merge_operator.clone(),
        set: |o, text| parse_name(text).map(|name| o.merge_operator = name),
    },
    Setting {
        name: "ttl_ms",
        takes: "milliseconds, 0 to 3153600000000",
        doc: "Puts expire this long after their commit unless they say otherwise; 0 is never.",
        expert: false,
        get: |o| o.ttl_ms.to_string(),
        set: |o, text| parse_ttl(text).map(|ttl| o.ttl_ms = ttl),
    },
    Setting {
        name: "comparator",
        takes: "a name, or nothing",
        doc: "The key order: nothing for bytewise, or the name of a comparator of your own. Fixed when the family is created.",
        expert: true,
        get: |o| o.comparator.clone(),
        set: |o, text| parse_name(text).map(|name| o.comparator = name),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_the_defaults_is_enough_to_make_them_again() {
        let mut options = FamilyOptions::new().with_merge_operator("append(, )").with_ttl_ms(5000);
        options.compression = Some(Compression::Lz4);
        options.filter_bits_per_key = Some(0);
        assert_eq!(options.differing().len(), 4);
        let mut copy = FamilyOptions::default();
        for (name, text) in options.differing() {
            copy.set(name, &text).unwrap();
        }
        assert_eq!(copy, options);
        assert_eq!(FamilyOptions::default().differing(), []);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut options = FamilyOptions::default();
        for (name, text) in
            [("block_size", "1"), ("filter_bits_per_key", "33"), ("ttl_ms", "-1"), ("comparator", "a\nb")]
        {
            assert!(options.set(name, text).is_err(), "{name} = {text}");
        }
        assert!(options.set("ttl", "1").unwrap_err().message().contains("ttl_ms"));
        options.ttl_ms = u64::MAX;
        assert!(options.validate().is_err());
    }
}
