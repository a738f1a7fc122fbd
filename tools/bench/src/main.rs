//! `esker-bench`: our own figures, under the names that LevelDB's db_bench gave these workloads.
//!
//! Flow: [`settings`] → for each workload, [`workload`] runs it on one directory with keys and values from [`data`] and a
//! clock from [`measure`] → [`report`] prints a table and, if asked, JSON. Every value read is compared with what was
//! written last: a fast wrong answer ends the run.
#![forbid(unsafe_code)]

mod data;
mod measure;
mod report;
mod settings;
mod workload;

use std::process::ExitCode;

use clap::Parser;

use settings::Settings;
use workload::Bench;

fn main() -> ExitCode {
    let settings = Settings::parse();
    match run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("esker-bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<(), String> {
    let scratch = match &settings.db {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(|e| format!("cannot make a directory: {e}"))?),
    };
    let folder = match (&settings.db, &scratch) {
        (Some(folder), _) => folder.clone(),
        (None, Some(scratch)) => scratch.path().to_path_buf(),
        (None, None) => return Err("no directory to work in".to_owned()),
    };
    std::fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let mut bench = Bench::new(settings, folder.join("esker-bench.db"))?;
    println!("{}", report::heading(settings));
    let mut results = Vec::new();
    for workload in settings.workloads() {
        let result = bench.run(workload).map_err(|why| format!("{}: {why}", workload.name()))?;
        println!("{}", report::row(&result));
        results.push(result);
    }
    let after = bench.finish()?;
    println!("{}", report::footer(&after));
    if let Some(path) = &settings.json {
        let json = report::json(settings, &results, &after);
        std::fs::write(path, json).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    Ok(())
}
