//! Handles: the only place where a pointer from C becomes a reference or a box, and a box becomes a pointer.
//!
//! A handle belongs to one caller from [`give`] to [`take`]; between them [`borrow`] and [`borrow_mut`] lend it to
//! one call. The shells of databases are different: [`keep`] puts them on a list for the life of the process, so
//! that a pointer to one is good for ever and a second close is a status instead of a crash.
//!
//! # Invariants
//! - A type is owned in one way only: it implements [`Handle`] and is given and taken, or it is a shell and is kept.
//! - In a debug build every handle in C's hands is in [`live`]; a pointer that is not ends the process with a
//!   sentence that names its type. A release build trusts the caller, as `free()` does.
//!
//! # Threads
//! Any. `*const` in an export means that many threads may be in it with the same handle, `*mut` that only one is.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use engine::{Error, Result};

use crate::db::esker_db;
use crate::panic::caught;

/// A type whose pointers C holds.
pub(crate) trait Handle: Sized {
    /// Its name in the header, for messages.
    const NAME: &'static str;
}

/// Lends `value` to C for a call of `callback`.
pub(crate) fn lend<T: Handle>(value: &mut T, callback: impl FnOnce(*mut T)) {
    let pointer = ptr::from_mut(value);
    live::insert(pointer.addr(), T::NAME);
    callback(pointer);
    live::remove(pointer.addr(), T::NAME);
}

/// Hands `value` to C, which owns it until [`take`].
pub(crate) fn give<T: Handle>(value: T) -> *mut T {
    let pointer = Box::into_raw(Box::new(value));
    live::insert(pointer.addr(), T::NAME);
    pointer
}

/// Takes a handle back from C, to be dropped. `None` for NULL.
///
/// # Safety
/// `pointer` is NULL or came from [`give`], is not in any other call, and is never used again.
unsafe fn take<T: Handle>(pointer: *mut T) -> Option<Box<T>> {
    if pointer.is_null() {
        return None;
    }
    live::remove(pointer.addr(), T::NAME);
    // SAFETY: not NULL, so by the contract it is a box that `give` released, and nobody else uses it.
    Some(unsafe { Box::from_raw(pointer) })
}

/// The export `export`, which frees a handle; NULL is none.
///
/// # Safety
/// As for [`take`].
pub(crate) unsafe fn end<T: Handle>(export: &'static str, pointer: *mut T) {
    // SAFETY: the same contract.
    let handle = unsafe { take(pointer) };
    caught(export, || drop(handle)).unwrap_or_default();
}

/// Lends a handle that may be missing: NULL means the defaults.
///
/// # Safety
/// `pointer` is NULL or came from [`give`] or [`keep`], and is not freed during `'a`.
pub(crate) unsafe fn borrow<'a, T: Handle>(pointer: *const T) -> Option<&'a T> {
    if !pointer.is_null() {
        live::check(pointer.addr(), T::NAME);
    }
    // SAFETY: by the contract it points to a T that lives for 'a; NULL becomes None.
    unsafe { pointer.as_ref() }
}

/// Lends a handle that must be there.
///
/// # Safety
/// As for [`borrow`].
pub(crate) unsafe fn required<'a, T: Handle>(pointer: *const T) -> Result<&'a T> {
    // SAFETY: the same contract.
    unsafe { borrow(pointer) }.ok_or_else(|| null(T::NAME))
}

/// Lends a handle that must be there, to one call alone.
///
/// # Safety
/// As for [`borrow`], and no other call uses the handle during `'a`.
pub(crate) unsafe fn borrow_mut<'a, T: Handle>(pointer: *mut T) -> Result<&'a mut T> {
    if !pointer.is_null() {
        live::check(pointer.addr(), T::NAME);
    }
    // SAFETY: by the contract it points to a T that lives for 'a and that only this call uses; NULL becomes None.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(T::NAME))
}

/// The refusal of a NULL where a handle of type `name` must be.
fn null(name: &str) -> Error {
    Error::invalid(format!("the {name} is NULL"))
}

/// The newest database shell; each names the one before it. Never shrinks: this is what keeps shells reachable.
static SHELLS: AtomicPtr<esker_db> = AtomicPtr::new(ptr::null_mut());

/// Hands a database's shell to C for the life of the process.
pub(crate) fn keep(shell: esker_db) -> *const esker_db {
    let shell: &'static esker_db = Box::leak(Box::new(shell));
    let pointer = ptr::from_ref(shell);
    live::insert(pointer.addr(), esker_db::NAME);
    let mut newest = SHELLS.load(Ordering::Relaxed);
    loop {
        shell.older.store(newest, Ordering::Relaxed);
        match SHELLS.compare_exchange_weak(newest, pointer.cast_mut(), Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return pointer,
            Err(now) => newest = now,
        }
    }
}

/// The addresses in C's hands, in debug builds.
#[cfg(debug_assertions)]
mod live {
    use std::collections::BTreeMap;
    use std::process;
    use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

    type Live = BTreeMap<usize, &'static str>;
    static LIVE: Mutex<Live> = Mutex::new(Live::new());

    pub(super) fn insert(address: usize, name: &'static str) {
        if let Some(mut live) = lock() {
            live.insert(address, name);
        }
    }

    pub(super) fn remove(address: usize, name: &'static str) {
        if let Some(mut live) = lock() {
            let known = live.remove(&address);
            refuse_unless(known == Some(name), name);
        }
    }

    pub(super) fn check(address: usize, name: &'static str) {
        if let Some(live) = lock() {
            let known = live.get(&address).copied();
            refuse_unless(known == Some(name), name);
        }
    }

    /// The table; none in a forked child, where a thread of the parent may hold its lock for ever.
    fn lock() -> Option<MutexGuard<'static, Live>> {
        static OWNER: OnceLock<u32> = OnceLock::new();
        let owner = *OWNER.get_or_init(process::id);
        (owner == process::id()).then(|| LIVE.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn refuse_unless(good: bool, name: &str) {
        if !good {
            // Going on would read freed memory, and a status is something that this caller does not look at.
            eprintln!("esker: a pointer passed as {name} is not one: it was freed, or never came from Esker");
            process::abort();
        }
    }
}

#[cfg(not(debug_assertions))]
mod live {
    pub(super) fn insert(_address: usize, _name: &'static str) {}
    pub(super) fn remove(_address: usize, _name: &'static str) {}
    pub(super) fn check(_address: usize, _name: &'static str) {}
}
