//! What a caller may choose. Rank 8: plain data, split on open into each layer's own small struct.
//!
//! One table per kind of options ([`settings`]) drives setting, reading and listing by name in C, Python, the tool and
//! the docs, so that no face has an option the others lack.

pub mod database;
pub mod family;
pub mod settings;
pub mod transaction;
pub mod value;
pub mod write;

pub use database::{CompactionStyle, Compression, Options, WalIo};
pub use family::FamilyOptions;
pub use settings::Setting;
pub use transaction::{Isolation, LockMode, TransactionOptions};
pub use write::{Durability, WriteOptions};
