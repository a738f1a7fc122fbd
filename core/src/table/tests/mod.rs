//! Tests of the table as a whole: against a sorted list, against damage, against its page of the documentation.

mod damage;
mod faults;
mod mem_file;
mod model;
mod page;
mod samples;

pub use mem_file::MemFile;
