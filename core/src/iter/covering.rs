//! [`CoveringTombstones`]: "what is the newest tombstone over this key?", asked of many sources by one reader that walks.
//!
//! Where in the flow: an iterator over the database holds one, with a source for each memtable, table or level that has
//! tombstones at all. A walk asks about neighbouring keys, so the last answer is kept together with the stretch of keys it
//! holds for: with `[c, g)@5` in one source and `[e, z)@9` in another, `d` gets "5, the same within [c, e)", and further keys up
//! to `e` cost two comparisons, however many sources there are.
//!
//! Invariant: an answer for a view never changes, because what is written later has a number above the view. So the memory of
//! it needs no invalidation, not even over a memtable that is being written. Thread rule: one reader; sources are shared.

use std::cmp::Ordering;

use crate::error::Result;
use crate::iter::tombstones::FragmentedTombstones;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::util::sync::Arc;

/// Something that holds range tombstones.
pub trait TombstoneSource: Send + Sync {
    /// The newest tombstone over `user_key` that a view of `view` sees; zero if there is none.
    fn covering(&self, user_key: &[u8], view: SeqNo) -> Result<SeqNo>;

    /// The same, and narrows `stretch`, which holds `user_key`, to where the answer is the same.
    fn covering_stretch(&self, user_key: &[u8], view: SeqNo, stretch: &mut Stretch) -> Result<SeqNo> {
        stretch.narrow_to_one_key();
        self.covering(user_key, view)
    }
}

impl TombstoneSource for FragmentedTombstones {
    fn covering(&self, user_key: &[u8], view: SeqNo) -> Result<SeqNo> {
        Ok(self.covering(user_key, view))
    }

    fn covering_stretch(&self, user_key: &[u8], view: SeqNo, stretch: &mut Stretch) -> Result<SeqNo> {
        let (lower, upper) = self.boundaries_around(user_key);
        stretch.narrow(lower, upper);
        Ok(self.covering(user_key, view))
    }
}

/// A stretch of user keys for which an answer holds. Its buffers are used again and again.
#[derive(Debug, Default)]
pub struct Stretch {
    order: Order,
    lower: Vec<u8>,
    upper: Vec<u8>,
    has_lower: bool,
    has_upper: bool,
    /// Whether it holds for no key but the one that was asked about, so that nothing can be said about the next.
    one_key: bool,
}

impl Stretch {
    /// Cuts it down to `[lower, upper)`, where there is such a bound.
    pub fn narrow(&mut self, lower: Option<&[u8]>, upper: Option<&[u8]>) {
        if let Some(lower) = lower
            && (!self.has_lower || self.order.cmp(lower, &self.lower) == Ordering::Greater)
        {
            self.has_lower = true;
            self.lower.clear();
            self.lower.extend_from_slice(lower);
        }
        if let Some(upper) = upper
            && (!self.has_upper || self.order.cmp(upper, &self.upper) == Ordering::Less)
        {
            self.has_upper = true;
            self.upper.clear();
            self.upper.extend_from_slice(upper);
        }
    }

    /// Cuts it down to the key that was asked about: the source cannot say more.
    pub fn narrow_to_one_key(&mut self) {
        self.one_key = true;
    }

    fn reset(&mut self) {
        (self.has_lower, self.has_upper, self.one_key) = (false, false, false);
    }

    fn holds(&self, user_key: &[u8]) -> bool {
        !self.one_key
            && (!self.has_lower || self.order.cmp(&self.lower, user_key) != Ordering::Greater)
            && (!self.has_upper || self.order.cmp(user_key, &self.upper) == Ordering::Less)
    }
}

/// The tombstones of all sources, for one view and one reader.
pub struct CoveringTombstones {
    view: SeqNo,
    sources: Vec<Arc<dyn TombstoneSource>>,
    /// The last answer and where it holds.
    last: Option<SeqNo>,
    stretch: Stretch,
}

impl CoveringTombstones {
    /// For a reader of `view`. Sources without a tombstone are best left out.
    pub fn new(order: &Order, view: SeqNo, sources: Vec<Arc<dyn TombstoneSource>>) -> CoveringTombstones {
        CoveringTombstones {
            view,
            sources,
            last: None,
            stretch: Stretch { order: order.clone(), ..Stretch::default() },
        }
    }

    /// The newest tombstone over `user_key` in any source; zero if there is none.
    pub fn newest_over(&mut self, user_key: &[u8]) -> Result<SeqNo> {
        if self.sources.is_empty() {
            return Ok(SeqNo::ZERO);
        }
        if let Some(last) = self.last
            && self.stretch.holds(user_key)
        {
            return Ok(last);
        }
        self.last = None;
        self.stretch.reset();
        let mut newest = SeqNo::ZERO;
        for source in &self.sources {
            newest = newest.max(source.covering_stretch(user_key, self.view, &mut self.stretch)?);
        }
        self.last = Some(newest);
        Ok(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iter::tombstones::RangeTombstone;
    use crate::iter::vec_iter::Rng;

    fn seqno(n: u64) -> SeqNo {
        SeqNo::new(n).unwrap()
    }

    /// A source that knows nothing about stretches.
    struct Plain(FragmentedTombstones);

    impl TombstoneSource for Plain {
        fn covering(&self, user_key: &[u8], view: SeqNo) -> Result<SeqNo> {
            Ok(self.0.covering(user_key, view))
        }
    }

    #[test]
    fn walks_and_jumps_get_what_the_sources_say() {
        for seed in 0..100u64 {
            let mut rng = Rng::new(seed);
            let key = |rng: &mut Rng| vec![rng.below(30) as u8];
            let mut sources: Vec<Arc<dyn TombstoneSource>> = Vec::new();
            let mut all = Vec::new();
            for _ in 0..rng.below(4) {
                let some: Vec<_> = (0..rng.below(5))
                    .map(|_| RangeTombstone {
                        start: key(&mut rng),
                        end: key(&mut rng),
                        seqno: seqno(1 + rng.below(20)),
                    })
                    .collect();
                let built = FragmentedTombstones::build(&Order::Bytewise, &some).unwrap();
                let plain = rng.below(4) == 0;
                sources.push(if plain { Arc::new(Plain(built)) } else { Arc::new(built) });
                all.extend(some);
            }
            let view = seqno(rng.below(22));
            let mut covering = CoveringTombstones::new(&Order::Bytewise, view, sources);
            let mut at = 0u8;
            for _ in 0..200 {
                at = match rng.below(10) {
                    0 => rng.below(32) as u8,
                    n if n < 6 => at.saturating_add(1),
                    _ => at.saturating_sub(1),
                };
                let probe = vec![at];
                let covers = |t: &&RangeTombstone| t.start <= probe && probe < t.end && t.seqno <= view;
                let expected = all.iter().filter(covers).map(|t| t.seqno).max().unwrap_or_default();
                assert_eq!(covering.newest_over(&probe).unwrap(), expected, "seed {seed} key {at}");
            }
        }
    }
}
