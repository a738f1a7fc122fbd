//! [`Exclusive`]: what one thread at a time may use. A call that has to wait for its turn lets go of the interpreter, because
//! whoever has it may be waiting for that. A thread that has it already is told so: a signal handler that runs in the middle of a
//! call would otherwise wait for itself for ever.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use esker::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::errors::raise;

thread_local! {
    /// Its address tells this thread from every other that lives.
    static HERE: u8 = const { 0 };
}

/// A value that one thread at a time may use.
#[derive(Default)]
pub struct Exclusive<T> {
    value: Mutex<T>,
    /// Which thread has it; 0 for none.
    user: AtomicUsize,
}

/// The value, as long as this lives.
pub struct Turn<'a, T> {
    value: MutexGuard<'a, T>,
    user: &'a AtomicUsize,
}

impl<T> Exclusive<T> {
    pub fn new(value: T) -> Exclusive<T> {
        Exclusive { value: Mutex::new(value), user: AtomicUsize::new(0) }
    }

    /// Waits for the caller's turn.
    pub fn take(&self, py: Python<'_>) -> PyResult<Turn<'_, T>> {
        let here = HERE.with(|here| std::ptr::from_ref(here).addr());
        if self.user.load(Ordering::Relaxed) == here {
            let message = "a signal handler cannot use what the call it interrupts is using";
            return Err(raise(py, &Error::new(ErrorKind::InvalidArgument, message)));
        }
        let value = self.value.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        self.user.store(here, Ordering::Relaxed);
        Ok(Turn { value, user: &self.user })
    }
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        // Before the lock is released, which the guard does after this: the next to store is the next to have it.
        self.user.store(0, Ordering::Relaxed);
    }
}
