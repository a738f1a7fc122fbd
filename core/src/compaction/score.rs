//! Which levels are due for compaction, and how big each level should be. The first step of every pick; pure arithmetic over
//! sizes.
//!
//! **Level sizes are dynamic**: they follow from the largest level's *actual* size, divided by the multiplier level by level
//! upwards until a target is at most `base_size_bytes`. That level is the *base*; level 0 merges into it, and the levels between
//! are empty. With a base size of 128 MiB, a multiplier of 10 and 20 GiB of data, the levels are
//!
//! ```text
//! L6 20 GiB   L5 2 GiB   L4 205 MiB, over 128, so not yet the base   L3 up to 128 MiB, the base   L1, L2 empty
//! ```
//! Hence about nine tenths of the data is on the last level whatever its amount, and space taken by overwritten values stays
//! near a tenth of the live data. Fixed targets give that only when the last level happens to be full.
//!
//! Invariant: no level above the base has tables, except level 0. The base is never below the first level that has any, so
//! what leaves level 0 passes no older data on its way.

use crate::compaction::options::CompactionOptions;
use crate::version::file_meta::Level;

/// What stands on one level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelLoad {
    /// Bytes of all its tables.
    pub bytes: u64,
    /// Bytes of those that no running compaction has taken.
    pub idle_bytes: u64,
    /// Number of those that no running compaction has taken.
    pub idle_tables: usize,
}

/// The load of every level.
pub type Loads = [LevelLoad; Level::COUNT];

/// The base level and the size each level may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    /// The level that level 0 merges into.
    pub base: Level,
    /// Bytes each level may hold; without a limit above the base and on the last level.
    pub bytes: [u64; Level::COUNT],
}

impl Targets {
    /// The targets of a tree with these loads.
    pub fn of(loads: &Loads, options: &CompactionOptions) -> Targets {
        let below_l0 = || Level::all().skip(1);
        let first = below_l0().find(|level| loads[level.index()].bytes > 0).unwrap_or(Level::LAST);
        let largest = below_l0().map(|level| loads[level.index()].bytes).max().unwrap_or(0);
        let multiplier = options.size_multiplier.max(2);
        let mut base = first.index();
        let mut size = (base..Level::LAST.index()).fold(largest, |size, _| size / multiplier);
        while base > 1 && size > options.base_size_bytes {
            base -= 1;
            size /= multiplier;
        }
        // A tree that has shrunk would give its first level a target so small that every merge into it spills over at once.
        let mut target = size.clamp(options.base_size_bytes / multiplier, options.base_size_bytes);
        let mut bytes = [u64::MAX; Level::COUNT];
        for level in &mut bytes[base..Level::LAST.index()] {
            *level = target.max(options.base_size_bytes).max(1);
            target = target.saturating_mul(multiplier);
        }
        Targets { base: Level::new(base).unwrap_or(Level::LAST), bytes }
    }

    /// The levels that are due, the most urgent first. A score of 1 is just due, 2 twice over. The last level never is.
    pub fn due(&self, loads: &Loads, options: &CompactionOptions) -> Vec<(Level, f64)> {
        let score = |level: Level| {
            let load = &loads[level.index()];
            if level == Level::ZERO {
                // Bytes count too: a few large tables make reads no slower than a few small ones, but the merge costlier.
                let by_count = load.idle_tables as f64 / options.l0_trigger.max(1) as f64;
                let by_size = load.idle_bytes as f64 / options.base_size_bytes.max(1) as f64;
                if load.idle_tables > 1 { by_count.max(by_size) } else { by_count }
            } else {
                load.idle_bytes as f64 / self.bytes[level.index()] as f64
            }
        };
        let levels = Level::all().filter(|level| *level != Level::LAST).map(|level| (level, score(level)));
        let mut due: Vec<_> = levels.filter(|(_, score)| *score >= 1.0).collect();
        due.sort_by(|a, b| b.1.total_cmp(&a.1));
        due
    }

