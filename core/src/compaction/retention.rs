//! [`Retention`]: which entries and range tombstones a flush or compaction writes again, and which may go. Pure.
//!
//! Where in the flow: `job` and `flush` show it the merged entries of each user key, newest first; the rules of visibility
//! themselves are those of [`Readers`], the same that answer reads.
//!
//! The live views cut time into stripes. With snapshots at 5 and 8 and everything up to 20 published, the stripes are `..=5`,
//! `6..=8` and `9..=20`, and a reader sees either all of a stripe or nothing of it, so that of each stripe only the newest entry
//! of a key matters:
//!
//! ```text
//! k: put@19 put@12 delete@7 put@6 put@3     written again: put@19, delete@7, put@3
//! ```
//! - **A delete goes** when it is in the oldest stripe and nothing older can exist beneath for its key. `delete@7` above must
//!   stay while the snapshot at 5 keeps `put@3`, and would have to stay without it if a deeper level might hold the key.
//! - **A range tombstone** goes by the same test, over the whole of each fragment; of the tombstones of a fragment that lie in
//!   one stripe the newest stands for all. What it covers in its own stripe goes, be it never written itself.
//! - **An expired put** whose expiry is not after the time of the oldest view reads as absent for everybody: it becomes a
//!   delete, and goes where a delete may; but not while merge operands may lie above that were committed before it expired.
//! - **A merge operand** stays while any view sees it, and what is beneath it in its stripe stays for it to apply to. What the
//!   operands of a stripe come to is for [`Collapse`](crate::compaction::collapse::Collapse) to say.
//! - **What is not published yet stays**, all of it: a snapshot may still be taken between any two of its entries.
//! - Sequence numbers are never set to zero. It would make keys in the last level compress better and needs a test of its own
//!   against older tombstones that stay for another key's sake; nothing here has measured the gain.
//!
//! Example of the last trap: `[a, z)@4` stays because a deeper level overlaps it at `b`. Nothing is beneath `p`, so `put(p)@9`
//! could be renumbered to 0 by a test of its own key alone, and would vanish under the tombstone.

use std::cmp::Ordering;

use crate::compaction::beneath::Beneath;
use crate::error::{Error, ErrorKind, Result};
use crate::iter::resolve::{Need, Readers, expiry_ms};
use crate::iter::tombstones::{Fragment, FragmentedTombstones, RangeTombstone};
use crate::key::internal::ParsedKey;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::util::planted::planted;
use crate::version::file_meta::FileMeta;
use crate::version::key_span::KeySpan;

/// Who may read, now or later, while a flush or compaction runs.
#[derive(Clone, Debug)]
pub struct LiveViews {
    /// The snapshots and the last published number, ascending, each once. Never empty.
    seqnos: Vec<SeqNo>,
    oldest_time_ms: u64,
    /// When the earliest merge operand was committed that is elsewhere than in the inputs.
    earliest_operand_ms: u64,
}

impl LiveViews {
    /// The views of `snapshots`, in any order, and of everything up to `published`, which is what the next snapshot will see
    /// at least. `oldest_time_ms` is the time of the oldest live view.
    pub fn new(mut snapshots: Vec<SeqNo>, published: SeqNo, oldest_time_ms: u64) -> LiveViews {
        snapshots.push(published);
        snapshots.sort_unstable();
        snapshots.dedup();
        LiveViews { seqnos: snapshots, oldest_time_ms, earliest_operand_ms: u64::MAX }
    }

    /// The same where merge operands that may apply to the inputs are elsewhere, the earliest of them committed at
    /// `earliest_operand_ms`. One committed while a value had not expired is gone with it, and would be a value by itself if
    /// the expired one were forgotten.
    pub fn with_operands_from(self, earliest_operand_ms: u64) -> LiveViews {
        LiveViews { earliest_operand_ms, ..self }
    }

    /// Whether what expires at `at_ms` has for every reader, and nothing rests upon it.
    pub fn forget_expiry(&self, at_ms: u64) -> bool {
        at_ms <= self.oldest_time_ms && at_ms <= self.earliest_operand_ms
    }

    /// When the earliest operand elsewhere was committed; `u64::MAX` if there is none.
    pub fn earliest_operand_ms(&self) -> u64 {
        self.earliest_operand_ms
    }

