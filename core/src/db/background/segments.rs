//! The next log segment, made ready in the background: created, reserved, synced, and *named by the MANIFEST* before the
//! first record goes into it. Hence a named segment that is missing is damage, and an unnamed one is an orphan.

use crate::db::install;
use crate::db::state::Shared;
use crate::env::filename::FileKind;
use crate::error::Result;
use crate::util::sync::atomic::Ordering;
use crate::version::edit::VersionEdit;
use crate::wal::{self, PreparedSegment};

/// Whether the log needs a segment to follow the current one.
pub fn is_due(shared: &Shared) -> bool {
    shared.segment_wanted.load(Ordering::Acquire)
}

/// Makes one ready.
pub fn prepare(shared: &Shared) -> Result<()> {
    let prepared = create(shared)?;
    let edit = VersionEdit { wal_added: vec![prepared.number()], ..VersionEdit::default() };
    if let Err(error) = install::apply(shared, edit) {
        return Err(error.remove_if_not_applied(shared, &[FileKind::Wal(prepared.number())]));
    }
    let mut commit = shared.commit.lock();
    commit.next_segment = Some(prepared);
    shared.segment_wanted.store(false, Ordering::Release);
    Ok(())
}

/// A segment on the medium that no MANIFEST names yet. Leaves no file behind on an error.
pub fn create(shared: &Shared) -> Result<PreparedSegment> {
    let (uuid, number) = (shared.identity.uuid, shared.numbers.allocate());
    wal::prepare_segment(&*shared.env.fs, &shared.dir, uuid, number, shared.options.wal_segment_size)
}
