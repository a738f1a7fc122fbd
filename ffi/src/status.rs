//! Statuses: one number for every way a call can end. The numbers are those of the engine's `ErrorKind`, and frozen.
//!
//! # In the header
//! Statuses
//!
//! Every call that could ever fail returns one of these. The numbers never change and are never used again; a later
//! version may add some, so treat a number you do not know as a failure.

use std::ffi::{CStr, c_char};

use engine::ErrorKind;

/// How a call ended: ESKER_OK or one of the other ESKER_… numbers above.
pub type esker_status = i32;

/// Done.
pub const ESKER_OK: i32 = 0;
/// What was asked for does not exist. Not a failure of the call: there is no error object.
pub const ESKER_NOT_FOUND: i32 = 1;
/// An argument or option is not acceptable; nothing was changed.
pub const ESKER_INVALID_ARGUMENT: i32 = 2;
/// The operating system failed an operation on a file.
pub const ESKER_IO: i32 = 3;
/// Bytes on disk are not what was written there.
pub const ESKER_CORRUPTION: i32 = 4;
/// The database was closed.
pub const ESKER_CLOSED: i32 = 5;
/// Another handle or process holds the database directory.
pub const ESKER_LOCKED: i32 = 6;
/// A transaction read something that has changed since.
pub const ESKER_CONFLICT: i32 = 7;
/// The database was opened read-only.
pub const ESKER_READ_ONLY: i32 = 8;
/// The disk or the quota is full; the call can be repeated when there is room.
pub const ESKER_NO_SPACE: i32 = 9;
/// An earlier failure made this handle read-only until the database is opened again; esker_poisoned() says why.
pub const ESKER_POISONED: i32 = 10;
/// The handle belongs to the parent of this forked process.
pub const ESKER_FORKED: i32 = 11;
/// Not available in this version or for this object.
pub const ESKER_UNSUPPORTED: i32 = 12;
/// The files were written by a newer version, in a format this one does not know.
pub const ESKER_FORMAT: i32 = 13;
/// The call would have waited longer than it may.
pub const ESKER_BUSY: i32 = 14;
/// The caller's buffer is too small; the length needed was reported.
pub const ESKER_BUFFER_TOO_SMALL: i32 = 15;
/// The call was cancelled, by esker_close() or by its caller.
pub const ESKER_CANCELLED: i32 = 16;
/// A bug of Esker was caught before it could do harm; please report it.
pub const ESKER_PANIC: i32 = 17;

/// The status of an engine's error.
pub(crate) fn of(kind: ErrorKind) -> esker_status {
    kind as esker_status
}

/// Names a status: "OK", "NOT_FOUND", … ; "UNKNOWN" for a number this version does not use.
///
/// @param[in] status  any number
/// @return the name, a constant; never NULL
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_status_name(status: esker_status) -> *const c_char {
    let found = NAMES.iter().find(|(number, _)| *number == status);
    found.map_or(c"UNKNOWN", |(_, name)| *name).as_ptr()
}

#[rustfmt::skip]
static NAMES: [(esker_status, &CStr); 18] = [
    (ESKER_OK, c"OK"),
    (ESKER_NOT_FOUND, c"NOT_FOUND"),
    (ESKER_INVALID_ARGUMENT, c"INVALID_ARGUMENT"),
    (ESKER_IO, c"IO"),
    (ESKER_CORRUPTION, c"CORRUPTION"),
    (ESKER_CLOSED, c"CLOSED"),
    (ESKER_LOCKED, c"LOCKED"),
    (ESKER_CONFLICT, c"CONFLICT"),
    (ESKER_READ_ONLY, c"READ_ONLY"),
    (ESKER_NO_SPACE, c"NO_SPACE"),
    (ESKER_POISONED, c"POISONED"),
    (ESKER_FORKED, c"FORKED"),
    (ESKER_UNSUPPORTED, c"UNSUPPORTED"),
    (ESKER_FORMAT, c"FORMAT"),
    (ESKER_BUSY, c"BUSY"),
    (ESKER_BUFFER_TOO_SMALL, c"BUFFER_TOO_SMALL"),
    (ESKER_CANCELLED, c"CANCELLED"),
    (ESKER_PANIC, c"PANIC"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_engine() {
        let pairs = [
            (ErrorKind::NotFound, ESKER_NOT_FOUND),
            (ErrorKind::InvalidArgument, ESKER_INVALID_ARGUMENT),
            (ErrorKind::Io, ESKER_IO),
            (ErrorKind::Corruption, ESKER_CORRUPTION),
            (ErrorKind::Closed, ESKER_CLOSED),
            (ErrorKind::Locked, ESKER_LOCKED),
            (ErrorKind::Conflict, ESKER_CONFLICT),
            (ErrorKind::ReadOnly, ESKER_READ_ONLY),
            (ErrorKind::NoSpace, ESKER_NO_SPACE),
            (ErrorKind::Poisoned, ESKER_POISONED),
            (ErrorKind::Forked, ESKER_FORKED),
            (ErrorKind::Unsupported, ESKER_UNSUPPORTED),
            (ErrorKind::Format, ESKER_FORMAT),
            (ErrorKind::Busy, ESKER_BUSY),
            (ErrorKind::BufferTooSmall, ESKER_BUFFER_TOO_SMALL),
            (ErrorKind::Cancelled, ESKER_CANCELLED),
            (ErrorKind::Panic, ESKER_PANIC),
        ];
        for (position, (kind, status)) in pairs.into_iter().enumerate() {
            assert_eq!(of(kind), status);
            assert_eq!(status as usize, position + 1, "the numbers are frozen");
        }
        assert!(NAMES.iter().map(|(status, _)| *status).eq(0..18));
    }
}
