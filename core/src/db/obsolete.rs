//! Files that nothing needs any more.
//!
//! A table goes when the last version that names it goes: every version holds an `Arc` of its [`FileMeta`], so a table on the
//! obsolete list whose `Arc` has one owner left is read by nobody and can never be read again. A removal that is lost in a
//! crash leaves an orphan, which the next open removes; nothing here needs a sync.
//!
//! [`FileMeta`]: crate::version::file_meta::FileMeta

use crate::db::install::remove_files;
use crate::db::state::Shared;
use crate::env::filename::{FileKind, FileNumber};
use crate::util::sync::Arc;

/// Removes the obsolete tables that no reader holds.
pub fn remove_unused(shared: &Shared) {
    if shared.health.poisoned().is_some() {
        // An edit of unknown fate may be undone by the next open, which then needs its inputs.
        return;
    }
    let unused: Vec<FileNumber> = {
        let mut obsolete = shared.obsolete.lock();
        let (unused, held): (Vec<_>, Vec<_>) = obsolete.drain(..).partition(|file| Arc::strong_count(file) == 1);
        *obsolete = held;
        unused.iter().map(|file| file.number).collect()
    };
    for number in unused {
        shared.tables().evict(number);
        remove_files(shared, &[FileKind::Table(number)]);
    }
}

/// Removes log segments that an edit has made superfluous.
pub fn remove_segments(shared: &Shared, segments: &[FileNumber]) {
    let files: Vec<FileKind> = segments.iter().map(|number| FileKind::Wal(*number)).collect();
    remove_files(shared, &files);
}
