//! `esker`: look into, fill and check a database directory from the shell.
//!
//! Flow: [`args`] says what was asked → [`database`] opens the directory the way that command needs (reading never creates
//! anything) → one function per command → an exit code. Messages go to standard error and say what and where; data goes to
//! standard output, so that the tool can stand in a pipe.
#![forbid(unsafe_code)]

mod args;
mod database;
mod dump;
mod encoding;
mod escape;
mod failure;
mod families;
mod inspect;
mod jsonl;
mod load;
mod read;
mod records;
mod write;

use std::process::ExitCode;

use args::{Arguments, Command};
use clap::Parser;
use failure::Failure;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                eprintln!("esker: {}", failure.message);
            }
            ExitCode::from(failure.code)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let options = database::options(&arguments.option)?;
    match &arguments.command {
        Command::Get(get) => read::get(get, options),
        Command::Put(put) => write::put(put, options),
        Command::Delete(delete) => write::delete(delete, options),
        Command::Merge(merge) => write::merge(merge, options),
        Command::Families(list) => families::list(list, options),
        Command::CreateFamily(create) => families::create(create, options),
        Command::DropFamily(drop) => families::drop_family(drop, options),
        Command::Scan(scan) => read::scan(scan, options),
        Command::Load(load) => load::load(load, options),
        Command::Dump(dump) => dump::dump(dump, options),
        Command::Stats(stats) => inspect::stats(stats, options),
        Command::Verify(verify) => inspect::verify(verify),
        Command::Inspect(inspect) => inspect::inspect(inspect),
        Command::Compact(compact) => write::compact(compact, options),
        Command::Checkpoint(checkpoint) => write::checkpoint(checkpoint, options),
        Command::Options => inspect::list_options(),
    }
}
