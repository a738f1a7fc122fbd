//! [`ReadOptions`]: choices for one read or one iterator.

use crate::db::snapshot::Snapshot;
use crate::error::Result;
use crate::options::Setting;
use crate::options::settings;
use crate::options::value::parse_bool;

/// Choices for one read or one iterator.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Read as of this snapshot; `None` reads the latest commits.
    pub snapshot: Option<Snapshot>,
    /// Iterators see keys from this one on.
    pub lower_bound: Option<Vec<u8>>,
    /// Iterators see keys before this one.
    pub upper_bound: Option<Vec<u8>>,
    /// Iterators see exactly the keys that start with this, within the bounds.
    pub prefix: Option<Vec<u8>>,
    /// Whether blocks that are read stay in the cache. Turn it off for a scan of everything.
    pub fill_cache: bool,
}

impl Default for ReadOptions {
    fn default() -> ReadOptions {
        ReadOptions { snapshot: None, lower_bound: None, upper_bound: None, prefix: None, fill_cache: true }
    }
}

impl ReadOptions {
    /// The latest commits, all keys.
    pub fn new() -> ReadOptions {
        ReadOptions::default()
    }

    /// The same as of `snapshot`.
    pub fn with_snapshot(mut self, snapshot: &Snapshot) -> ReadOptions {
        self.snapshot = Some(snapshot.clone());
        self
    }

    /// The same for exactly the keys that start with `prefix`.
    pub fn with_prefix(mut self, prefix: impl Into<Vec<u8>>) -> ReadOptions {
        self.prefix = Some(prefix.into());
        self
    }

    /// The same for keys from `key` on.
    pub fn with_lower_bound(mut self, key: impl Into<Vec<u8>>) -> ReadOptions {
        self.lower_bound = Some(key.into());
        self
    }

    /// The same for keys before `key`.
    pub fn with_upper_bound(mut self, key: impl Into<Vec<u8>>) -> ReadOptions {
        self.upper_bound = Some(key.into());
        self
    }

    /// Sets an option by name.
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        settings::set(READ_SETTINGS, self, name, text)
    }

    /// An option as text, by name.
    pub fn get(&self, name: &str) -> Result<String> {
        settings::get(READ_SETTINGS, self, name)
    }

    /// All that can be set by name; bounds and snapshot are bytes and handles and have calls of their own.
    pub fn settings() -> &'static [Setting<ReadOptions>] {
        READ_SETTINGS
    }
}

static READ_SETTINGS: &[Setting<ReadOptions>] = &[Setting {
    name: "fill_cache",
    takes: "true | false",
    doc: "Whether blocks that are read stay in the cache; turn it off for a scan of everything.",
    expert: false,
    get: |o| o.fill_cache.to_string(),
    set: |o, text| {
        o.fill_cache = parse_bool(text)?;
        Ok(())
    },
}];
