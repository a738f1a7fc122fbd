//! Snapshots: a moment of the database that stays readable.
//!
//! # In the header
//! Snapshots
//!
//! A snapshot sees exactly the writes that returned before it was made, for as long as it lives. Use it through
//! esker_read_options_set_snapshot().

use engine::Snapshot;

use crate::db::{engine, esker_db};
use crate::error::{ErrorOut, esker_error};
use crate::handle::{Handle, borrow, end};
use crate::out::Out;
use crate::panic::{boundary, caught};
use crate::status::{ESKER_OK, esker_status};

/// A moment of a database. Costs disk space while it lives: what it sees is not compacted away.
pub struct esker_snapshot(pub(crate) Snapshot);

impl Handle for esker_snapshot {
    const NAME: &'static str = "esker_snapshot";
}

/// Makes a snapshot of this moment.
///
/// @param[in]  db        the database
/// @param[out] snapshot  [own] the snapshot, to free with esker_snapshot_free(); NULL unless ESKER_OK
/// @param[out] error     [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_snapshot_new(
    db: *const esker_db,
    snapshot: *mut *mut esker_snapshot,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, snapshot, db) = unsafe { (ErrorOut::new(error), Out::new(snapshot), engine(db)) };
    boundary("esker_snapshot_new", error, || {
        let mut snapshot = snapshot.required("snapshot")?;
        snapshot.give(esker_snapshot(db?.snapshot()?));
        Ok(ESKER_OK)
    })
}

/// The sequence number of the latest write that a new read sees. Every operation has one of its own, and they only
/// grow.
///
/// @param[in]  db     the database
/// @param[out] seqno  the number; 0 if nothing was ever written
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_latest_seqno(
    db: *const esker_db,
    seqno: *mut u64,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, seqno, db) = unsafe { (ErrorOut::new(error), Out::new(seqno), engine(db)) };
    boundary("esker_latest_seqno", error, || {
        let mut seqno = seqno.required("seqno")?;
        seqno.set(db?.latest_seqno()?);
        Ok(ESKER_OK)
    })
}

/// The place of a snapshot in the order of writes: it sees the writes up to this sequence number.
///
/// @param[in] snapshot  NULL: 0
/// @return the sequence number
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_snapshot_seqno(snapshot: *const esker_snapshot) -> u64 {
    // SAFETY: convention 9.
    let snapshot = unsafe { borrow(snapshot) };
    caught("esker_snapshot_seqno", || snapshot.map_or(0, |snapshot| snapshot.0.seqno())).unwrap_or(0)
}

/// Frees a snapshot. Read options and iterators that use it keep it alive for themselves.
///
/// @param[in] snapshot  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same snapshot. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_snapshot_free(snapshot: *mut esker_snapshot) {
    // SAFETY: convention 3.
    unsafe { end("esker_snapshot_free", snapshot) }
}
