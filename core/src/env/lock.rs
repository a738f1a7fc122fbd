//! The registry of locks held by this process, by the device and inode of the lock file.
//!
//! `flock` keeps other processes out, and on Linux other descriptors of this one too, but says nothing of who they are, and
//! on network filesystems it may be emulated by locks which a process holds against itself in vain. The registry makes the
//! second open in one process fail everywhere, under whatever path the directory is reached: `db` and `./link-to-db` have the
//! same inode.
//!
//! Thread rule: any thread; the one lock here is a leaf and is never held across I/O.

use crate::env::fork::{ForkMark, register};
use crate::env::fs::LockMode;
use crate::util::sync::{Mutex, OnceLock};

/// Device and inode of a lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockFileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// The locks of one process. `owner` is its fork number: a child that finds its parent's entries here forgets them.
#[derive(Debug, Default)]
struct Held {
    owner: u64,
    locks: Vec<(LockFileId, LockMode)>,
}

/// One registry for each process in a line of forks, taken by the process's number modulo their count. A child never meets
/// the mutex that some thread of its parent may have held at the moment of the fork.
static REGISTRIES: [OnceLock<Mutex<Held>>; 16] = [const { OnceLock::new() }; 16];

fn with_registry<T>(mark: ForkMark, work: impl FnOnce(&mut Vec<(LockFileId, LockMode)>) -> T) -> T {
    let place = (mark.number() % REGISTRIES.len() as u64) as usize;
    let mut held = REGISTRIES[place].get_or_init(|| Mutex::new(Held::default())).lock();
    if held.owner != mark.number() {
        *held = Held { owner: mark.number(), locks: Vec::new() };
    }
    work(&mut held.locks)
}

/// A lock file that this process has entered in the registry. Dropping it takes the entry out, except in a forked child.
#[derive(Debug)]
pub(crate) struct Claim {
    id: LockFileId,
    mode: LockMode,
    mark: ForkMark,
}

impl Claim {
    /// Enters `id`; `None` if another handle of this process holds it in a way that excludes `mode`.
    pub(crate) fn new(id: LockFileId, mode: LockMode) -> Option<Claim> {
        let mark = register();
        with_registry(mark, |locks| {
            let excluded = |&(held, held_mode): &(LockFileId, LockMode)| {
                held == id && (mode == LockMode::Exclusive || held_mode == LockMode::Exclusive)
            };
            if locks.iter().any(excluded) {
                return None;
            }
            locks.push((id, mode));
            Some(Claim { id, mode, mark })
        })
    }

    /// Whether this is a forked child of the process that made the claim.
    pub(crate) fn in_forked_child(&self) -> bool {
        self.mark.in_forked_child()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.in_forked_child() {
            return;
        }
        with_registry(self.mark, |locks| {
            if let Some(place) = locks.iter().position(|&entry| entry == (self.id, self.mode)) {
                locks.swap_remove(place);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::fork::tests::in_child_process;

    fn id(inode: u64) -> LockFileId {
        // No real device has this number, so the tests never meet a lock of another test.
        LockFileId { device: u64::MAX, inode }
    }

    #[test]
    fn exclusive_excludes_everybody_until_dropped() {
        let held = Claim::new(id(1), LockMode::Exclusive).unwrap();
        assert!(Claim::new(id(1), LockMode::Exclusive).is_none());
        assert!(Claim::new(id(1), LockMode::Shared).is_none());
        drop(held);
        assert!(Claim::new(id(1), LockMode::Exclusive).is_some());
    }

    #[test]
    fn shared_holders_exclude_only_the_exclusive_one() {
        let first = Claim::new(id(2), LockMode::Shared).unwrap();
        let second = Claim::new(id(2), LockMode::Shared).unwrap();
        assert!(Claim::new(id(2), LockMode::Exclusive).is_none());
        drop(first);
        assert!(Claim::new(id(2), LockMode::Exclusive).is_none());
        drop(second);
        assert!(Claim::new(id(2), LockMode::Exclusive).is_some());
    }

    #[test]
    fn other_files_are_other_locks() {
        let _held = Claim::new(id(3), LockMode::Exclusive).unwrap();
        assert!(Claim::new(id(4), LockMode::Exclusive).is_some());
    }

    #[test]
    fn a_forked_child_does_not_inherit_the_entries() {
        let held = Claim::new(id(5), LockMode::Exclusive).unwrap();
        assert!(in_child_process(|| {
            drop(held);
            let own = Claim::new(id(5), LockMode::Exclusive);
            own.is_some() && Claim::new(id(5), LockMode::Exclusive).is_none()
        }));
        // The child dropped its copy of `held`; here the closure took it, and the drop in this process freed the lock.
        assert!(Claim::new(id(5), LockMode::Exclusive).is_some());
    }
}
