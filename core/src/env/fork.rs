//! Noticing a fork. A forked child has copies of the parent's handles, locks and buffers, and must not use any of them: it
//! would write into files that the parent believes it owns alone.
//!
//! A handle takes a [`ForkMark`] when it is opened and asks [`ForkMark::in_forked_child`] on each call: one atomic load. The
//! mark is a number in a page which the kernel wipes in every forked child (`MADV_WIPEONFORK`); where the kernel does not know
//! that, and as well as that, a `pthread_atfork` handler wipes it. The same handler closes the child's copies of the lock
//! descriptors: a `flock` belongs to what parent and child share, so a child that kept its copy would keep the database
//! locked after the parent was killed. The child only ever closes; unlocking would unlock the parent.
//!
//! Worked example: parent opens (page = 1, mark = 1) and forks; the child's page reads 0, so the mark of 1 is foreign there.
//! The child opens a database of its own (page = 2, mark = 2): that handle works, the inherited one is still foreign.
//!
//! Thread rule: everything here may be called from any thread; the child handler touches only atomics and `close`, because
//! after a fork nothing else is safe to call. `vfork` shares memory with its parent and must be followed by `exec`.
#![expect(unsafe_code, reason = "mmap, madvise, pthread_atfork and close have no safe form in std")]

use std::os::fd::RawFd;

use crate::util::sync::OnceLock;
use crate::util::sync::machine_atomic::{AtomicI32, AtomicU64, Ordering};

/// The number of this process among its ancestors, wiped to zero by a fork. Set up by the first [`register`].
static PAGE: OnceLock<&'static AtomicU64> = OnceLock::new();

/// Stands in for the wiped page where there is none; the atfork handler alone wipes it.
static FALLBACK_PAGE: AtomicU64 = AtomicU64::new(0);

/// The last number given out. A child inherits its value, hence numbers grow along a line of ancestors and never repeat there.
static LAST_NUMBER: AtomicU64 = AtomicU64::new(0);

/// Which process a handle was opened in.
#[derive(Clone, Copy, Debug)]
pub struct ForkMark {
    page: &'static AtomicU64,
    number: u64,
}

impl ForkMark {
    /// Whether this is a forked child of the process in which the mark was taken. One atomic load.
    #[inline]
    pub fn in_forked_child(self) -> bool {
        self.page.load(Ordering::Relaxed) != self.number
    }

    /// Tells this process from its ancestors: for tables which a child inherits but must not believe.
    pub(crate) fn number(self) -> u64 {
        self.number
    }
}

/// The mark of this process. Called whenever a database is opened; the first call sets the page up.
pub fn register() -> ForkMark {
    let page = *PAGE.get_or_init(set_up);
    let mut number = page.load(Ordering::Relaxed);
    if number == 0 {
        let fresh = LAST_NUMBER.fetch_add(1, Ordering::Relaxed) + 1;
        // Two threads may get here at once; both must leave with the number that is in the page.
        number = match page.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => fresh,
            Err(other) => other,
        };
    }
    ForkMark { page, number }
}

fn set_up() -> &'static AtomicU64 {
    // SAFETY: the handler is an `extern "C"` function that lives as long as this library (glibc drops it with the library) and
    // does nothing but atomic stores and close(2), which are async-signal-safe. Failure (ENOMEM) leaves the wiped page alone.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    wiped_page().unwrap_or(&FALLBACK_PAGE)
}

/// A zeroed page of its own which every child finds zeroed again. `None` on kernels before 4.14 and other systems.
#[cfg(target_os = "linux")]
fn wiped_page() -> Option<&'static AtomicU64> {
    let len = size_of::<AtomicU64>();
    let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new anonymous private mapping at an address of the kernel's choice; nothing else refers to it.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), len, prot, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: `page` is the start of the mapping made above, which is `len` bytes long rounded up to a page.
    if unsafe { libc::madvise(page, len, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: the same mapping, not shared with anybody yet.
        unsafe { libc::munmap(page, len) };
        return None;
    }
    // SAFETY: the mapping is page-aligned, zeroed (a valid AtomicU64), readable and writable, and is never unmapped.
    Some(unsafe { &*page.cast::<AtomicU64>() })
}

/// Other systems have no such page.
#[cfg(not(target_os = "linux"))]
fn wiped_page() -> Option<&'static AtomicU64> {
    None
}

/// Runs in every forked child before fork() returns there.
extern "C" fn in_child() {
    if let Some(page) = PAGE.get() {
        page.store(0, Ordering::Relaxed);
    }
    let mut chunk = Some(&CLOSED_IN_CHILDREN);
    while let Some(slots) = chunk {
        for slot in &slots.descriptors {
            let descriptor = slot.swap(FREE, Ordering::Relaxed);
            if descriptor >= 0 {
                // SAFETY: the descriptor is this process's copy of a lock file; the lock's owner never closes it in a child
                // (see `ForkMark`), hence nothing else does.
                unsafe { libc::close(descriptor) };
            }
        }
        chunk = slots.more.get().map(Box::as_ref);
    }
}

/// Nothing in this slot.
const FREE: i32 = -1;

