//! The one place that changes which files are the database: an edit goes to the MANIFEST, and only when it is durable there
//! do readers get the new version and may inputs go.

use std::collections::BTreeSet;

use crate::compaction::writer::Abandoned;
use crate::db::family::Family;
use crate::db::info_log::LogLevel;
use crate::db::state::Shared;
use crate::env::filename::FileKind;
use crate::error::{Error, ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::memtable::Memtable;
use crate::util::planted::planted;
use crate::util::sync::Arc;
use crate::util::sync::atomic::Ordering;
use crate::version::edit::VersionEdit;
use crate::version::file_meta::FileMeta;
use crate::version::manifest::{ApplyError, Manifest};
use crate::version::version::Version;

/// Memtables that an edit makes superfluous.
pub type Flushed = Vec<(FamilyId, Arc<Memtable>)>;

/// Why an edit was not installed.
#[derive(Debug)]
pub enum InstallError {
    /// Nothing changed; files made for the edit may go.
    NotApplied(Error),
    /// It may or may not be in the MANIFEST; the handle is poisoned and no file may go.
    Unknown(Error),
}

impl InstallError {
    /// The error itself, after removing `files` if that is safe.
    pub fn remove_if_not_applied(self, shared: &Shared, files: &[FileKind]) -> Error {
        match self {
            InstallError::NotApplied(error) => {
                remove_files(shared, files);
                error
            }
            InstallError::Unknown(error) => error,
        }
    }
}

/// Removes files that no edit ever named. A failure leaves an orphan for the next open.
pub fn remove_files(shared: &Shared, files: &[FileKind]) {
    for file in files {
        if shared.env.fs.remove(&shared.path_of(*file)).is_ok() {
            shared.counters.files_removed.bump();
        }
    }
}

/// Removes what a flush or compaction that failed has written, and returns why it failed.
pub fn abandon(shared: &Shared, failed: Abandoned) -> Error {
    let files: Vec<FileKind> = failed.files.iter().map(|number| FileKind::Table(*number)).collect();
    remove_files(shared, &files);
    failed.error
}

/// Applies an edit that flushes nothing.
pub fn apply(shared: &Shared, edit: VersionEdit) -> Result<(), InstallError> {
    apply_flush(shared, edit, &Vec::new(), String::new())
}

/// Applies an edit and takes the memtables it makes superfluous out of the read path, in one swap per family. `text` is what the log
/// is told of such memtables then.
pub fn apply_flush(
    shared: &Shared,
    mut edit: VersionEdit,
    flushed: &Flushed,
    text: String,
) -> Result<(), InstallError> {
    let mut slot = shared.manifest.lock();
    let closed = || InstallError::NotApplied(Error::new(ErrorKind::Closed, "the database is closed"));
    let manifest = slot.as_mut().ok_or_else(closed)?;
    edit.view_time_ms = Some(shared.view_time.load(Ordering::Acquire));
    let stray = leave_out_dropped(manifest, &mut edit);
    bring_newcomers_along(manifest, &mut edit);
    let affected = affected_families(&edit, flushed);
    let removed = removed_tables(manifest, &edit);
    if planted("delete-inputs-early") {
        let early: Vec<FileKind> = removed.iter().map(|file| FileKind::Table(file.number)).collect();
        remove_files(shared, &early);
    }
    let bytes: u64 = edit.added.iter().map(|(_, file)| file.file_size).sum();
    let applied = manifest.apply(edit);
    // The edit may be applied, or not, and the writer yet be unable to go on: a slot that could not be stored, a failed switch.
    if let Some(reason) = manifest.poisoned() {
        shared.health.poison(reason.clone());
    }
    applied.map_err(|error| match error {
        ApplyError::NotApplied(error) => InstallError::NotApplied(error),
        ApplyError::Unknown(error) => {
            shared.health.poison(error.clone());
            InstallError::Unknown(error)
        }
    })?;
    for id in affected {
        let (Some(family), Some(state)) = (shared.family_on_record(id), manifest.state().families.get(&id)) else {
            continue;
        };
        show(&family, Arc::clone(&state.version), flushed);
    }
    drop(slot);
    if !flushed.is_empty() {
        // Before whoever waits for it is woken, so that its caller finds it in the statistics and in the log.
        shared.counters.flushes.bump();
        shared.counters.flush_bytes.add(bytes);
        shared.health.log().push(LogLevel::Info, "flush", text);
    }
    note_obsolete(shared, removed.into_iter().chain(stray));
    shared.background.wake_waiters();
    Ok(())
}

/// Lets new reads of `family` see `version` in the place of the memtables `flushed`; those that have begun keep what they have.
pub(super) fn show(family: &Family, version: Arc<Version>, flushed: &Flushed) {
    let gone = |memtable: &Arc<Memtable>| flushed.iter().any(|(_, m)| Arc::ptr_eq(m, memtable));
    family.replace(|current| current.with_version(version, gone));
}

/// Takes out of `edit` what it says of families that were dropped while it was made; returns the tables that were made for
/// them in vain.
fn leave_out_dropped(manifest: &Manifest, edit: &mut VersionEdit) -> Vec<Arc<FileMeta>> {
    let created: Vec<FamilyId> = edit.families_created.iter().map(|family| family.id).collect();
    let lives = |family: FamilyId| manifest.state().families.contains_key(&family) || created.contains(&family);
    let (added, stray) = std::mem::take(&mut edit.added).into_iter().partition(|(_, file)| lives(file.family));
    edit.added = added;
    edit.deleted.retain(|(family, _, _)| lives(*family));
    edit.flushed_seqno.retain(|(family, _)| lives(*family));
    stray.into_iter().map(|(_, file): (_, Arc<FileMeta>)| file).collect()
}

/// A family that came while `edit` was made, or comes by it, has nothing in the log up to where the log is let go of: it must not
/// look as if it missed its beginning.
///
/// Example: a flush finds everything in tables through 900 and lets go of the log up to there; meanwhile a family is created, on
/// record as flushed through 500. A crash then would leave a log that begins at 901 and a family that wants it from 501 on.
fn bring_newcomers_along(manifest: &Manifest, edit: &mut VersionEdit) {
    let on_record = &manifest.state().families;
    let reached = on_record.values().map(|family| family.flushed_seqno).max().unwrap_or_default();
    for created in &edit.families_created {
        edit.flushed_seqno.push((created.id, reached));
    }
    let let_go = edit.flushed_seqno.iter().map(|(_, seqno)| *seqno).min().filter(|_| !edit.wal_removed.is_empty());
    if let Some(let_go) = let_go {
        let known: BTreeSet<FamilyId> = edit.flushed_seqno.iter().map(|(family, _)| *family).collect();
        edit.flushed_seqno.extend(on_record.keys().filter(|family| !known.contains(family)).map(|id| (*id, let_go)));
    }
}

/// Each once: a table that was to be moved while its family was dropped comes by both ways.
pub(super) fn note_obsolete(shared: &Shared, files: impl Iterator<Item = Arc<FileMeta>>) {
    let mut obsolete = shared.obsolete.lock();
    for file in files {
        if obsolete.iter().all(|known| known.number != file.number) {
            obsolete.push(file);
        }
    }
}

fn affected_families(edit: &VersionEdit, flushed: &Flushed) -> BTreeSet<FamilyId> {
    let added = edit.added.iter().map(|(_, file)| file.family);
    let deleted = edit.deleted.iter().map(|(family, _, _)| *family);
    added.chain(deleted).chain(flushed.iter().map(|(family, _)| *family)).collect()
}

/// The tables that `edit` takes out for good: those of dropped families, and what is deleted and not added again by a trivial
/// move.
fn removed_tables(manifest: &Manifest, edit: &VersionEdit) -> Vec<Arc<FileMeta>> {
    let kept: BTreeSet<_> = edit.added.iter().map(|(_, file)| file.number).collect();
    let gone = edit.deleted.iter().filter(|(_, _, number)| !kept.contains(number));
    let find = |family: &FamilyId, number| {
        let version = &manifest.state().families.get(family)?.version;
        version.file(number).map(|(_, file)| Arc::clone(file))
    };
    let families = &manifest.state().families;
    let dropped = edit.families_dropped.iter().filter_map(|family| families.get(family));
    let theirs = dropped.flat_map(|family| family.version.files().map(|(_, file)| Arc::clone(file)));
    gone.filter_map(|(family, _, number)| find(family, *number)).chain(theirs).collect()
}
