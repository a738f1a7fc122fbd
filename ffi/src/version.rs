//! Versions of the library that is running, to compare with the macros of the header a program was compiled with.
//!
//! # In the header
//! Versions
//!
//! The macros above say which header the program was compiled with, these functions which library it runs with. They
//! work anywhere and any time.

use std::ffi::{CStr, c_char};

/// The number of the ABI: the `.0` of libesker.so.0. It changes when a program would have to be compiled anew, and
/// only then.
pub const ESKER_ABI_VERSION: u32 = 0;

/// "0.1.0"
const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version has no NUL in it"),
};

/// One million for a major version, a thousand for a minor one: 1.2.3 is 1002003.
const NUMBER: u32 = 1_000_000 * number(env!("CARGO_PKG_VERSION_MAJOR"))
    + 1_000 * number(env!("CARGO_PKG_VERSION_MINOR"))
    + number(env!("CARGO_PKG_VERSION_PATCH"));

const fn number(digits: &str) -> u32 {
    match u32::from_str_radix(digits, 10) {
        Ok(number) if number < 1000 => number,
        _ => panic!("a part of a version is a number below 1000"),
    }
}

/// The version of the library as text, such as "1.2.3".
///
/// @return a constant; never NULL
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The version of the library as a number that grows: 1000000 * major + 1000 * minor + patch.
///
/// @return the number; ESKER_VERSION_NUMBER if the header is of the same version
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_version_number() -> u32 {
    NUMBER
}

/// The number of the ABI.
///
/// @return the number; a program compiled with another ESKER_ABI_VERSION must not go on
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_abi_version() -> u32 {
    ESKER_ABI_VERSION
}
