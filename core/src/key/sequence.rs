//! [`SeqNo`]: the place of a write in the commit order. Every write of a batch has its own; a read view is one of them.

use std::fmt;

/// A sequence number: 56 bits, so that it shares a word with the kind of its entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeqNo(u64);

impl SeqNo {
    /// Below every write. Also what compaction gives an entry that nothing older can hide.
    pub const ZERO: SeqNo = SeqNo(0);
    /// Above every write: a view of it sees everything.
    pub const MAX: SeqNo = SeqNo((1 << 56) - 1);
    /// No commit gets this number or one above it: they are for the writes of a transaction that has not committed, which only
    /// its own reads meet. As many as a batch can have entries.
    pub const FIRST_OWN: SeqNo = SeqNo((1 << 56) - (1 << 32));

    /// The number `n`, if it fits.
    pub fn new(n: u64) -> Option<SeqNo> {
        (n <= SeqNo::MAX.0).then_some(SeqNo(n))
    }

    /// The number itself.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number `n` later, if there is one. 2^56 writes are 2 000 years at a million a second.
    pub fn checked_add(self, n: u64) -> Option<SeqNo> {
        SeqNo::new(self.0.checked_add(n)?)
    }

    /// Whether it is that of a write which is not committed yet.
    pub fn is_own(self) -> bool {
        self >= SeqNo::FIRST_OWN
    }

    /// The number before this one; zero has none below.
    pub fn saturating_prev(self) -> SeqNo {
        SeqNo(self.0.saturating_sub(1))
    }
}

impl fmt::Display for SeqNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
