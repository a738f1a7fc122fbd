//! Results that go out to C through a pointer: the only place that writes through one.
//!
//! An [`Out`] is made before anything can fail and puts the zero of its type there at once; [`Slot::set`] comes
//! last, when nothing can fail any more. So whatever a call returns, its outputs hold a result or a zero, never what
//! was there before.
//!
//! # Threads
//! One call; nothing here outlives it.

use std::marker::PhantomData;
use std::ptr;

use engine::{Error, Result};

use crate::handle::{self, Handle};

/// Types that C gets through an out-pointer, with what they hold on failure.
pub(crate) trait Zero: Sized {
    const ZERO: Self;
}

impl<T> Zero for *mut T {
    const ZERO: Self = ptr::null_mut();
}

impl<T> Zero for *const T {
    const ZERO: Self = ptr::null();
}

impl Zero for u32 {
    const ZERO: Self = 0;
}

impl Zero for u64 {
    const ZERO: Self = 0;
}

impl Zero for i32 {
    const ZERO: Self = 0;
}

impl Zero for usize {
    const ZERO: Self = 0;
}

/// A place for a result, as C passed it; maybe NULL.
pub(crate) struct Out<'a, T>(*mut T, PhantomData<&'a mut T>);

impl<'a, T: Zero> Out<'a, T> {
    /// The place `pointer`, zeroed now.
    ///
    /// # Safety Unless NULL, `pointer` is aligned, and writable by this call alone for the life of the result. What
    /// is there need not be initialised.
    pub(crate) unsafe fn new(pointer: *mut T) -> Self {
        if !pointer.is_null() {
            // SAFETY: not NULL; the rest is the contract. Nothing is dropped: T is a pointer or a number.
            unsafe { pointer.write(T::ZERO) };
        }
        Out(pointer, PhantomData)
    }

    /// The place, which must be there; `name` is the parameter's.
    pub(crate) fn required(self, name: &str) -> Result<Slot<'a, T>> {
        if self.0.is_null() {
            return Err(Error::invalid(format!("{name} is NULL: there is nowhere to put the result")));
        }
        Ok(Slot(self))
    }

    /// Puts `value` there if there is a place; without one it is not made.
    pub(crate) fn set_if_present(&mut self, value: impl FnOnce() -> T) {
        if !self.0.is_null() {
            // SAFETY: not NULL; the contract of `new`.
            unsafe { self.0.write(value()) };
        }
    }
}

/// A place that is there.
pub(crate) struct Slot<'a, T>(Out<'a, T>);

impl<T: Zero> Slot<'_, T> {
    /// Puts `value` there.
    pub(crate) fn set(&mut self, value: T) {
        self.0.set_if_present(|| value);
    }
}

impl<T: Handle> Slot<'_, *mut T> {
    /// Hands `value` to C there.
    pub(crate) fn give(&mut self, value: T) {
        self.set(handle::give(value));
    }
}
