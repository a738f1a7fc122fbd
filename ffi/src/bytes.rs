//! Bytes, arrays and text that come in from C: pointer and length become a slice that is borrowed for one call.
//!
//! NULL is good only with length 0 and is then the empty slice. A length that no object can have is refused before a
//! slice of it exists. `name` is the parameter's name in the header, for the message.
//!
//! # Threads
//! Any; nothing here keeps state.

use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::slice;

use engine::{Error, Result};

/// `len` values of type `T` that the caller lends.
///
/// # Safety
/// Unless NULL, `pointer` is aligned and points to `len` initialised values that nobody changes during `'a`.
pub(crate) unsafe fn array<'a, T>(pointer: *const T, len: usize, name: &str) -> Result<&'a [T]> {
    check(pointer.is_null(), len, size_of::<T>(), name)?;
    if pointer.is_null() {
        return Ok(&[]);
    }
    // SAFETY: not NULL, and not larger than an object can be; the rest is the contract.
    Ok(unsafe { slice::from_raw_parts(pointer, len) })
}

/// The same, for the caller's memory that a call fills.
///
/// # Safety
/// Unless NULL, `pointer` is aligned and points to `len` values that only this call uses during `'a`.
pub(crate) unsafe fn array_mut<'a, T: Plain>(pointer: *mut T, len: usize, name: &str) -> Result<&'a mut [T]> {
    check(pointer.is_null(), len, size_of::<T>(), name)?;
    if pointer.is_null() {
        return Ok(&mut []);
    }
    // SAFETY: not NULL, and not larger than an object can be; any bytes are a valid T, whatever the caller left there.
    Ok(unsafe { slice::from_raw_parts_mut(pointer, len) })
}

/// Types for which any bytes are a value, so that memory the caller never wrote to may be lent to be filled.
pub(crate) trait Plain {}
impl Plain for u8 {}
impl Plain for i32 {}
impl Plain for usize {}
impl<T> Plain for *mut T {}

/// A C string as text.
///
/// # Safety
/// Unless NULL, `pointer` points to bytes that end with a NUL and that nobody changes during `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: the same contract.
    let bytes = unsafe { c_string(pointer, name) }?;
    str::from_utf8(bytes).map_err(|_| Error::invalid(format!("{name} is not UTF-8")))
}

/// A C string as a path: any bytes but NUL, as the operating system has it.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn path<'a>(pointer: *const c_char) -> Result<&'a Path> {
    // SAFETY: the same contract.
    let bytes = unsafe { c_string(pointer, "path") }?;
    if bytes.is_empty() {
        return Err(Error::invalid("path is empty"));
    }
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// # Safety
/// As for [`text`].
unsafe fn c_string<'a>(pointer: *const c_char, name: &str) -> Result<&'a [u8]> {
    if pointer.is_null() {
        return Err(Error::invalid(format!("{name} is NULL")));
    }
    // SAFETY: not NULL; the rest is the contract.
    Ok(unsafe { CStr::from_ptr(pointer) }.to_bytes())
}

fn check(is_null: bool, len: usize, item: usize, name: &str) -> Result<()> {
    if is_null && len != 0 {
        return Err(Error::invalid(format!("{name} is NULL and its length {len}")));
    }
    match len.checked_mul(item) {
        Some(bytes) if isize::try_from(bytes).is_ok() => Ok(()),
        _ => Err(Error::invalid(format!("{name} has the impossible length {len}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    #[test]
    fn null_is_good_with_length_zero_only() {
        // SAFETY: NULL is within the contract.
        unsafe {
            assert!(array::<u8>(ptr::null(), 0, "key").unwrap().is_empty());
            assert!(array_mut::<u8>(ptr::null_mut(), 0, "buf").unwrap().is_empty());
            let error = array::<u8>(ptr::null(), 3, "key").unwrap_err();
            assert_eq!(error.message(), "key is NULL and its length 3");
            assert_eq!(text(ptr::null(), "name").unwrap_err().message(), "name is NULL");
        }
    }

    #[test]
    fn an_impossible_length_is_refused_before_a_slice_of_it_exists() {
        let byte = 7u64;
        for len in [usize::MAX, isize::MAX as usize + 1, usize::MAX / 8 + 1] {
            // SAFETY: refused before the pointer is used.
            assert!(unsafe { array(&raw const byte, len, "keys") }.is_err());
        }
    }

    #[test]
    fn text_must_be_utf8_and_a_path_need_not() {
        // SAFETY: C strings that live for the whole program.
        unsafe {
            assert!(text(c"\xff".as_ptr(), "name").unwrap_err().message().contains("UTF-8"));
            assert_eq!(path(c"\xff".as_ptr()).unwrap().as_os_str().len(), 1);
            assert!(path(c"".as_ptr()).is_err());
        }
    }
}