/// Descriptors which a child must close. A list of arrays that only grows, since the child may not wait for a lock.
static CLOSED_IN_CHILDREN: Slots = Slots::new();

struct Slots {
    descriptors: [AtomicI32; 32],
    more: OnceLock<Box<Slots>>,
}

impl Slots {
    const fn new() -> Slots {
        Slots { descriptors: [const { AtomicI32::new(FREE) }; 32], more: OnceLock::new() }
    }

    fn put(&'static self, descriptor: RawFd) -> &'static AtomicI32 {
        for slot in &self.descriptors {
            if slot.compare_exchange(FREE, descriptor, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return slot;
            }
        }
        self.more.get_or_init(|| Box::new(Slots::new())).put(descriptor)
    }
}

/// Says that `descriptor` is to be closed in forked children, until this is dropped. Drop it *before* closing the descriptor:
/// its number may be somebody else's a moment later.
#[derive(Debug)]
pub(crate) struct ClosedInChildren {
    slot: &'static AtomicI32,
}

impl ClosedInChildren {
    pub(crate) fn new(descriptor: RawFd) -> ClosedInChildren {
        ClosedInChildren { slot: CLOSED_IN_CHILDREN.put(descriptor) }
    }
}

impl Drop for ClosedInChildren {
    fn drop(&mut self) {
        self.slot.store(FREE, Ordering::Relaxed);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    /// Runs `child` in a forked child, which must not allocate or lock; true if it returned true.
    pub(crate) fn in_child_process(child: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child calls only `child`, which keeps to what is safe after a fork, and _exit.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork failed");
        if pid == 0 {
            let code = if child() { 0 } else { 1 };
            // SAFETY: ends the child without running the parent's exit handlers.
            unsafe { libc::_exit(code) };
        }
        let mut status = 0;
        // SAFETY: waits for the child made above; `status` is a valid place for its result.
        let waited = unsafe { libc::waitpid(pid, &mut status, 0) };
        assert_eq!(waited, pid);
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }

    /// A forked child that does nothing until it is dropped.
    pub(crate) struct WaitingChild(libc::pid_t);

    impl WaitingChild {
        pub(crate) fn new() -> WaitingChild {
            // SAFETY: the child only waits to be killed.
            let pid = unsafe { libc::fork() };
            assert!(pid >= 0, "fork failed");
            if pid == 0 {
                loop {
                    // SAFETY: waits for a signal.
                    unsafe { libc::pause() };
                }
            }
            WaitingChild(pid)
        }
    }

    impl Drop for WaitingChild {
        fn drop(&mut self) {
            // SAFETY: ends and reaps the child made by `new`.
            unsafe { (libc::kill(self.0, libc::SIGKILL), libc::waitpid(self.0, std::ptr::null_mut(), 0)) };
        }
    }

    /// Root may do anything; a child process that is to meet permissions becomes somebody else first.
    pub(crate) fn give_up_root() {
        // SAFETY: asks for and changes a number of this process, which is a child made for it.
        let done = unsafe { libc::geteuid() != 0 || libc::seteuid(65534) == 0 };
        assert!(done);
    }

    #[test]
    fn a_mark_is_at_home_only_in_its_own_process() {
        let mark = register();
        assert!(!mark.in_forked_child());
        assert!(in_child_process(|| mark.in_forked_child()));
        assert!(!mark.in_forked_child());
    }

    #[test]
    fn a_child_that_registers_has_a_mark_of_its_own() {
        let inherited = register();
        assert!(in_child_process(|| {
            let own = register();
            !own.in_forked_child() && inherited.in_forked_child() && own.number() != inherited.number()
        }));
    }

    #[test]
    fn a_grandchild_is_foreign_to_both() {
        let first = register();
        assert!(in_child_process(|| {
            let second = register();
            in_child_process(|| first.in_forked_child() && second.in_forked_child())
        }));
    }

    #[test]
    fn registering_twice_gives_the_same_mark() {
        assert_eq!(register().number(), register().number());
    }

    #[test]
    fn marked_descriptors_are_closed_in_the_child_and_stay_open_here() {
        register();
        let file = std::fs::File::open("/dev/null").unwrap();
        let descriptor = file.as_raw_fd();
        // SAFETY: F_GETFD only asks whether the descriptor is open.
        let is_open = move || unsafe { libc::fcntl(descriptor, libc::F_GETFD) } >= 0;
        let closed = ClosedInChildren::new(descriptor);
        assert!(in_child_process(|| !is_open()));
        assert!(is_open());
        drop(closed);
        assert!(in_child_process(is_open));
    }

    #[test]
    fn more_descriptors_than_one_array_holds() {
        register();
        let files: Vec<_> = (0..100).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        let guards: Vec<_> = files.iter().map(|f| ClosedInChildren::new(f.as_raw_fd())).collect();
        let last = files.last().unwrap().as_raw_fd();
        // SAFETY: F_GETFD only asks whether the descriptor is open.
        assert!(in_child_process(|| unsafe { libc::fcntl(last, libc::F_GETFD) } < 0));
        drop(guards);
    }
}
