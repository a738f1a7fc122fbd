//! Size-tiered picks: each level is one sorted run, and runs of similar size are merged whole.
//!
//! Leveled compaction rewrites a part of the next level for every table that moves down; here a run waits until as much has
//! come behind it. Writes cost less (each entry is rewritten about once per doubling of the data), reads and space cost more: a
//! key may be in every run, and an overwritten value stays until the runs that hold it meet.
//!
//! ```text
//! level 0  a b c d          due: merged into one run, in the deepest free place in front of the first run
//! level 4  120 MiB          two runs of which the newer has half the size of the older are merged
//! level 5  200 MiB
//! level 6  1.5 GiB
//! ```
//! When no place is free in front of the first run, the two neighbours that are cheapest to merge make room.
//!
//! Invariant, as everywhere: what is in front of or above is newer, because a run moves only into the next one that exists, or
//! into an empty level in front of it. Pure: reads its arguments, changes nothing.

use crate::compaction::picker::Picker;
use crate::compaction::plan::Compaction;
use crate::compaction::score::{Loads, Targets};
use crate::version::file_meta::Level;

/// A newer run is merged into the next older one when that is at most so many times its size.
const SIMILAR: u64 = 2;

impl Picker<'_> {
    /// The merge that should start now, if any.
    pub(super) fn pick_tiered(&self, targets: &Targets) -> Option<Compaction> {
        let loads = self.loads();
        let runs: Vec<Level> = Level::all().skip(1).filter(|level| loads[level.index()].bytes > 0).collect();
        let similar = |pair: &&[Level]| {
            let (newer, older) = (loads[pair[0].index()].bytes, loads[pair[1].index()].bytes);
            newer.saturating_mul(SIMILAR) >= older
        };
        let merge = |pair: &[Level]| self.plan(pair[0], pair[1], self.version.level(pair[0]).to_vec(), targets);
        if let Some(compaction) = runs.windows(2).filter(similar).find_map(merge) {
            return Some(compaction);
        }
        let l0 = self.version.l0();
        if loads[0].idle_tables < self.options.l0_trigger {
            return None;
        }
        match self.place_for_l0(&loads, &runs) {
            Some(place) => self.plan(Level::ZERO, place, l0.to_vec(), targets),
            None => self.make_place(&loads, &runs, targets),
        }
    }

    /// Where the tables of level 0 go: into the first run if they are of its size, else in front of it.
    fn place_for_l0(&self, loads: &Loads, runs: &[Level]) -> Option<Level> {
        let Some(first) = runs.first().copied() else { return Some(Level::LAST) };
        if loads[0].bytes.saturating_mul(SIMILAR) >= loads[first.index()].bytes {
            return Some(first);
        }
        Level::new(first.index() - 1).filter(|place| *place != Level::ZERO)
    }

    /// The cheapest merge of two neighbouring runs; with one run alone, its move to the end.
    fn make_place(&self, loads: &Loads, runs: &[Level], targets: &Targets) -> Option<Compaction> {
        let bytes = |level: &Level| loads[level.index()].bytes;
        let mut pairs: Vec<_> = runs.windows(2).collect();
        pairs.sort_by_key(|pair| pair.iter().map(bytes).fold(0, u64::saturating_add));
        let merge = |pair: &[Level]| self.plan(pair[0], pair[1], self.version.level(pair[0]).to_vec(), targets);
        match (pairs.is_empty(), runs.first().copied()) {
            (true, Some(only)) => self.plan(only, Level::LAST, self.version.level(only).to_vec(), targets),
            _ => pairs.into_iter().find_map(merge),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compaction::options::{CompactionOptions, CompressedLevels, Style};
    use crate::compaction::plan::Claims;
    use crate::key::family::FamilyId;
    use crate::key::order::Order;
    use crate::key::sequence::SeqNo;
    use crate::util::sync::Arc;
    use crate::version::file_meta::FileMeta;
    use crate::version::file_meta::testing::meta;
    use crate::version::version::{Levels, Version};

    /// A version with so many tables of one byte on level 0, and runs of these sizes on the others.
    fn version(l0: u64, runs: &[(usize, u64)]) -> Version {
        let mut levels = Levels::default();
        let sized = |number, bytes| Arc::new(FileMeta { file_size: bytes, ..meta(number, "a", "z", number..=number) });
        levels[0] = (0..l0).rev().map(|n| sized(100 + n, 1)).collect();
        for (level, bytes) in runs {
            levels[*level] = vec![sized(10 - *level as u64, *bytes)];
        }
        Version::new(Order::Bytewise, levels).unwrap()
    }

    /// From which level into which, for a trigger of four tables.
    fn pick(version: &Version) -> Option<(usize, usize)> {
        let options = CompactionOptions {
            l0_trigger: 4,
            base_size_bytes: 1 << 20,
            size_multiplier: 10,
            target_file_size_bytes: 1 << 20,
            compressed: CompressedLevels::None,
            style: Style::Tiered,
        };
        let (claims, oldest_view) = (Claims::default(), SeqNo::MAX);
        let picker = Picker {
            family: FamilyId::DEFAULT,
            version,
            options: &options,
            claims: &claims,
            oldest_view,
            oldest_time_ms: 0,
            earliest_operand_ms: u64::MAX,
        };
        picker.pick().map(|c| (c.level.index(), c.output_level.index()))
    }

    #[test]
    fn level_0_becomes_a_run_in_front_of_the_others() {
        assert_eq!(pick(&version(3, &[])), None);
        assert_eq!(pick(&version(4, &[])), Some((0, 6)));
        assert_eq!(pick(&version(4, &[(6, 100)])), Some((0, 5)));
        assert_eq!(pick(&version(4, &[(6, 8)])), Some((0, 6)), "of about its size: merged");
        assert_eq!(pick(&version(4, &[(4, 30), (6, 1000)])), Some((0, 3)));
    }

    #[test]
    fn runs_of_similar_size_are_merged_first() {
        assert_eq!(pick(&version(4, &[(4, 30), (5, 60), (6, 1000)])), Some((4, 5)));
        assert_eq!(pick(&version(0, &[(3, 501), (6, 1000)])), Some((3, 6)), "over empty levels");
        assert_eq!(pick(&version(0, &[(3, 499), (6, 1000)])), None);
    }

    #[test]
    fn place_is_made_where_there_is_none() {
        let full = version(4, &[(1, 20), (2, 60), (3, 190), (4, 600), (5, 1900), (6, 6000)]);
        assert_eq!(pick(&full), Some((1, 2)));
        assert_eq!(pick(&version(4, &[(1, 100)])), Some((1, 6)));
    }
}
