//! [`Beneath`]: what may hold older data than the tables of a compaction, and so what a tombstone among them may still have to hide.
//! A pure value, made when a compaction is picked.

use std::collections::HashSet;

use crate::env::filename::FileNumber;
use crate::key::order::Order;
use crate::util::sync::Arc;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::key_span::KeySpan;
use crate::version::version::{Version, first_reaching};

/// What of a family may hold older data than a set of tables, and so what a tombstone among them may still have to hide.
#[derive(Clone, Debug)]
pub enum Beneath {
    /// Nothing is known: every tombstone is still needed.
    Unknown,
    /// These tables, of older level-0 tables and of each deeper level.
    Tables {
        /// Tables of level 0, in no particular order.
        l0: Vec<Arc<FileMeta>>,
        /// Tables of sorted levels, level by level.
        levels: Vec<Vec<Arc<FileMeta>>>,
    },
}

impl Beneath {
    /// What lies beneath `inputs` of `level` (and of deeper levels) in their hull `span`.
    ///
    /// A table counts wherever it stands as long as it is not newer for certain: on level 0 only those in front of the newest
    /// input are.
    pub fn of(version: &Version, level: Level, inputs: &HashSet<FileNumber>, span: &KeySpan<'_>) -> Beneath {
        let others = |files: Vec<Arc<FileMeta>>| -> Vec<Arc<FileMeta>> {
            files.into_iter().filter(|file| !inputs.contains(&file.number)).collect()
        };
        let mut l0 = Vec::new();
        if level == Level::ZERO {
            let newest = version.l0().iter().position(|file| inputs.contains(&file.number)).unwrap_or(0);
            let older = version.l0()[newest..].iter();
            l0 = others(older.filter(|file| span.overlaps(version.order(), &KeySpan::of(file))).cloned().collect());
        }
        let deeper = Level::all().skip(level.index() + 1);
        let levels = deeper.map(|level| others(version.overlapping(level, span))).filter(|files| !files.is_empty());
        Beneath::Tables { l0, levels: levels.collect() }
    }

    /// Whether puts that expire may be among it.
    pub fn may_expire(&self) -> bool {
        match self {
            Beneath::Unknown => true,
            Beneath::Tables { l0, levels } => has_expiring(l0) || levels.iter().any(|files| has_expiring(files)),
        }
    }

    /// Whether anything older may exist for a key of `span`.
    pub fn may_hold(&self, order: &Order, span: &KeySpan<'_>) -> bool {
        match self {
            Beneath::Unknown => true,
            Beneath::Tables { l0, levels } => {
                l0.iter().any(|file| span.overlaps(order, &KeySpan::of(file)))
                    || levels.iter().any(|files| overlaps_sorted(order, files, span))
            }
        }
    }
}

fn has_expiring(files: &[Arc<FileMeta>]) -> bool {
    files.iter().any(|file| file.expiring > 0)
}

fn overlaps_sorted(order: &Order, files: &[Arc<FileMeta>], span: &KeySpan<'_>) -> bool {
    let at = span.lower.map_or(0, |lower| first_reaching(order, files, lower));
    files.get(at).is_some_and(|file| !span.ends_before(order, &file.smallest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::file_meta::testing::meta;
    use crate::version::version::Levels;

    const ORDER: Order = Order::Bytewise;

    fn level(n: usize) -> Level {
        Level::new(n).unwrap()
    }

    #[test]
    fn beneath_are_deeper_levels_and_older_tables_of_level_zero() {
        let mut levels = Levels::default();
        let l0 = [meta(9, "a", "z", 90..=99), meta(8, "c", "f", 80..=89), meta(7, "p", "q", 70..=79)];
        levels[0] = l0.into_iter().map(Arc::new).collect();
        levels[1] = vec![Arc::new(meta(3, "a", "c", 5..=9)), Arc::new(meta(4, "x", "y", 5..=9))];
        let open = FileMeta { largest_exclusive: true, range_tombstones: 1, ..meta(5, "g", "k", 1..=4) };
        levels[3] = vec![Arc::new(open)];
        let version = Version::new(ORDER, levels).unwrap();
        let beneath = |n, inputs: &[u64]| {
            let inputs = inputs.iter().map(|n| FileNumber::new(*n)).collect();
            Beneath::of(&version, level(n), &inputs, &KeySpan::ALL)
        };
        let holds = |beneath: &Beneath, key: &str| beneath.may_hold(&ORDER, &KeySpan::at(key.as_bytes()));
        // Table 9 is newer than the input, 7 is older; 3 and 4 are inputs or not as the set says.
        let under = beneath(0, &[8, 3]);
        let expected = [("a", false), ("f", false), ("g", true), ("j", true), ("k", false), ("p", true), ("x", true)];
        for (key, expected) in expected {
            assert_eq!(holds(&under, key), expected, "{key}");
        }
        // Seen from level 1, level 0 is newer throughout.
        assert!(!holds(&beneath(1, &[3, 4]), "p") && holds(&beneath(1, &[3, 4]), "g"));
        assert!(under.may_hold(&ORDER, &KeySpan::between(Some(b"a"), Some(b"h"))));
        assert!(!under.may_hold(&ORDER, &KeySpan::between(Some(b"a"), Some(b"g"))));
        assert!(holds(&Beneath::Unknown, "a"));
    }
}