    /// The time of the oldest view.
    pub fn oldest_time_ms(&self) -> u64 {
        self.oldest_time_ms
    }

    /// What the oldest view sees.
    pub fn oldest(&self) -> SeqNo {
        self.seqnos.first().copied().unwrap_or_default()
    }

    /// The highest number that any view of today sees. Later ones see at least that.
    pub(super) fn newest(&self) -> SeqNo {
        self.seqnos.last().copied().unwrap_or_default()
    }

    /// All of them, ascending.
    pub(super) fn seqnos(&self) -> &[SeqNo] {
        &self.seqnos
    }

    /// Which stripe `seqno` lies in, counted from the oldest; `None` for what is not published.
    fn stripe(&self, seqno: SeqNo) -> Option<usize> {
        let stripe = self.seqnos.partition_point(|view| *view < seqno);
        (stripe < self.seqnos.len()).then_some(stripe)
    }
}

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is written as it is.
    Keep,
    /// It is written as a delete of its key and number.
    Bury,
    /// It is not written.
    Drop,
}

/// Decides entry by entry. One per flush or compaction.
#[derive(Debug)]
pub struct Retention<'a> {
    order: &'a Order,
    views: &'a LiveViews,
    beneath: &'a Beneath,
    /// Those of all inputs. What they cover goes even where they go themselves.
    tombstones: FragmentedTombstones,
    readers: Readers<'a>,
    /// Numbers of the tombstones over the current key, newest first.
    covering: Vec<SeqNo>,
    /// Whether an operand of the current key stays.
    has_operands: bool,
    expired: u64,
}

