//! What to run: sizes, threads, options of the database, and the list of workloads.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// One workload; the names are db_bench's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub enum Workload {
    /// Puts in key order into a new database.
    FillSeq,
    /// Puts in random order into a new database.
    FillRandom,
    /// Puts in random order into a new database, each synced; a thousandth of --num.
    FillSync,
    /// Puts in random order over what is there.
    Overwrite,
    /// Gets of random keys of the filled range.
    ReadRandom,
    /// Gets of keys that are not there, between those that are.
    ReadMissing,
    /// Seeks to random keys, each with ten steps forward.
    SeekRandom,
    /// A full scan forward.
    ReadSeq,
    /// A full scan backward.
    ReadReverse,
    /// A full scan forward through `next_many`.
    ReadMany,
    /// Memtables to tables.
    Flush,
    /// A full compaction.
    Compact,
}

impl Workload {
    /// Its name on the command line and in reports.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Without a list of workloads, these; every fill starts a new database.
const ALL: &[Workload] = &[
    Workload::FillSync,
    Workload::FillSeq,
    Workload::FillRandom,
    Workload::Overwrite,
    Workload::ReadRandom,
    Workload::ReadMissing,
    Workload::SeekRandom,
    Workload::ReadSeq,
    Workload::ReadReverse,
    Workload::ReadMany,
];

/// Measures Esker with db_bench's workloads; every value read is verified.
#[derive(Debug, Parser)]
#[command(name = "esker-bench", version, about)]
pub struct Settings {
    /// What to run, in this order; left out, all but flush and compact.
    #[arg(value_enum)]
    pub list: Vec<Workload>,
    /// Keys, and puts of a fill.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    pub num: u32,
    /// Gets or seeks of a read workload; left out, as many as --num.
    #[arg(long)]
    pub reads: Option<u32>,
    /// Bytes of a key: a decimal number with leading zeros.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(10..=1024))]
    pub key_size: u16,
    /// Bytes of a value, half of them compressible.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(8..=1_000_000))]
    pub value_size: u32,
    /// Threads that share the operations of a workload.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: u16,
    /// Seed of the random order.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Directory to put the database into; left out, a temporary one.
    #[arg(long)]
    pub db: Option<PathBuf>,
    /// Also writes the figures as JSON into this file.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Opens the database with an option, as in -o memory_budget=64MiB.
    #[arg(short = 'o', long = "option", value_name = "NAME=VALUE")]
    pub option: Vec<String>,
}

impl Settings {
    /// What to run.
    pub fn workloads(&self) -> Vec<Workload> {
        if self.list.is_empty() { ALL.to_vec() } else { self.list.clone() }
    }
}
