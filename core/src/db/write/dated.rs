//! What a batch says depends on when it is committed in two cases: puts that expire after a time to live, and merge operands, which
//! carry the time of their commit. Such a batch is written anew: before it waits for its turn, so that room is made for the right
//! length, and under the commit lock, so that operands have times in the order of their commits. All others pay nothing. The caller's batch stays as it is and may be written again, with another time.
//!
//! Here too, before anything is written: an operand for a family without a merge operator, or one that its operator refuses, is
//! `InvalidArgument`. Thread rule: any thread.

use crate::batch::{BatchEntry, WriteBatch};
use crate::db::state::Shared;
use crate::db::write::CommitRequest;
use crate::error::Result;
use crate::iter::operands::STAMP_LEN;
use crate::key::family::FamilyId;
use crate::key::kind::Kind;

/// Whether the request's batch must be dated; after a check of its operands.
pub fn is_due(shared: &Shared, request: &CommitRequest<'_>) -> Result<bool> {
    if request.batch.has_merges() {
        check_operands(shared, request.batch)?;
        return Ok(true);
    }
    Ok(may_expire(shared, request))
}

/// The batch that is committed now in the place of the request's. Its length does not depend on when that is.
pub fn batch(shared: &Shared, request: &CommitRequest<'_>) -> Result<WriteBatch> {
    let ttl_of = |id| request.ttl_ms.unwrap_or_else(|| own_ttl_ms(shared, id));
    committed_at(request.batch, shared.view_time_ms(), ttl_of)
}

/// Whether a put of the batch may get an expiry from outside it.
fn may_expire(shared: &Shared, request: &CommitRequest<'_>) -> bool {
    match request.ttl_ms {
        Some(ttl_ms) => ttl_ms > 0,
        None => {
            shared.default_family.options.ttl_ms > 0
                || (request.batch.is_elsewhere()
                    && shared.families.read().values().any(|family| family.options.ttl_ms > 0))
        }
    }
}

fn own_ttl_ms(shared: &Shared, id: FamilyId) -> u64 {
    shared.family(id).map_or(0, |family| family.options.ttl_ms)
}

fn check_operands(shared: &Shared, batch: &WriteBatch) -> Result<()> {
    for entry in batch.iter() {
        let entry = entry?;
        // A family that was dropped since the batch was checked is found again under the commit lock.
        if entry.kind == Kind::Merge
            && let Some(family) = shared.family(entry.family)
        {
            family.check_operand(entry.key, entry.value.get(STAMP_LEN..).unwrap_or_default())?;
        }
    }
    Ok(())
}

/// `batch` as a commit at `now_ms` writes it: operands have their time, and puts of a family whose time to live `ttl_of` gives,
/// other than zero, expire after it. Times that would be beyond the last are the last.
fn committed_at(batch: &WriteBatch, now_ms: u64, ttl_of: impl Fn(FamilyId) -> u64) -> Result<WriteBatch> {
    let mut committed = WriteBatch::new();
    for entry in batch.iter() {
        let entry = entry?;
        let BatchEntry { family, kind, key, value } = entry;
        match kind {
            // Zero is for what is not committed.
            Kind::Merge => committed.add_timed(family, kind, key, now_ms.max(1), entry.value_and_expiry().0)?,
            Kind::Put if ttl_of(family) > 0 => {
                committed.add_timed(family, Kind::PutExpiring, key, now_ms.saturating_add(ttl_of(family)), value)?;
            }
            _ => committed.add(family, kind, key, value)?,
        }
    }
    Ok(committed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(batch: &WriteBatch) -> Vec<BatchEntry<'_>> {
        batch.iter().map(Result::unwrap).collect()
    }

    #[test]
    fn a_commit_gives_operands_their_time_and_puts_their_expiry() {
        let (here, there) = (FamilyId::DEFAULT, FamilyId(300));
        let mut batch = WriteBatch::new();
        batch.put_in(here, b"k", b"v").unwrap();
        batch.delete_range_in(there, b"a", b"b").unwrap();
        batch.merge_in(here, b"n", b"+1").unwrap();
        batch.put_expiring_in(there, b"t", b"v", 10_000).unwrap();
        batch.put_in(there, b"k", b"v").unwrap();
        let ttl_of = |family| if family == there { 7 } else { 0 };
        let committed = committed_at(&batch, 500, ttl_of).unwrap();
        let (before, after) = (entries(&batch), entries(&committed));
        assert_eq!((&after[..2], after[3]), (&before[..2], before[3]), "an expiry of its own stays");
        assert_eq!(after[2].value, b"\xf4\x01\0\0\0\0\0\0+1");
        assert_eq!((after[4].kind, after[4].value), (Kind::PutExpiring, &b"\xfb\x01\0\0\0\0\0\0v"[..]));
        assert_eq!((committed.count(), committed.has_merges()), (5, true));
        let last = committed_at(&batch, u64::MAX - 1, ttl_of).unwrap();
        assert_eq!(entries(&last)[4].value, b"\xff\xff\xff\xff\xff\xff\xff\xffv");
    }
}
