//! [`Collapse`]: puts merge operands together while a flush or compaction copies them, so that reads find short chains.
//!
//! Where in the flow: between [`Retention`], which says what stays, and the writer. The operands of a key that lie in one stripe,
//! with no view between them, are held back until the entry beneath them is known:
//!
//! ```text
//! put in the same stripe                               one put in the place of all of them
//! delete, covering range tombstone, nothing anywhere   one put, made of the operands alone
//! put in an older stripe, or nothing known             one operand, if the operator can; otherwise they stay as they are
//! ```
//! A put that expires goes on expiring with its operands; one that had expired when an operand was committed is no base of it (see
//! [`operands`](crate::iter::operands)). What was put together has the number of its newest operand: the views that see one of a
//! stripe see all of it, so each reads what it read before.
//!
//! Two operands become one only where nothing beneath them may be a put that expires: it might have expired between them.
//!
//! Invariants: an error of the operator changes nothing, the operands are written as they are, and whoever reads the key gets
//! the error; at most [`MAX_HELD_BYTES`] are held back, beyond that the newer part is written by itself. Thread rule: one thread.

use crate::compaction::retention::{Fate, Retention};
use crate::compaction::writer::OutputWriter;
use crate::error::Result;
use crate::iter::operands::{Base, STAMP_LEN, Settled, settle, stamp_ms};
use crate::key::internal::{self, ParsedKey};
use crate::key::kind::Kind;
use crate::key::sequence::SeqNo;
use crate::merge::MergeOperator;
use crate::merge::calls::{full_merge, partial_merge};
use crate::util::pinned::Pinned;

/// Most bytes of operands of one key that are held in memory.
const MAX_HELD_BYTES: usize = 32 << 20;

/// An operand that is held back: its number and stored bytes.
type Held = (SeqNo, Vec<u8>);

/// What lies beneath the operands that are held.
enum Under {
    /// Certainly no value that their views see.
    Nothing,
    /// A value that only their views see of this stripe.
    Base(Base),
    /// A value that must stay for others, or perhaps something in another table.
    Elsewhere,
}

/// Puts operands together. One per flush or compaction.
pub struct Collapse<'a> {
    operator: Option<&'a dyn MergeOperator>,
    /// Whether a put that expires may lie beneath any operand.
    may_expire: bool,
    user_key: Vec<u8>,
    key_is_written: bool,
    /// Newest first; all of one stripe.
    held: Vec<Held>,
    held_bytes: usize,
    buffer: Vec<u8>,
}

