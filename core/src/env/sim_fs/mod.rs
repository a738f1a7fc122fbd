//! A simulated disk that remembers what was synced and can lose the rest.
//!
//! # Assumptions about the medium
//! The engine promises nothing on a medium that breaks these, and the simulation breaks none of them, but does everything else:
//!
//! - a sector (512 bytes) that was synced and is rewritten with the same bytes is never damaged;
//! - what was written since the last sync is there or not, sector by sector, in any order: a lost sector falls back to what was
//!   last synced of it, or to any mix with the writes since;
//! - a sector that was never synced may hold anything: zeros, garbage, bytes of another file;
//! - so is a length: the last synced one, the current one, or one in between;
//! - a directory entry is durable after its directory's sync, and after that only; the file's own sync does not help. Until
//!   then each creation, rename and removal survives or not on its own, but a rename is there whole or not at all;
//! - after a failed sync a page may be clean and its bytes gone: readable until the crash, written by no later sync.
//!
//! # How a crash test reads
//! ```
//! use esker::env::fs::{FileSystem, OpenMode};
//! use esker::env::sim_fs::{CrashImage, SimFs};
//! use std::path::Path;
//!
//! let seed = 7;
//! let sim = SimFs::new(seed);
//! sim.record_states();
//! let file = sim.open(Path::new("/a"), OpenMode::CreateNew)?;
//! file.write_at(b"acknowledged", 0)?;
//! file.sync()?;
//! sim.sync_dir(Path::new("/"))?;
//! let acknowledged = sim.op_count();
//! for point in sim.crash_points() {
//!     for image in CrashImage::all(seed) {
//!         let disk = point.disk.crash(image);
//!         let survived = disk.stat(Path::new("/a"))?.is_some_and(|stat| stat.len == 12);
//!         assert!(survived || point.op < acknowledged, "{point}, {image:?}");
//!     }
//! }
//! # Ok::<(), esker::Error>(())
//! ```

mod content;
#[cfg(test)]
mod content_tests;
#[cfg(test)]
mod crash_tests;
mod disk;
mod handle;
mod image;
#[cfg(test)]
mod model_tests;
mod names;
#[cfg(test)]
mod plain_model;

pub use handle::{CrashPoint, SimDisk, SimFs};
pub use image::CrashImage;
