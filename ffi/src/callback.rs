//! Callbacks: functions of the caller's that the engine calls, what they work on, and for how long.
//!
//! *Who uses the userdata.* The options it was added to, and every database opened with them, until that one is
//! closed. A database is special, because its shell and parts of the engine stay for the life of the process, while
//! `destroy` must come when nobody can call back any more. So a database opened with callbacks has a [`Gate`]:
//! calls enter and leave it, and `destroy` comes with the close, or with the last call that was running then. A
//! database without callbacks has none, and pays one branch for that.
//!
//! # Invariants
//! - A callback runs only while its userdata is alive: whoever could cause one is inside the gate, and what is
//!   called behind a released gate answers by itself.
//! - Inside a callback no call of the library reaches the engine, which may hold locks: [`refuse_inside`].
//!
//! # Threads
//! Any.
//!
//! # In the header
//! Callbacks
//!
//! Functions of the program that Esker calls; convention 10 has the rules.

use std::cell::Cell;
use std::ffi::c_void;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use engine::{Error, ErrorKind, Result};

/// Ends a callback's userdata. Called once, when nothing can call back any more: the options it was added to are
/// freed, and every database opened with them is closed and no call on it runs. Any thread.
pub type esker_destroy_fn = Option<unsafe extern "C" fn(userdata: *mut c_void)>;

/// What a callback works on. Its destroy function runs when this goes.
pub(crate) struct Userdata {
    pointer: *mut c_void,
    destroy: esker_destroy_fn,
}

// SAFETY: convention 10: callbacks may run on any thread, also many at once, and so may the end of what they work on.
unsafe impl Send for Userdata {}
// SAFETY: as above.
unsafe impl Sync for Userdata {}

impl Userdata {
    /// Takes `pointer` over from C: `destroy` is called with it once, whatever becomes of the call that brought it.
    pub(crate) fn new(pointer: *mut c_void, destroy: esker_destroy_fn) -> Arc<Userdata> {
        Arc::new(Userdata { pointer, destroy })
    }

    /// For the callback. Good while this lives.
    pub(crate) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for Userdata {
    fn drop(&mut self) {
        let Some(destroy) = self.destroy else { return };
        // SAFETY: the caller gave the two together, and this is the only call.
        inside(|| unsafe { destroy(self.pointer) });
    }
}

impl fmt::Debug for Userdata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Userdata")
    }
}

/// Counts who may call back: the open database, and every call that is in it.
#[derive(Debug)]
pub(crate) struct Gate {
    /// 1 for the open database, and 1 for each call. Once 0 it stays so.
    users: AtomicUsize,
    kept: Mutex<Vec<Arc<Userdata>>>,
}

impl Gate {
    /// Keeps `userdata` for a database that is about to be opened.
    pub(crate) fn new(userdata: Vec<Arc<Userdata>>) -> Arc<Gate> {
        Arc::new(Gate { users: AtomicUsize::new(1), kept: Mutex::new(userdata) })
    }

    /// Lets a call in, until the result is dropped. One that comes too late is not counted: it will call nothing back.
    pub(crate) fn enter(&self) -> Option<Inside<'_>> {
        let one_more = |users: usize| if users == 0 { None } else { Some(users + 1) };
        self.users.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok().map(|_| Inside(self))
    }

    /// Whether the userdata may be gone. `false` stays true for as long as the asking call is inside.
    pub(crate) fn is_released(&self) -> bool {
        self.users.load(Ordering::Acquire) == 0
    }

    /// The database is closed. To be called once.
    pub(crate) fn close(&self) {
        self.leave();
    }

    fn leave(&self) {
        if self.users.fetch_sub(1, Ordering::AcqRel) == 1 {
            let kept = mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
            drop(kept);
        }
    }
}

/// A call within a gate.
#[derive(Debug)]
pub(crate) struct Inside<'a>(&'a Gate);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

thread_local! {
    /// Whether this thread is in a callback.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs a callback.
pub(crate) fn inside<T>(callback: impl FnOnce() -> T) -> T {
    let before = INSIDE.replace(true);
    // A callback must not unwind, so nothing here has to be put back by a drop.
    let result = callback();
    INSIDE.set(before);
    result
}

/// Refuses a call that comes from a callback.
pub(crate) fn refuse_inside() -> Result<()> {
    if INSIDE.get() {
        return Err(Error::new(ErrorKind::Busy, "called from within a callback, which must not call Esker"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    static ENDED: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C" fn count(_userdata: *mut c_void) {
        assert!(refuse_inside().is_err());
        ENDED.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn userdata_goes_with_the_last_of_its_users() {
        let options = Userdata::new(std::ptr::null_mut(), Some(count));
        let gate = Gate::new(vec![Arc::clone(&options)]);
        let running = gate.enter();
        drop(options);
        gate.close();
        assert_eq!((ENDED.load(Ordering::Relaxed), gate.is_released()), (0, false));
        let nested = gate.enter();
        drop(running);
        assert!(!gate.is_released());
        drop(nested);
        assert_eq!((ENDED.load(Ordering::Relaxed), gate.is_released()), (1, true));
        assert!(gate.enter().is_none() && refuse_inside().is_ok());
    }
}
