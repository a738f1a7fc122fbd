//! [`write_atomically`]: a small file that is there with its old content or its new one, whole, whatever happens.
//!
//! Temporary file, write, sync, rename, sync of the directory; CURRENT, IDENTITY and OPTIONS are written so. Both syncs count:
//! without the first a crash may leave the new name on an empty file, without the second the old one may come back after the
//! caller has acted on the new. Thread rule: any thread, one at a time for one target.

use std::path::Path;

use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, OpenMode};
use crate::error::Error;

/// Why [`write_atomically`] failed, and with what consequence.
#[derive(Clone, Debug)]
pub enum AtomicWriteError {
    /// The target is as it was, now and after any crash.
    NotReplaced(Error),
    /// The target has the old content or the new one; after a crash it may be either, whatever it is now.
    Unknown(Error),
}

impl AtomicWriteError {
    /// What went wrong.
    pub fn into_error(self) -> Error {
        match self {
            AtomicWriteError::NotReplaced(error) | AtomicWriteError::Unknown(error) => error,
        }
    }
}

impl From<AtomicWriteError> for Error {
    fn from(error: AtomicWriteError) -> Error {
        error.into_error()
    }
}

/// Makes `bytes` the content of the file `target` of `dir`, by way of a temporary file with the unused number `temp`.
pub fn write_atomically(
    fs: &dyn FileSystem,
    dir: &Path,
    target: FileKind,
    temp: FileNumber,
    bytes: &[u8],
) -> Result<(), AtomicWriteError> {
    let (target, temp) = (dir.join(target.name()), dir.join(FileKind::Temp(temp).name()));
    let file = fs.open(&temp, OpenMode::CreateNew).map_err(AtomicWriteError::NotReplaced)?;
    let written = file.write_at(bytes, 0).and_then(|()| file.sync());
    drop(file);
    if let Err(error) = written {
        // If this fails too, the next open removes the orphan.
        fs.remove(&temp).ok();
        return Err(AtomicWriteError::NotReplaced(error));
    }
    if let Err(error) = fs.rename(&temp, &target) {
        // A rename that reports a failure may have been done. It was not if the temporary name is still taken.
        return match fs.stat(&temp) {
            Ok(Some(_)) => {
                fs.remove(&temp).ok();
                Err(AtomicWriteError::NotReplaced(error))
            }
            _ => Err(AtomicWriteError::Unknown(error)),
        };
    }
    fs.sync_dir(dir).map_err(AtomicWriteError::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::fault_fs::{Fault, FaultFs, FaultPlan};
    use crate::env::fs::read_small_file;
    use crate::env::op::{OpKind, OpKinds};
    use crate::env::sim_fs::{CrashImage, SimFs};

    const TEMP: FileNumber = FileNumber::new(9);

    fn dir() -> &'static Path {
        Path::new("/db")
    }

    fn disk_with(content: &[u8]) -> SimFs {
        let sim = SimFs::new(1);
        sim.create_dir(dir()).unwrap();
        write_atomically(&sim, dir(), FileKind::Current, FileNumber::new(1), content).unwrap();
        sim
    }

    fn current(fs: &dyn FileSystem) -> Vec<u8> {
        read_small_file(fs, &dir().join("CURRENT"), 100).unwrap()
    }

    #[test]
    fn the_file_has_the_new_content_and_no_temporary_is_left() {
        let sim = disk_with(b"old");
        write_atomically(&sim, dir(), FileKind::Current, TEMP, b"new").unwrap();
        assert_eq!(current(&sim), b"new");
        assert_eq!(sim.list(dir()).unwrap(), ["CURRENT"]);
    }

    #[test]
    fn after_any_crash_it_is_old_or_new_and_after_the_return_it_is_new() {
        let sim = disk_with(b"old");
        sim.record_states();
        write_atomically(&sim, dir(), FileKind::Current, TEMP, b"new").unwrap();
        let done = sim.op_count();
        for point in sim.crash_points() {
            for seed in 0..20 {
                for image in CrashImage::all(seed) {
                    let content = current(&point.disk.crash(image));
                    let legal = content == b"new" || (content == b"old" && point.op < done);
                    assert!(legal, "{point}, {image:?}: {content:?}");
                }
            }
        }
    }

    #[test]
    fn a_fault_at_each_step_is_reported_for_what_it_is() {
        let changing = [OpKind::Create, OpKind::Write, OpKind::Sync, OpKind::Rename, OpKind::SyncDir];
        for at_op in 0..changing.len() as u64 {
            let sim = disk_with(b"old");
            let faulty = FaultFs::over_sim(&sim);
            faulty.inject(FaultPlan::new(Fault::Eio, at_op).among(OpKinds::of(&changing)));
            let failed = write_atomically(&faulty, dir(), FileKind::Current, TEMP, b"new").unwrap_err();
            assert_eq!(faulty.fired(), 1);
            match failed {
                AtomicWriteError::NotReplaced(_) => {
                    assert!(at_op < 4);
                    assert_eq!(sim.list(dir()).unwrap(), ["CURRENT"], "the temporary file is removed");
                    for image in CrashImage::all(at_op) {
                        assert_eq!(current(&sim.crash(image)), b"old");
                    }
                }
                AtomicWriteError::Unknown(_) => assert_eq!(at_op, 4),
            }
        }
    }

    #[test]
    fn a_rename_that_was_done_and_reported_as_failed_is_unknown() {
        let sim = disk_with(b"old");
        let faulty = FaultFs::over_sim(&sim);
        faulty.inject(FaultPlan::new(Fault::EioAfterwards, 0).among(OpKinds::of(&[OpKind::Rename])));
        let failed = write_atomically(&faulty, dir(), FileKind::Current, TEMP, b"new").unwrap_err();
        assert!(matches!(failed, AtomicWriteError::Unknown(_)));
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        let sim = disk_with(b"old");
        sim.set_capacity(Some(sim.used_bytes()));
        let failed = write_atomically(&sim, dir(), FileKind::Current, TEMP, b"new").unwrap_err();
        assert!(matches!(&failed, AtomicWriteError::NotReplaced(_)));
        assert_eq!(Error::from(failed).kind(), crate::error::ErrorKind::NoSpace);
        assert_eq!(current(&sim), b"old");
    }
}
