//! Values: bytes that leave the engine. Found values pin their block without a copy; texts (statistics, options) are
//! owned.
//!
//! # In the header
//! Values
//!
//! Bytes that a call found or made. A value may keep a cached block in memory instead of being a copy of it, so free
//! it when you have read it. It stays readable after the database is closed.

use std::ffi::CString;
use std::ptr;

use engine::Pinned;

use crate::error::c_string;
use crate::handle::{Handle, borrow, end};
use crate::out::Out;
use crate::panic::caught;

/// Bytes that belong to the caller until esker_value_free().
pub struct esker_value(Repr);

enum Repr {
    Found(Pinned),
    Text(CString),
}

impl Handle for esker_value {
    const NAME: &'static str = "esker_value";
}

impl esker_value {
    /// A value read from the database.
    pub(crate) fn found(bytes: Pinned) -> esker_value {
        esker_value(Repr::Found(bytes))
    }

    /// A text; in memory a NUL that its length does not count comes after it, for callers that print it.
    pub(crate) fn text(text: impl Into<Vec<u8>>) -> esker_value {
        esker_value(Repr::Text(c_string(text.into())))
    }

    fn start(&self) -> *const u8 {
        match &self.0 {
            Repr::Found(bytes) => start(bytes),
            // Points to the NUL where the text is empty.
            Repr::Text(text) => text.as_ptr().cast(),
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Found(bytes) => bytes,
            Repr::Text(text) => text.as_bytes(),
        }
    }
}

/// Where `bytes` begin, for C: never NULL, also for no bytes, and never the dangling address that Rust gives those.
pub(crate) fn start(bytes: &[u8]) -> *const u8 {
    static NOTHING: u8 = 0;
    if bytes.is_empty() { &raw const NOTHING } else { bytes.as_ptr() }
}

/// The bytes of a value.
///
/// @param[in]  value  NULL: no bytes
/// @param[out] len    how many; NULL if you know. After a text (a statistic, an option, a report) comes a NUL that
///                    is not counted, so it can be printed as a C string
/// @return the first byte, valid until the value is freed; not NULL for an empty value; NULL for NULL
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_value_data(value: *const esker_value, len: *mut usize) -> *const u8 {
    // SAFETY: conventions 6 and 9.
    let (value, mut len) = unsafe { (borrow(value), Out::new(len)) };
    let lent = caught("esker_value_data", || {
        let value = value?;
        len.set_if_present(|| value.bytes().len());
        Some(value.start())
    });
    lent.ok().flatten().unwrap_or(ptr::null())
}

/// Frees a value.
///
/// @param[in] value  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same value. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_value_free(value: *mut esker_value) {
    // SAFETY: convention 3.
    unsafe { end("esker_value_free", value) }
}