impl<'a> Collapse<'a> {
    /// With the family's operator, if it has one. `may_expire`: whether any input, or anything beneath, holds puts that expire.
    pub fn new(operator: Option<&'a dyn MergeOperator>, may_expire: bool) -> Collapse<'a> {
        Collapse {
            operator,
            may_expire,
            user_key: Vec::new(),
            key_is_written: false,
            held: Vec::new(),
            held_bytes: 0,
            buffer: Vec::new(),
        }
    }

    /// The user key whose entries are being taken.
    pub fn user_key(&self) -> &[u8] {
        &self.user_key
    }

    /// The entries from here on are those of `user_key`. [`Collapse::end_key`] comes before it.
    pub fn start_key(&mut self, user_key: &[u8]) {
        self.user_key.clear();
        self.user_key.extend_from_slice(user_key);
        self.key_is_written = false;
    }

    /// Takes the next entry of the key, newest first, with what is to become of it.
    pub fn take(
        &mut self,
        entry: &ParsedKey<'_>,
        value: &[u8],
        fate: Fate,
        retention: &Retention<'_>,
        writer: &mut OutputWriter<'_>,
    ) -> Result<()> {
        let is_operand = entry.kind == Kind::Merge && fate == Fate::Keep && self.operator.is_some();
        if let Some((newest, _)) = self.held.first() {
            let joins = retention.one_stripe(*newest, entry.seqno);
            if is_operand && joins && self.held_bytes + value.len() <= MAX_HELD_BYTES {
                return self.hold(entry, value);
            }
            let under = self.under(entry, value, joins, retention)?;
            if self.write_held(under, retention, writer)? && joins {
                // What was put together stands for it: the same views see both.
                return Ok(());
            }
        }
        if is_operand && retention.one_stripe(entry.seqno, entry.seqno) {
            return self.hold(entry, value);
        }
        match fate {
            Fate::Keep => self.write(entry.seqno, entry.kind, value, writer),
            Fate::Bury => self.write(entry.seqno, Kind::Delete, &[], writer),
            Fate::Drop => Ok(()),
        }
    }

    /// The key has no more entries here.
    pub fn end_key(&mut self, retention: &Retention<'_>, writer: &mut OutputWriter<'_>) -> Result<()> {
        let Some((oldest, _)) = self.held.last() else { return Ok(()) };
        let hidden = retention.covers_between(SeqNo::ZERO, *oldest);
        let alone = hidden || !retention.beneath_may_hold(&self.user_key);
        let under = if alone { Under::Nothing } else { Under::Elsewhere };
        self.write_held(under, retention, writer).map(|_| ())
    }

    fn hold(&mut self, entry: &ParsedKey<'_>, value: &[u8]) -> Result<()> {
        stamp_ms(entry.user_key, value)?;
        self.held_bytes += value.len();
        self.held.push((entry.seqno, value.to_vec()));
        Ok(())
    }

    /// What `next`, the entry that follows the held operands, is to them.
    fn under(&self, next: &ParsedKey<'_>, value: &[u8], joins: bool, retention: &Retention<'_>) -> Result<Under> {
        let oldest = self.held.last().map_or(SeqNo::ZERO, |(seqno, _)| *seqno);
        if retention.covers_between(next.seqno, oldest) {
            return Ok(Under::Nothing);
        }
        match next.kind {
            Kind::Delete => Ok(Under::Nothing),
            Kind::Put | Kind::PutExpiring if joins => {
                Base::of(next.user_key, next.kind, Pinned::copy(value)).map(Under::Base)
            }
            _ => Ok(Under::Elsewhere),
        }
    }

    /// Writes what the held operands come to. Whether they stand for the entry beneath them too.
    fn write_held(&mut self, under: Under, retention: &Retention<'_>, writer: &mut OutputWriter<'_>) -> Result<bool> {
        let held = std::mem::take(&mut self.held);
        self.held_bytes = 0;
        let (Some(operator), Some((newest, _))) = (self.operator, held.first()) else { return Ok(false) };
        let base = match under {
            Under::Nothing => Base::None,
            Under::Base(base) => base,
            Under::Elsewhere => {
                let held = if self.may_expire { held } else { put_together(operator, &self.user_key, held) };
                self.write_all(&held, writer)?;
                return Ok(false);
            }
        };
        // None of them has time zero: what is in memtables and tables is committed.
        let settled = settle(held.iter().rev().map(|(_, stored)| &stored[..]), &base, 0);
        if let Some(at) = settled.expires_at_ms
            && at <= retention.views().oldest_time_ms()
        {
            self.write_expired(at, *newest, retention, writer)?;
            return Ok(true);
        }
        let Settled { base, operands, expires_at_ms } = settled;
        match full_merge(operator, &self.user_key, base, &operands) {
            Ok(merged) => match expires_at_ms {
                None => self.write(*newest, Kind::Put, &merged, writer)?,
                Some(at) => {
                    let stored = [&at.to_le_bytes()[..], &merged].concat();
                    self.write(*newest, Kind::PutExpiring, &stored, writer)?;
                }
            },
            Err(_refused) => {
                self.write_all(&held, writer)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes what stands for operands whose base has expired at `at` for everybody, and they with it.
    fn write_expired(
        &mut self,
        at: u64,
        newest: SeqNo,
        retention: &Retention<'_>,
        writer: &mut OutputWriter<'_>,
    ) -> Result<()> {
        if !retention.views().forget_expiry(at) {
            // Nobody reads its value any more, but newer operands elsewhere may be gone with it.
            return self.write(newest, Kind::PutExpiring, &at.to_le_bytes(), writer);
        }
        if retention.hides_nothing_at(newest, &self.user_key) {
            return Ok(());
        }
        self.write(newest, Kind::Delete, &[], writer)
    }

    fn write_all(&mut self, held: &[Held], writer: &mut OutputWriter<'_>) -> Result<()> {
        held.iter().try_for_each(|(seqno, stored)| self.write(*seqno, Kind::Merge, stored, writer))
    }

    fn write(&mut self, seqno: SeqNo, kind: Kind, value: &[u8], writer: &mut OutputWriter<'_>) -> Result<()> {
        if !self.key_is_written {
            writer.start_key(&self.user_key)?;
            self.key_is_written = true;
        }
        self.buffer.clear();
        internal::encode(&mut self.buffer, &self.user_key, seqno, kind);
        writer.add(&self.buffer, value)
    }
}

/// `held`, newest first, with neighbours put together as far as the operator can: by pairs, so that a long row of operands that
/// grow is not copied once for each of them.
fn put_together(operator: &dyn MergeOperator, user_key: &[u8], mut held: Vec<Held>) -> Vec<Held> {
    loop {
        let before = held.len();
        let mut shorter: Vec<Held> = Vec::with_capacity(before.div_ceil(2));
        let mut rest = held.into_iter().peekable();
        while let Some(newer) = rest.next() {
            let both = rest.peek().and_then(|older| pair(operator, user_key, &older.1, &newer.1));
            match both {
                Some(both) => {
                    rest.next();
                    shorter.push((newer.0, both));
                }
                None => shorter.push(newer),
            }
        }
        held = shorter;
        if held.len() == before {
            return held;
        }
    }
}

/// One stored operand for two, with the time of the newer.
fn pair(operator: &dyn MergeOperator, user_key: &[u8], older: &[u8], newer: &[u8]) -> Option<Vec<u8>> {
    let (stamp, older, newer) = (newer.get(..STAMP_LEN)?, older.get(STAMP_LEN..)?, newer.get(STAMP_LEN..)?);
    let merged = partial_merge(operator, user_key, older, newer).ok()??;
    Some([stamp, &merged].concat())
}
