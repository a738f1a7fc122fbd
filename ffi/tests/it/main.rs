//! The C face, tested as its users meet it: C and C++ programs, compiled here and run against the built library.

mod abi;
mod abuse;
mod c_programs;
mod compilers;
mod crash;
mod docs;
mod examples;
mod header;
mod library_file;
mod power_cut;
mod prototypes;
mod reference;
mod support;
mod syscalls;