impl<'a> Retention<'a> {
    /// For inputs that hold `tombstones` and have `beneath` them what else may be older.
    pub fn new(
        order: &'a Order,
        views: &'a LiveViews,
        beneath: &'a Beneath,
        tombstones: &[RangeTombstone],
    ) -> Result<Retention<'a>> {
        let published = tombstones.iter().all(|tombstone| tombstone.seqno <= views.newest());
        let tombstones = if published {
            FragmentedTombstones::build_for_views(order, tombstones, &views.seqnos)?
        } else {
            FragmentedTombstones::build(order, tombstones)?
        };
        let readers = Readers::new(&views.seqnos, views.oldest_time_ms);
        Ok(Retention {
            order,
            views,
            beneath,
            tombstones,
            readers,
            covering: Vec::new(),
            has_operands: false,
            expired: 0,
        })
    }

    /// The entries from here on are those of `user_key`.
    pub fn start_key(&mut self, user_key: &[u8]) {
        self.readers.start_key();
        self.has_operands = false;
        self.covering.clear();
        if let Some(fragment) = self.tombstones.fragment_at(user_key) {
            self.covering.extend_from_slice(fragment.seqnos);
        }
    }

    /// What becomes of the next entry of the key, newest first.
    pub fn fate(&mut self, key: &ParsedKey<'_>, value: &[u8]) -> Result<Fate> {
        if key.kind == Kind::RangeDelete {
            return Err(Error::new(ErrorKind::Corruption, "a range tombstone among the entries of a key"));
        }
        if self.views.stripe(key.seqno).is_none() {
            return Ok(Fate::Keep);
        }
        match self.readers.need(key.user_key, (key.seqno, key.kind, value), &self.covering)? {
            Need::Value => {
                self.has_operands |= key.kind == Kind::Merge;
                Ok(Fate::Keep)
            }
            Need::Nothing => Ok(Fate::Drop),
            Need::Tombstone if key.kind == Kind::PutExpiring => self.fate_of_expired(key, value),
            Need::Tombstone if self.hides_nothing(key.seqno, &KeySpan::at(key.user_key)) => Ok(Fate::Drop),
            Need::Tombstone => Ok(Fate::Keep),
        }
    }

    /// Of an expired put. It stays while operands may rest upon it: they are gone with it, and would come back without it.
    fn fate_of_expired(&mut self, key: &ParsedKey<'_>, value: &[u8]) -> Result<Fate> {
        if self.has_operands || !self.views.forget_expiry(expiry_ms(key.user_key, value)?) {
            return Ok(Fate::Keep);
        }
        self.expired += 1;
        let hides_nothing = self.hides_nothing(key.seqno, &KeySpan::at(key.user_key));
        Ok(if hides_nothing { Fate::Drop } else { Fate::Bury })
    }

    /// How many expired puts did not stay.
    pub fn expired(&self) -> u64 {
        self.expired
    }

    /// Whether both numbers are published and no live view lies between them: who sees one sees the other.
    pub fn one_stripe(&self, a: SeqNo, b: SeqNo) -> bool {
        let (a, b) = (self.views.stripe(a), self.views.stripe(b));
        a.is_some() && b.is_some() && (a == b || planted("merge-across-snapshot"))
    }

    /// Whether a range tombstone over the key lies between the numbers, so that whoever sees `newer` does not see `older`.
    pub fn covers_between(&self, older: SeqNo, newer: SeqNo) -> bool {
        self.covering.iter().any(|tombstone| older < *tombstone && *tombstone < newer)
    }

    /// Whether anything older than the inputs may exist of `user_key`.
    pub fn beneath_may_hold(&self, user_key: &[u8]) -> bool {
        self.beneath.may_hold(self.order, &KeySpan::at(user_key))
    }

    /// Whether a delete of `user_key` at this number has nothing left to hide.
    pub fn hides_nothing_at(&self, seqno: SeqNo, user_key: &[u8]) -> bool {
        self.hides_nothing(seqno, &KeySpan::at(user_key))
    }

    /// The live views.
    pub fn views(&self) -> &LiveViews {
        self.views
    }

    /// The range tombstones that are written again, over all outputs.
    pub fn surviving_tombstones(&self) -> Result<FragmentedTombstones> {
        let mut surviving = FragmentedTombstones::empty(self.order);
        let mut numbers = Vec::new();
        for fragment in self.tombstones.iter() {
            numbers.clear();
            let span = KeySpan::between(Some(fragment.start), Some(fragment.end));
            let mut last_stripe = None;
            for seqno in fragment.seqnos.iter().copied() {
                let stripe = self.views.stripe(seqno);
                let stands_for_itself = stripe.is_none() || stripe != last_stripe;
                last_stripe = stripe;
                if stands_for_itself && !self.hides_nothing(seqno, &span) {
                    numbers.push(seqno);
                }
            }
            if !numbers.is_empty() {
                surviving.push(fragment.start, fragment.end, &numbers)?;
            }
        }
        Ok(surviving)
    }

    /// Whether no view sees anything of `file` under the range tombstones: it need not be read, it is simply not written again.
    ///
    /// Example: a table `b ..= f` with numbers 3 to 9, `[a, g)@12`, no snapshot from 3 to 11.
    pub fn hides_table(&self, file: &FileMeta) -> bool {
        let views = &self.views.seqnos;
        if file.largest_seqno > self.views.newest() {
            return false;
        }
        // The oldest view that sees any of it; what hides it from that one hides it from all later ones.
        let Some(view) = views.get(views.partition_point(|view| *view < file.smallest_seqno)).copied() else {
            return false;
        };
        let hides = |fragment: &Fragment<'_>| fragment.newest_at(view) > file.largest_seqno;
        let mut at = &file.smallest[..];
        while let Some(fragment) = self.tombstones.fragment_at(at).filter(hides) {
            let beyond = match self.order.cmp(fragment.end, &file.largest) {
                Ordering::Less => false,
                Ordering::Equal => file.largest_exclusive,
                Ordering::Greater => true,
            };
            if beyond {
                return true;
            }
            at = fragment.end;
        }
        false
    }

    /// Whether a tombstone of this number over `span` has nothing left to hide: every view sees it, so nothing older that was
    /// merged with it is written again, and nothing older is anywhere else.
    fn hides_nothing(&self, seqno: SeqNo, span: &KeySpan<'_>) -> bool {
        let seen_by_all = seqno <= self.views.oldest() || planted("drop-tombstones-above-snapshots");
        seen_by_all && !self.beneath.may_hold(self.order, span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::sync::Arc;
    use crate::version::file_meta::testing::meta;

    const ORDER: Order = Order::Bytewise;
    const NOW: u64 = 1000;
    /// Published in all of these tests.
    const PUBLISHED: u64 = 100;

    fn seqno(n: u64) -> SeqNo {
        SeqNo::new(n).unwrap()
    }

    fn views(snapshots: &[u64]) -> LiveViews {
        LiveViews::new(snapshots.iter().copied().map(seqno).collect(), seqno(PUBLISHED), NOW)
    }

    fn nothing_beneath() -> Beneath {
        Beneath::Tables { l0: vec![], levels: vec![] }
    }

    fn beneath(files: Vec<FileMeta>) -> Beneath {
        Beneath::Tables { l0: vec![], levels: vec![files.into_iter().map(Arc::new).collect()] }
    }

    fn tombstone(start: &str, end: &str, n: u64) -> RangeTombstone {
        RangeTombstone { start: start.into(), end: end.into(), seqno: seqno(n) }
    }

    const PUT: Kind = Kind::Put;
    const DELETE: Kind = Kind::Delete;
    const MERGE: Kind = Kind::Merge;

    /// What is written again of the entries of `key`; a buried one shows as a delete.
    fn kept(
        snapshots: &[u64],
        beneath: &Beneath,
        tombstones: &[RangeTombstone],
        key: &str,
        entries: &[(Kind, u64)],
    ) -> Vec<(Kind, u64)> {
        let views = views(snapshots);
        let mut retention = Retention::new(&ORDER, &views, beneath, tombstones).unwrap();
        retention.start_key(key.as_bytes());
        let mut kept = Vec::new();
        for (kind, n) in entries.iter().copied() {
            let parsed = ParsedKey { user_key: key.as_bytes(), seqno: seqno(n), kind };
            match retention.fate(&parsed, b"value").unwrap() {
                Fate::Keep => kept.push((kind, n)),
                Fate::Bury => kept.push((DELETE, n)),
                Fate::Drop => {}
            }
        }
        kept
    }

    fn surviving(
        snapshots: &[u64],
        beneath: &Beneath,
        tombstones: &[RangeTombstone],
    ) -> Vec<(String, String, Vec<u64>)> {
        let views = views(snapshots);
        let surviving = Retention::new(&ORDER, &views, beneath, tombstones).unwrap().surviving_tombstones().unwrap();
        let text = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
        surviving.iter().map(|f| (text(f.start), text(f.end), f.seqnos.iter().map(|s| s.get()).collect())).collect()
    }

    fn stays(start: &str, end: &str, numbers: &[u64]) -> (String, String, Vec<u64>) {
        (start.to_owned(), end.to_owned(), numbers.to_vec())
    }

    #[test]
    fn one_entry_of_each_stripe_is_kept() {
        let entries = [(PUT, 19), (PUT, 12), (DELETE, 7), (PUT, 6), (PUT, 3)];
        assert_eq!(kept(&[5, 8], &nothing_beneath(), &[], "k", &entries), [(PUT, 19), (DELETE, 7), (PUT, 3)]);
        assert_eq!(kept(&[], &nothing_beneath(), &[], "k", &entries), [(PUT, 19)]);
        assert_eq!(kept(&[3, 6, 7, 12], &Beneath::Unknown, &[], "k", &entries), entries);
    }

    #[test]
    fn a_version_that_a_snapshot_sees_stays_on_the_last_level_too() {
        let entries = [(DELETE, 9), (PUT, 3)];
        assert_eq!(kept(&[3], &nothing_beneath(), &[], "k", &entries), entries);
        assert_eq!(kept(&[2], &nothing_beneath(), &[], "k", &entries), [(DELETE, 9)]);
        assert_eq!(kept(&[9], &nothing_beneath(), &[], "k", &entries), []);
        // A snapshot of the empty database sees nothing, and is still older than the delete.
        assert_eq!(kept(&[0], &nothing_beneath(), &[], "k", &entries), [(DELETE, 9)]);
    }

    #[test]
    fn a_delete_stays_while_anything_beneath_may_hold_its_key() {
        let deeper = beneath(vec![meta(1, "c", "f", 1..=2), meta(2, "m", "p", 1..=2)]);
        let of = |key| kept(&[], &deeper, &[], key, &[(DELETE, 9)]);
        assert_eq!(of("d"), [(DELETE, 9)]);
        assert_eq!(of("g"), []);
        assert_eq!(kept(&[], &Beneath::Unknown, &[], "g", &[(DELETE, 9)]), [(DELETE, 9)]);
    }

    #[test]
    fn what_a_range_tombstone_covers_in_its_stripe_goes() {
        let range = [tombstone("a", "m", 8)];
        let entries = [(PUT, 9), (PUT, 7), (PUT, 4)];
        assert_eq!(kept(&[], &Beneath::Unknown, &range, "k", &entries), [(PUT, 9)]);
        assert_eq!(kept(&[8], &Beneath::Unknown, &range, "k", &entries), [(PUT, 9)]);
        // The view of 5 does not see the tombstone, and reads the put at 4.
        assert_eq!(kept(&[5], &Beneath::Unknown, &range, "k", &entries), [(PUT, 9), (PUT, 4)]);
        assert_eq!(kept(&[], &Beneath::Unknown, &range, "m", &[(PUT, 7)]), [(PUT, 7)]);
        // Equal numbers cannot be, but if they were: a tombstone hides what is below its number only.
        assert_eq!(kept(&[], &Beneath::Unknown, &range, "k", &[(PUT, 8)]), [(PUT, 8)]);
    }

    #[test]
    fn keys_do_not_come_back_when_their_range_tombstone_goes() {
        // Nothing beneath: the tombstone itself is not written again, and neither is what it covered.
        let range = [tombstone("a", "m", 8)];
        assert_eq!(surviving(&[], &nothing_beneath(), &range), []);
        assert_eq!(kept(&[], &nothing_beneath(), &range, "k", &[(PUT, 7)]), []);
        assert_eq!(kept(&[], &nothing_beneath(), &range, "k", &[(MERGE, 7), (DELETE, 6), (PUT, 5)]), []);
    }

    #[test]
    fn a_range_tombstone_wider_than_any_point_key_stays_while_anything_beneath_overlaps_it() {
        let range = [tombstone("a", "z", 8)];
        for deeper in [meta(1, "b", "b", 1..=2), meta(1, "y", "zz", 1..=2), meta(1, "", "a", 1..=2)] {
            assert_eq!(surviving(&[], &beneath(vec![deeper]), &range), [stays("a", "z", &[8])]);
        }
        assert_eq!(surviving(&[], &beneath(vec![meta(1, "z", "zz", 1..=2)]), &range), []);
    }

    #[test]
    fn range_tombstones_stand_for_each_other_within_a_stripe_only() {
        let ranges = [tombstone("a", "m", 9), tombstone("c", "m", 7), tombstone("c", "p", 4), tombstone("c", "p", 2)];
        let all = Beneath::Unknown;
        assert_eq!(surviving(&[], &all, &ranges), [stays("a", "m", &[9]), stays("m", "p", &[4])]);
        assert_eq!(
            surviving(&[3, 8], &all, &ranges),
            [stays("a", "c", &[9]), stays("c", "m", &[9, 7, 2]), stays("m", "p", &[4, 2])]
        );
        // With nothing beneath, the one in the oldest stripe goes, the others hide what that stripe keeps.
        assert_eq!(surviving(&[8], &nothing_beneath(), &ranges), [stays("a", "m", &[9])]);
    }

    #[test]
    fn what_is_not_published_stays_and_hides_nothing() {
        let entries = [(PUT, 103), (DELETE, 102), (PUT, 101), (PUT, 100), (PUT, 99)];
        assert_eq!(kept(&[], &nothing_beneath(), &[], "k", &entries), entries[..4]);
        let ranges = [tombstone("a", "m", 103), tombstone("a", "m", 102), tombstone("a", "m", 90)];
        assert_eq!(kept(&[], &nothing_beneath(), &ranges, "k", &[(PUT, 101), (PUT, 100)]), [(PUT, 101), (PUT, 100)]);
        assert_eq!(surviving(&[], &nothing_beneath(), &ranges), [stays("a", "m", &[103, 102])]);
    }

    #[test]
    fn merge_operands_stay_with_what_they_apply_to() {
        let entries = [(MERGE, 9), (MERGE, 8), (PUT, 7), (MERGE, 6), (PUT, 5)];
        assert_eq!(kept(&[], &nothing_beneath(), &[], "k", &entries), entries[..3]);
        assert_eq!(kept(&[6], &nothing_beneath(), &[], "k", &entries), entries);
        // An operand that only a range tombstone hides goes; the one above the tombstone stays without a base.
        let range = [tombstone("a", "m", 8)];
        assert_eq!(kept(&[], &nothing_beneath(), &range, "k", &[(MERGE, 9), (MERGE, 7), (PUT, 5)]), [(MERGE, 9)]);
        // A delete below an operand is its base: it goes only where nothing older can take its place.
        let on_delete = [(MERGE, 9), (DELETE, 7)];
        assert_eq!(kept(&[], &nothing_beneath(), &[], "k", &on_delete), [(MERGE, 9)]);
        assert_eq!(kept(&[], &Beneath::Unknown, &[], "k", &on_delete), on_delete);
    }

    #[test]
    fn an_expired_put_becomes_a_delete_when_no_view_is_from_before() {
        let live = views(&[]);
        let of = |beneath: &Beneath, expiry: u64| {
            let mut retention = Retention::new(&ORDER, &live, beneath, &[]).unwrap();
            retention.start_key(b"k");
            let key = ParsedKey { user_key: b"k", seqno: seqno(9), kind: Kind::PutExpiring };
            let fate = retention.fate(&key, &[&expiry.to_le_bytes()[..], b"v"].concat());
            let older = ParsedKey { kind: PUT, seqno: seqno(5), ..key };
            assert_eq!(retention.fate(&older, b"old").unwrap(), Fate::Drop, "hidden by an expired put as by any other");
            fate.unwrap()
        };
        assert_eq!(of(&Beneath::Unknown, NOW + 1), Fate::Keep);
        assert_eq!(of(&Beneath::Unknown, NOW), Fate::Bury);
        assert_eq!(of(&nothing_beneath(), NOW), Fate::Drop);
    }

    #[test]
    fn a_damaged_entry_is_an_error() {
        let live = views(&[]);
        let mut retention = Retention::new(&ORDER, &live, &Beneath::Unknown, &[]).unwrap();
        retention.start_key(b"k");
        let short = ParsedKey { user_key: b"k", seqno: seqno(9), kind: Kind::PutExpiring };
        assert_eq!(retention.fate(&short, b"1234567").unwrap_err().kind(), ErrorKind::Corruption);
        let range = ParsedKey { kind: Kind::RangeDelete, ..short };
        assert_eq!(retention.fate(&range, b"z").unwrap_err().kind(), ErrorKind::Corruption);
    }

    #[test]
    fn a_table_under_a_newer_range_tombstone_need_not_be_read() {
        let hidden = |snapshots: &[u64], ranges: &[RangeTombstone], file: &FileMeta| {
            let views = views(snapshots);
            Retention::new(&ORDER, &views, &Beneath::Unknown, ranges).unwrap().hides_table(file)
        };
        let file = meta(1, "b", "f", 3..=9);
        assert!(hidden(&[], &[tombstone("a", "g", 12)], &file));
        assert!(hidden(&[2, 12], &[tombstone("b", "g", 12)], &file));
        assert!(hidden(&[], &[tombstone("a", "d", 12), tombstone("d", "g", 10)], &file));
        for snapshot in [3, 9, 11] {
            assert!(!hidden(&[snapshot], &[tombstone("a", "g", 12)], &file), "{snapshot}");
        }
        assert!(!hidden(&[], &[tombstone("a", "f", 12)], &file), "f itself is in the table");
        let open = FileMeta { largest_exclusive: true, range_tombstones: 1, ..file.clone() };
        assert!(hidden(&[], &[tombstone("a", "f", 12)], &open));
        assert!(!hidden(&[], &[tombstone("c", "g", 12)], &file));
        assert!(!hidden(&[], &[tombstone("a", "g", 9)], &file));
        assert!(!hidden(&[], &[tombstone("a", "c", 12), tombstone("d", "g", 12)], &file), "a gap");
        assert!(!hidden(&[], &[tombstone("a", "g", 103)], &meta(1, "b", "f", 3..=102)), "not published");
    }
}
