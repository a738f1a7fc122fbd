//! Options by name: what every kind of options shares. Set and read as text, listed with documentation, over the
//! engine's table of settings for that kind.
//!
//! A kind is a tuple struct around the engine's options, declared with [`named!`]. Its exports keep their own names and
//! comments, which the header is made of, and hand over to the functions here.
//!
//! # Threads
//! As the exports say: any number read, one at a time sets.

use std::borrow::Cow;
use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::OnceLock;

use engine::Result;
use engine::options::{Setting, settings};

use crate::bytes::text;
use crate::error::{ErrorOut, c_string, esker_error};
use crate::handle::{Handle, borrow, borrow_mut, give, required};
use crate::out::Out;
use crate::panic::{boundary, caught};
use crate::status::{ESKER_OK, esker_status};
use crate::value::esker_value;

/// A handle on options of the engine that have names.
pub(crate) trait Named: Handle {
    /// The engine's options.
    type Options: Clone + Default + 'static;

    fn of(options: Self::Options) -> Self;
    fn options(&self) -> &Self::Options;
    fn options_mut(&mut self) -> &mut Self::Options;
    fn table() -> &'static [Setting<Self::Options>];
    fn names() -> &'static Names;
}

/// Makes `$handle`, a tuple struct around `$options` or a struct that has them in a field, a handle with names.
macro_rules! named {
    ($handle:ident, $options:ty) => {
        named!($handle { 0 }, $options);
    };
    ($handle:ident { $field:tt $(, $more:ident)* }, $options:ty) => {
        impl $crate::handle::Handle for $handle {
            const NAME: &'static str = stringify!($handle);
        }

        impl $crate::named::Named for $handle {
            type Options = $options;

            fn of(options: $options) -> $handle {
                $handle { $field: options $(, $more: Default::default())* }
            }

            fn options(&self) -> &$options {
                &self.$field
            }

            fn options_mut(&mut self) -> &mut $options {
                &mut self.$field
            }

            fn table() -> &'static [engine::options::Setting<$options>] {
                <$options>::settings()
            }

            fn names() -> &'static $crate::named::Names {
                static NAMES: $crate::named::Names = $crate::named::Names::new();
                &NAMES
            }
        }
    };
}
pub(crate) use named;

/// The names and documentation of one table of settings as C strings, made once.
pub(crate) struct Names(OnceLock<Vec<(CString, CString)>>);

impl Names {
    pub(crate) const fn new() -> Names {
        Names(OnceLock::new())
    }

    fn all<T>(&'static self, table: &'static [Setting<T>]) -> &'static [(CString, CString)] {
        self.0.get_or_init(|| table.iter().map(strings).collect())
    }
}

fn strings<T>(setting: &Setting<T>) -> (CString, CString) {
    let doc = format!("{} Takes: {}.", setting.doc, setting.takes);
    (c_string(setting.name.into()), c_string(doc.into_bytes()))
}

/// The export `export`: new options with the defaults; NULL only after a panic.
pub(crate) fn new<T: Named>(export: &'static str) -> *mut T {
    caught(export, || give(T::of(T::Options::default()))).unwrap_or(ptr::null_mut())
}

/// The export `export`: sets the option `name`.
///
/// # Safety
/// Conventions 6 to 9 of the header.
pub(crate) unsafe fn set<T: Named>(
    export: &'static str,
    options: *mut T,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same contract.
    let (error, options, name, value) =
        unsafe { (ErrorOut::new(error), borrow_mut(options), text(name, "name"), text(value, "value")) };
    boundary(export, error, || {
        settings::set(T::table(), options?.options_mut(), name?, value?)?;
        Ok(ESKER_OK)
    })
}

/// The export `export`: reads the option `name`.
///
/// # Safety
/// Conventions 6 to 9 of the header.
pub(crate) unsafe fn get<T: Named>(
    export: &'static str,
    options: *const T,
    name: *const c_char,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same contract.
    let options = unsafe { required(options) };
    // SAFETY: the same contract.
    unsafe { get_of(export, options.map(T::options), T::table(), name, value, error) }
}

/// The export `export`: reads the option `name` of options that are not the caller's.
///
/// # Safety
/// Conventions 6 and 7 of the header.
pub(crate) unsafe fn get_of<O>(
    export: &'static str,
    options: Result<&O>,
    table: &'static [Setting<O>],
    name: *const c_char,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same contract.
    let (error, value, name) = unsafe { (ErrorOut::new(error), Out::new(value), text(name, "name")) };
    boundary(export, error, || {
        let mut value = value.required("value")?;
        value.give(esker_value::text(settings::get(table, options?, name?)?));
        Ok(ESKER_OK)
    })
}

/// The export `export`: the name at `index`; NULL after the last.
pub(crate) fn name<T: Named>(export: &'static str, index: usize) -> *const c_char {
    let name = caught(export, || T::names().all(T::table()).get(index).map(|(name, _)| name.as_ptr()));
    name.ok().flatten().unwrap_or(ptr::null())
}

/// The export `export`: what the option at `index` does and takes; NULL after the last.
pub(crate) fn doc<T: Named>(export: &'static str, index: usize) -> *const c_char {
    let doc = caught(export, || T::names().all(T::table()).get(index).map(|(_, doc)| doc.as_ptr()));
    doc.ok().flatten().unwrap_or(ptr::null())
}

/// The options to use: the caller's, or the defaults for NULL.
///
/// # Safety
/// As for [`borrow`].
pub(crate) unsafe fn or_default<'a, T: Named + 'a>(options: *const T) -> Cow<'a, T::Options> {
    // SAFETY: the same contract.
    let options = unsafe { borrow(options) };
    options.map_or_else(|| Cow::Owned(T::Options::default()), |options| Cow::Borrowed(options.options()))
}
