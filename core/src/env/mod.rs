//! The outside world: files and time. Everything below and above reaches the operating system only through here. Rank 2.

pub mod atomic_file;
pub mod clock;
pub mod fault_fs;
pub mod filename;
pub mod fork;
pub mod fs;
mod lock;
pub mod op;
pub mod os_fs;
mod os_lock;
pub mod sim_fs;
