//! Models of the engine's small concurrent parts, each run under every schedule by loom (`--cfg loom`). The code in them is the code
//! that ships: only what lies below it, files and time, is made up. Each file says first what it proves and from what, and which
//! planted bug makes it fail (`scripts/test-schedules.sh` tries that).

mod bare;
mod close_and_calls;
mod commit_and_views;
mod install_and_pins;
mod key_locks;
mod shared_syncs;
mod snapshots_and_retention;
