//! Files that nothing needs any more.
//!
//! A table goes when the last version that names it goes: every version holds an `Arc` of its [`FileMeta`], so a table on the
//! obsolete list whose `Arc` has one owner left is read by nobody and can never be read again. A removal that is lost in a
//! crash leaves an orphan, which the next open removes; nothing here needs a sync.
//!
//! A dropped family holds its tables, in its last version, until the last snapshot goes that was taken before the drop.
//!
//! [`FileMeta`]: crate::version::file_meta::FileMeta

use crate::db::family::Family;
use crate::db::install::remove_files;
use crate::db::state::Shared;
use crate::env::filename::{FileKind, FileNumber};
use crate::key::order::Order;
use crate::memtable::Memtable;
use crate::util::planted::planted;
use crate::util::sync::{Arc, OnceLock};
use crate::version::super_version::SuperVersion;
use crate::version::table_cache::TableCache;
use crate::version::version::Version;

/// Removes the obsolete tables that no reader holds.
pub fn remove_unused(shared: &Shared) {
    if shared.health.poisoned().is_some() {
        // An edit of unknown fate may be undone by the next open, which then needs its inputs.
        return;
    }
    let_go_of_dropped(shared);
    let unused: Vec<FileNumber> = {
        let mut obsolete = shared.obsolete.lock();
        let is_unused = |file: &Arc<_>| Arc::strong_count(file) == 1 || planted("remove-tables-in-use");
        let (unused, held): (Vec<_>, Vec<_>) = obsolete.drain(..).partition(is_unused);
        *obsolete = held;
        unused.iter().map(|file| file.number).collect()
    };
    for number in unused {
        shared.tables().evict(number);
        remove_files(shared, &[FileKind::Table(number)]);
    }
}

/// Takes from dropped families what no snapshot can read any more.
fn let_go_of_dropped(shared: &Shared) {
    let mut dropped = shared.dropped.lock();
    if dropped.is_empty() {
        return;
    }
    // Only the last of the handles, of a kind that cannot be made any more, may still read: those of older snapshots.
    let oldest = shared.snapshots.oldest().filter(|_| !planted("forget-readers-of-dropped"));
    let readable = |family: &Arc<Family>| oldest.is_some_and(|oldest| Some(oldest) < family.dropped_at());
    let (kept, gone): (Vec<_>, Vec<_>) = dropped.drain(..).partition(readable);
    *dropped = kept;
    drop(dropped);
    for family in gone {
        let tables = shared.tables();
        family.replace(|_| nothing(&tables));
    }
}

/// What a family holds that nobody reads any more. Its parts are those of all such families: a handle may be kept for long
/// after, and then costs little.
pub fn nothing(tables: &Arc<TableCache>) -> SuperVersion {
    static NOTHING: OnceLock<(Arc<Memtable>, Arc<Version>)> = OnceLock::new();
    let make = || (Arc::new(Memtable::new(&Order::Bytewise)), Arc::new(Version::empty(Order::Bytewise)));
    // A model checker runs one process after the other in its own, and none may find the atomics of another.
    let of_this_run;
    let (memtable, version) = if cfg!(any(loom, shuttle)) {
        of_this_run = make();
        &of_this_run
    } else {
        NOTHING.get_or_init(make)
    };
    SuperVersion::new(Arc::clone(memtable), Vec::new(), Arc::clone(version), Arc::clone(tables))
}

/// Removes log segments that an edit has made superfluous.
pub fn remove_segments(shared: &Shared, segments: &[FileNumber]) {
    let files: Vec<FileKind> = segments.iter().map(|number| FileKind::Wal(*number)).collect();
    remove_files(shared, &files);
}
