//! The soak: everything that a database does, at once and for hours, at a pace that a small machine keeps; and then the question
//! whether it costs more at the end than at the beginning.
//!
//!     cargo run --release -p esker-bench --example soak -- --minutes 30
//!
//! Flow: `load` writes, reads, deletes, commits, scans, makes and drops families, flushes and compacts from several threads, and
//! compares every answer with what it wrote; a few times in a run the database is closed, verified, opened and compared
//! as a whole. `sample` looks at latencies, memory, descriptors, threads and disk every few seconds, and draws straight lines
//! through them; `verdict` holds the lines against bounds. A worker that makes no step for a minute ends the program.
#![forbid(unsafe_code)]

mod load;
mod sample;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use esker::{Db, Options};

use load::{Load, Models};
use sample::Sample;

/// A mixed load for a long time, with every answer verified and its costs watched.
#[derive(Clone, Debug, Parser)]
struct Settings {
    /// How long.
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// Seconds between two lines.
    #[arg(long, default_value_t = 10.0)]
    every: f64,
    /// Operations a second that the writers together aim at.
    #[arg(long, default_value_t = 3000)]
    rate: u32,
    /// Keys of each of the three writers.
    #[arg(long, default_value_t = 40_000)]
    keys: usize,
    /// How often the database is closed, verified and opened again.
    #[arg(long, default_value_t = 5)]
    reopen: u32,
    /// Where the random choices begin.
    #[arg(long, env = "ESKER_SEED", default_value_t = 1)]
    seed: u64,
    /// A directory for the database; else one that goes away.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Small enough that everything turns over many times in half an hour.
fn options() -> Options {
    Options {
        memory_budget: MEMORY_BUDGET,
        target_file_size: 4 << 20,
        level_base_size: 16 << 20,
        wal_segment_size: 4 << 20,
        ..Options::default()
    }
}

const MEMORY_BUDGET: u64 = 32 << 20;

fn main() -> ExitCode {
    let settings = Settings::parse();
    match run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("soak: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<(), String> {
    let scratch = tempfile::tempdir().map_err(|e| format!("cannot make a directory: {e}"))?;
    let dir = settings.dir.clone().unwrap_or_else(|| scratch.path().join("soak.db"));
    println!("soak: {} minutes, {} operations a second, seed {}", settings.minutes, settings.rate, settings.seed);
    println!("{}", Sample::heading());
    let start = Instant::now();
    let whole = Duration::from_secs_f64(settings.minutes * 60.0);
    let mut models = Models::new(settings.keys);
    let mut samples = Vec::new();
    for life in 1..=settings.reopen.max(1) {
        let until = start + whole.mul_f64(f64::from(life) / f64::from(settings.reopen.max(1)));
        models = live(settings, &dir, models, &mut samples, start, until, life)?;
    }
    println!("{} keys are as they were written, and every file is whole", models.live_keys());
    verdict::judge(&samples, MEMORY_BUDGET, start.elapsed())
}

/// One life of the database: opened, compared, worked with, closed and verified.
fn live(
    settings: &Settings,
    dir: &Path,
    models: Models,
    samples: &mut Vec<Sample>,
    start: Instant,
    until: Instant,
    life: u32,
) -> Result<Models, String> {
    let db = Db::open(dir, &options()).map_err(|e| format!("open: {e}"))?;
    models.compare(&db)?;
    let load = Arc::new(Load::new(db.clone(), settings.rate, settings.seed.wrapping_mul(1000) + u64::from(life)));
    let workers = load::start(&load, models);
    let every = Duration::from_secs_f64(settings.every);
    let mut next = Instant::now() + every;
    while Instant::now() < until && !load.failed() {
        std::thread::sleep(next.min(until).saturating_duration_since(Instant::now()));
        if Instant::now() < next {
            break;
        }
        next += every;
        let sample = Sample::take(&load, dir, start.elapsed(), every)?;
        println!("{}", sample.line());
        samples.push(sample);
        if let Some(worker) = load.hangs(Duration::from_secs(60)) {
            eprintln!("soak: {worker} has made no step for a minute\n{:?}", db.stats());
            std::process::exit(3);
        }
    }
    load.stop();
    let models = workers.join()?;
    models.compare(&db)?;
    db.close().map_err(|e| format!("close: {e}"))?;
    let report = Db::verify(dir).map_err(|e| format!("verify: {e}"))?;
    if report.is_ok() { Ok(models) } else { Err(report.render()) }
}

#[test]
fn a_short_soak_is_right_and_within_its_bounds() {
    let settings = Settings::parse_from("soak --minutes 0.1 --every 0.5 --rate 2000 --keys 2000 --reopen 3".split(' '));
    run(&settings).unwrap();
}
