//! [`CompactionOptions`]: what the compaction layer needs to know of the database's options, and the limits derived from it.
//!
//! Plain data; any thread.

use crate::version::file_meta::Level;

/// Which levels are written compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompressedLevels {
    /// None.
    None,
    /// Those below the base level: what is above is rewritten soon and not worth the work.
    #[default]
    BelowBase,
    /// All.
    All,
}

/// Which tables are merged when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Levels of growing size, each a sorted run that is merged into bit by bit (`picker`).
    #[default]
    Leveled,
    /// Sorted runs that are merged whole when they are of similar size (`tiered`).
    Tiered,
}

/// How the tree of a family is kept in shape.
#[derive(Clone, Debug)]
pub struct CompactionOptions {
    /// Tables on level 0 at which it is compacted.
    pub l0_trigger: usize,
    /// Largest target of the base level, the one that level 0 is merged into.
    pub base_size_bytes: u64,
    /// Each level's target is this many times the one above it.
    pub size_multiplier: u64,
    /// Nominal size of an output table.
    pub target_file_size_bytes: u64,
    /// Which tables are merged when.
    pub style: Style,
    /// Which levels are compressed.
    pub compressed: CompressedLevels,
}

impl CompactionOptions {
    /// Most bytes that a pick takes where it has a choice. A single table and what it overlaps may always be more.
    pub fn max_input_bytes(&self) -> u64 {
        self.target_file_size_bytes.saturating_mul(25).max(self.base_size_bytes)
    }

    /// Most bytes of the level below its own that an output table may overlap: what its next compaction will have to read.
    pub fn max_grandparent_bytes(&self) -> u64 {
        self.target_file_size_bytes.saturating_mul(10)
    }

    /// Whether tables of `level` are compressed in a tree whose base level is `base`.
    pub fn compresses(&self, level: Level, base: Level) -> bool {
        match self.compressed {
            CompressedLevels::None => false,
            CompressedLevels::BelowBase => level > base,
            CompressedLevels::All => true,
        }
    }
}

#[cfg(test)]
impl Default for CompactionOptions {
    /// Small round numbers for tests: tables of 1000 bytes, a base level of 4000.
    fn default() -> CompactionOptions {
        CompactionOptions {
            l0_trigger: 4,
            base_size_bytes: 4000,
            size_multiplier: 10,
            target_file_size_bytes: 1000,
            style: Style::Leveled,
            compressed: CompressedLevels::None,
        }
    }
}
