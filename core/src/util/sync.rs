//! Locks, atomics and threads. The only file that names `std::sync` or `std::thread`: under `cfg(loom)` and
//! `cfg(shuttle)` the same names are the model checker's, so that the code under test is the code that ships; under
//! `cfg(tsan)` the locks are ones that the thread sanitizer understands.
//!
//! Locks here do not poison: a panic in a writing path poisons the *database* (see `db/`), which says why; a lock cannot.

pub use std::sync::{Arc, OnceLock, Weak};

/// The machine's own atomics, under a model checker too: for statics, and for memory that is shared with the kernel.
pub use std::sync::atomic as machine_atomic;

#[cfg(not(any(loom, shuttle, tsan)))]
mod imp {
    pub use std::sync::atomic;
    pub use std::thread;

    // The standard library's locks keep who waits inside the lock. parking_lot keeps it in one table for the whole process, and
    // a forked child inherits the entries of threads that it does not have: its first own threads went through them for ever.
    pub use std::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

    fn never_poisoned<T>(result: std::sync::LockResult<T>) -> T {
        result.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Mutual exclusion without poisoning.
    #[derive(Default, Debug)]
    pub struct Mutex<T: ?Sized>(std::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// A free lock around `value`.
        pub const fn new(value: T) -> Self {
            Mutex(std::sync::Mutex::new(value))
        }
    }

    impl<T: ?Sized> Mutex<T> {
        /// Waits for the lock.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            never_poisoned(self.0.lock())
        }

        /// The lock if it is free now.
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Some(guard),
                Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(std::sync::TryLockError::WouldBlock) => None,
            }
        }
    }

    /// Many readers or one writer, without poisoning.
    #[derive(Default, Debug)]
    pub struct RwLock<T: ?Sized>(std::sync::RwLock<T>);

    impl<T> RwLock<T> {
        /// A free lock around `value`.
        pub const fn new(value: T) -> Self {
            RwLock(std::sync::RwLock::new(value))
        }
    }

    impl<T: ?Sized> RwLock<T> {
        /// Waits until no writer holds the lock.
        pub fn read(&self) -> RwLockReadGuard<'_, T> {
            never_poisoned(self.0.read())
        }

        /// Waits until nobody holds the lock.
        pub fn write(&self) -> RwLockWriteGuard<'_, T> {
            never_poisoned(self.0.write())
        }
    }

    /// Waiting for a change of what a [`Mutex`] protects.
    #[derive(Default, Debug)]
    pub struct Condvar(std::sync::Condvar);

    impl Condvar {
        /// A condition nobody waits for.
        pub const fn new() -> Self {
            Condvar(std::sync::Condvar::new())
        }

        /// Frees the lock, sleeps until notified, takes the lock again.
        pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            never_poisoned(self.0.wait(guard))
        }

        /// The same, for at most `timeout`; true if it ran out.
        pub fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            timeout: std::time::Duration,
        ) -> (MutexGuard<'a, T>, bool) {
            let (guard, result) = never_poisoned(self.0.wait_timeout(guard, timeout));
            (guard, result.timed_out())
        }

        /// Wakes all waiters.
        pub fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

/// Locks for the thread sanitizer (scripts/test-sanitizers.sh). It sees what is compiled with it, and the standard library comes
/// compiled without: a lock that passes from hand to hand inside it looks like a race on all that it protects. Trying for a
/// lock, and freeing it when nobody sleeps for it, is inlined and so is seen; here nobody sleeps.
#[cfg(tsan)]
mod imp {
    use std::ops::{Deref, DerefMut};
    use std::sync::{TryLockError, TryLockResult};
    use std::time::Duration;

    pub use std::sync::atomic;
    pub use std::sync::{RwLockReadGuard, RwLockWriteGuard};
    pub use std::thread;