    /// About how many bytes compactions must still write to bring the tree into shape: what write pacing goes by.
    ///
    /// What a level has above its target moves down and is merged with its share of the next level: 300 bytes too many on a
    /// level of 1000 above one of 10 000 cost 300 + 3000.
    pub fn debt_bytes(&self, loads: &Loads, options: &CompactionOptions) -> u64 {
        let l0 = &loads[0];
        let mut moving = if l0.idle_tables >= options.l0_trigger { l0.bytes } else { 0 };
        let mut debt = if moving > 0 { moving.saturating_add(loads[self.base.index()].bytes) } else { 0 };
        for level in self.base.index()..Level::LAST.index() {
            let size = loads[level].bytes.saturating_add(moving);
            moving = size.saturating_sub(self.bytes[level]);
            if moving > 0 {
                let merged = u128::from(moving) * u128::from(loads[level + 1].bytes) / u128::from(size);
                debt = debt.saturating_add(moving).saturating_add(merged as u64);
            }
        }
        debt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(bytes: [u64; Level::COUNT]) -> Loads {
        bytes.map(|bytes| LevelLoad { bytes, idle_bytes: bytes, idle_tables: bytes.div_ceil(1000) as usize })
    }

    fn options() -> CompactionOptions {
        CompactionOptions::default()
    }

    fn targets(bytes: [u64; Level::COUNT]) -> Targets {
        Targets::of(&loads(bytes), &options())
    }

    fn due(bytes: [u64; Level::COUNT]) -> Vec<usize> {
        targets(bytes).due(&loads(bytes), &options()).iter().map(|(level, _)| level.index()).collect()
    }

    #[test]
    fn an_empty_tree_starts_at_the_last_level() {
        assert_eq!(targets([0; 7]).base, Level::LAST);
        assert_eq!(targets([9000, 0, 0, 0, 0, 0, 0]).base, Level::LAST);
        assert_eq!(targets([0, 0, 0, 0, 0, 0, 4000]).base, Level::LAST);
    }

    #[test]
    fn the_base_climbs_as_data_grows() {
        // Base size 4000, multiplier 10: over 4000 on L6 calls for L5, over 40 000 for L4, and so on up to L1.
        let cases = [(4001, 5), (40_000, 5), (40_010, 4), (400_100, 3), (4_001_000, 2), (40_010_000, 1), (u64::MAX, 1)];
        for (bytes, base) in cases {
            assert_eq!(targets([0, 0, 0, 0, 0, 0, bytes]).base.index(), base, "{bytes}");
        }
        let grown = targets([0, 0, 0, 0, 0, 0, 100_000]);
        assert_eq!(grown.base.index(), 4);
        // 100 000 / 10 = 10 000 on L5; L4 may hold 4000 rather than the 1000 that dividing gives.
        assert_eq!(grown.bytes[4..], [4000, 10_000, u64::MAX]);
    }

    #[test]
    fn the_base_is_never_below_a_level_with_tables() {
        for first in 1..7 {
            for largest in [1, 5000, 50_000, 5_000_000] {
                let mut bytes = [0; 7];
                bytes[6] = largest;
                bytes[first] = bytes[first].max(1);
                assert!(targets(bytes).base.index() <= first, "{bytes:?}");
            }
        }
    }

    #[test]
    fn level_zero_is_due_by_count_and_by_size() {
        assert!(due([3000, 0, 0, 0, 0, 0, 0]).is_empty());
        assert_eq!(due([4000, 0, 0, 0, 0, 0, 0]), [0]);
        let large = |tables| LevelLoad { bytes: 9000, idle_bytes: 9000, idle_tables: tables };
        let mut two = Loads::default();
        two[0] = large(2);
        assert_eq!(targets([0; 7]).due(&two, &options()).len(), 1);
        // One large table alone may wait for more: merging it at once gains no read anything.
        two[0] = large(1);
        assert_eq!(targets([0; 7]).due(&two, &options()).len(), 0);
    }

    #[test]
    fn levels_over_target_are_due_the_worst_first_and_the_last_never() {
        assert_eq!(due([0, 0, 0, 0, 4000, 30_000, 100_000]), [5, 4]);
        assert_eq!(due([8000, 0, 0, 0, 3999, 9_999, 100_000]), [0]);
        assert!(due([0, 0, 0, 0, 0, 0, u64::MAX]).is_empty());
    }

    #[test]
    fn what_running_compactions_have_taken_is_not_due_again() {
        let mut busy = loads([0, 0, 0, 0, 0, 30_000, 100_000]);
        assert_eq!(Targets::of(&busy, &options()).due(&busy, &options()).len(), 1);
        busy[5].idle_bytes = 9_000;
        assert_eq!(Targets::of(&busy, &options()).due(&busy, &options()).len(), 0);
    }

    #[test]
    fn debt_is_what_is_left_to_write() {
        let debt = |bytes| targets(bytes).debt_bytes(&loads(bytes), &options());
        assert_eq!(debt([3000, 0, 0, 0, 0, 0, 0]), 0);
        assert_eq!(debt([4000, 0, 0, 0, 0, 0, 0]), 4000);
        assert_eq!(debt([0, 0, 0, 0, 0, 20_000, 100_000]), 10_000 + 50_000);
        assert!(debt([u64::MAX; 7]) > 0);
    }
}
