//! Error objects: what C learns of a failure beyond its status. An owned copy of the engine's error, with C strings.
//!
//! # In the header
//! Errors
//!
//! The optional last parameter of most functions receives one of these on failure. It belongs to the caller, on its
//! own: no thread, database or later call changes it. The getters accept NULL and then tell of no error.

use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use engine::Error;

use crate::handle::{Handle, borrow, end, give};
use crate::out::Out;
use crate::status::{self, ESKER_OK, esker_status};

/// What went wrong: a status, a sentence, and the file and offset it is about. Freed with esker_error_free().
pub struct esker_error {
    code: esker_status,
    message: CString,
    file: Option<CString>,
    offset: Option<u64>,
}

impl Handle for esker_error {
    const NAME: &'static str = "esker_error";
}

/// What esker_error_offset() returns when there is none.
pub const ESKER_NO_OFFSET: u64 = 0xFFFF_FFFF_FFFF_FFFF;

impl esker_error {
    fn new(error: &Error) -> esker_error {
        esker_error {
            code: status::of(error.kind()),
            message: c_string(error.to_string().into_bytes()),
            file: error.file().map(|file| c_string(file.as_os_str().as_bytes().to_vec())),
            offset: error.offset(),
        }
    }
}

/// As a C string; a NUL in the middle, which a name in a message may have, becomes a question mark.
pub(crate) fn c_string(mut bytes: Vec<u8>) -> CString {
    bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b'?');
    CString::new(bytes).unwrap_or_default()
}

/// Where a call puts its error: the `error` parameter, NULL already.
pub(crate) struct ErrorOut<'a>(Out<'a, *mut esker_error>);

impl ErrorOut<'_> {
    /// The place `pointer`, which may be NULL; `*pointer` is NULL from now on.
    ///
    /// # Safety
    /// As for [`Out::new`].
    pub(crate) unsafe fn new(pointer: *mut *mut esker_error) -> Self {
        // SAFETY: the same contract.
        ErrorOut(unsafe { Out::new(pointer) })
    }

    /// Puts the error there if the caller wants it, and tells its status.
    pub(crate) fn fill(&mut self, error: Error) -> esker_status {
        self.0.set_if_present(|| give(esker_error::new(&error)));
        status::of(error.kind())
    }
}

/// The status that came with this error.
///
/// @param[in] error  NULL: no error
/// @return the status; ESKER_OK for NULL
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_error_code(error: *const esker_error) -> esker_status {
    // SAFETY: convention 9.
    unsafe { borrow(error) }.map_or(ESKER_OK, |error| error.code)
}

/// What went wrong, as a sentence in UTF-8 that names the file and offset too, where there are some.
///
/// @param[in] error  NULL: no error
/// @return a C string, valid until the error is freed; never NULL, "" for NULL
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_error_message(error: *const esker_error) -> *const c_char {
    // SAFETY: convention 9.
    unsafe { borrow(error) }.map_or(c"".as_ptr(), |error| error.message.as_ptr())
}

/// The file the error is about.
///
/// @param[in] error  NULL: no error
/// @return a path, valid until the error is freed; NULL if the error is about no file
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_error_file(error: *const esker_error) -> *const c_char {
    // SAFETY: convention 9.
    let file = unsafe { borrow(error) }.and_then(|error| error.file.as_ref());
    file.map_or(ptr::null(), |file| file.as_ptr())
}

/// The offset in that file.
///
/// @param[in] error  NULL: no error
/// @return the offset in bytes; ESKER_NO_OFFSET if there is none
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_error_offset(error: *const esker_error) -> u64 {
    // SAFETY: convention 9.
    unsafe { borrow(error) }.and_then(|error| error.offset).unwrap_or(ESKER_NO_OFFSET)
}

/// Frees an error.
///
/// @param[in] error  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same error. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_error_free(error: *mut esker_error) {
    // SAFETY: convention 3.
    unsafe { end("esker_error_free", error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_in_a_message_does_not_cut_it_short() {
        assert_eq!(c_string(b"a\0b".to_vec()).as_bytes(), b"a?b");
    }
}