    /// Tries for a lock until it is free.
    fn tried<G>(lock: impl Fn() -> TryLockResult<G>) -> G {
        loop {
            match lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => thread::yield_now(),
            }
        }
    }

    /// The mutex under the names of the real one.
    #[derive(Default, Debug)]
    pub struct Mutex<T: ?Sized>(std::sync::Mutex<T>);

    /// Knows its mutex, for [`Condvar::wait`].
    #[derive(Debug)]
    pub struct MutexGuard<'a, T: ?Sized>(&'a Mutex<T>, std::sync::MutexGuard<'a, T>);

    impl<T: ?Sized> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            &self.1
        }
    }

    impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.1
        }
    }

    impl<T> Mutex<T> {
        /// A free lock around `value`.
        pub const fn new(value: T) -> Self {
            Mutex(std::sync::Mutex::new(value))
        }
    }

    impl<T: ?Sized> Mutex<T> {
        /// Waits for the lock.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(self, tried(|| self.0.try_lock()))
        }

        /// The lock if it is free now.
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Some(MutexGuard(self, guard)),
                Err(TryLockError::Poisoned(poisoned)) => Some(MutexGuard(self, poisoned.into_inner())),
                Err(TryLockError::WouldBlock) => None,
            }
        }
    }

    /// The read-write lock under the names of the real one.
    #[derive(Default, Debug)]
    pub struct RwLock<T: ?Sized>(std::sync::RwLock<T>);

    impl<T> RwLock<T> {
        /// A free lock around `value`.
        pub const fn new(value: T) -> Self {
            RwLock(std::sync::RwLock::new(value))
        }
    }

    impl<T: ?Sized> RwLock<T> {
        /// Waits until no writer holds the lock.
        pub fn read(&self) -> RwLockReadGuard<'_, T> {
            tried(|| self.0.try_read())
        }

        /// Waits until nobody holds the lock.
        pub fn write(&self) -> RwLockWriteGuard<'_, T> {
            tried(|| self.0.try_write())
        }
    }

    /// How often who waits looks.
    const LOOK: Duration = Duration::from_micros(50);

    /// Counts the notifications; who waits looks at the count.
    #[derive(Default, Debug)]
    pub struct Condvar(atomic::AtomicU64);

    impl Condvar {
        /// A condition nobody waits for.
        pub const fn new() -> Self {
            Condvar(atomic::AtomicU64::new(0))
        }

        /// Frees the lock, waits until notified, takes the lock again.
        pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            self.wait_timeout(guard, Duration::MAX).0
        }

        /// The same, for at most `timeout`; true if it ran out.
        pub fn wait_timeout<'a, T>(&self, guard: MutexGuard<'a, T>, timeout: Duration) -> (MutexGuard<'a, T>, bool) {
            let seen = self.0.load(atomic::Ordering::Acquire);
            let MutexGuard(mutex, held) = guard;
            drop(held);
            let mut looks = timeout.as_micros() / LOOK.as_micros();
            while self.0.load(atomic::Ordering::Acquire) == seen && looks > 0 {
                thread::sleep(LOOK);
                looks -= 1;
            }
            (mutex.lock(), looks == 0)
        }

        /// Wakes all waiters.
        pub fn notify_all(&self) {
            self.0.fetch_add(1, atomic::Ordering::AcqRel);
        }
    }
}

#[cfg(any(loom, shuttle))]
mod imp {
    #[cfg(loom)]
    use loom::sync as checked;
    #[cfg(shuttle)]
    use shuttle::sync as checked;

    pub use checked::atomic;
    pub use checked::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
    #[cfg(loom)]
    pub use loom::thread;
    #[cfg(shuttle)]
    pub use shuttle::thread;

    fn never_poisoned<T>(result: std::sync::LockResult<T>) -> T {
        result.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The model checker's mutex under the names of the real one.
    #[derive(Debug)]
    pub struct Mutex<T>(checked::Mutex<T>);

    impl<T> Mutex<T> {
        /// A free lock around `value`.
        pub fn new(value: T) -> Self {
            Mutex(checked::Mutex::new(value))
        }

        /// Waits for the lock.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            never_poisoned(self.0.lock())
        }

        /// The lock if it is free now.
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }
    }

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Mutex::new(T::default())
        }
    }

    /// The model checker's read-write lock under the names of the real one.
    #[derive(Debug)]
    pub struct RwLock<T>(checked::RwLock<T>);

    impl<T> RwLock<T> {
        /// A free lock around `value`.
        pub fn new(value: T) -> Self {
            RwLock(checked::RwLock::new(value))
        }

        /// Waits until no writer holds the lock.
        pub fn read(&self) -> RwLockReadGuard<'_, T> {
            never_poisoned(self.0.read())
        }

        /// Waits until nobody holds the lock.
        pub fn write(&self) -> RwLockWriteGuard<'_, T> {
            never_poisoned(self.0.write())
        }
    }

    impl<T: Default> Default for RwLock<T> {
        fn default() -> Self {
            RwLock::new(T::default())
        }
    }

    /// The model checker's condition variable under the names of the real one.
    #[derive(Debug)]
    pub struct Condvar(checked::Condvar);

    impl Condvar {
        /// A condition nobody waits for.
        pub fn new() -> Self {
            Condvar(checked::Condvar::new())
        }

        /// Frees the lock, sleeps until notified, takes the lock again.
        pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            never_poisoned(self.0.wait(guard))
        }

        /// Model time has no clock: the same as [`Condvar::wait`], and it never runs out.
        pub fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            _timeout: std::time::Duration,
        ) -> (MutexGuard<'a, T>, bool) {
            (self.wait(guard), false)
        }

        /// Wakes all waiters.
        pub fn notify_all(&self) {
            self.0.notify_all();
        }
    }

    impl Default for Condvar {
        fn default() -> Self {
            Condvar::new()
        }
    }
}

pub use imp::*;

/// Runs `body` under every schedule in which threads are interrupted at most `preemptions` times where they could have gone on
/// (`LOOM_MAX_PREEMPTIONS=n`: that often), and prints how many there were.
#[cfg(all(loom, test))]
pub fn explore(name: &str, preemptions: usize, body: fn()) {
    use machine_atomic::{AtomicU64, Ordering};
    let schedules = Arc::new(AtomicU64::new(0));
    let mut model = loom::model::Builder::new();
    model.preemption_bound = model.preemption_bound.or(Some(preemptions));
    model.max_branches = 100_000;
    let seen = Arc::clone(&schedules);
    model.check(move || {
        seen.fetch_add(1, Ordering::Relaxed);
        // On a stack of its own: that of the checker's first thread is small.
        let run = loom::thread::Builder::new().stack_size(1 << 20).spawn(body);
        run.expect("a thread of the model").join().expect("the model holds");
    });
    println!("explored {} schedules of {name}", schedules.load(Ordering::Relaxed));
}
