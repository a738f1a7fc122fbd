//! Whether the soak's figures stay where they are: a straight line through each by least squares, held against a bound.
//!
//! The first fifth of a run fills the database and the caches, and is not looked at. Lines are drawn only through runs of ten minutes
//! and more; what a figure may reach at most is asked of every run.

use std::time::Duration;

use crate::sample::Sample;

/// Memory beside the budget: the program's own, the stacks, what the allocator keeps, tables that are being written.
const MEMORY_SLACK: u64 = 64 << 20;
/// Disk beside the live data: segments of the log, memtables' worth of tables not yet merged, families that come and go.
const DISK_SLACK: u64 = 64 << 20;
const DISK_AMPLIFICATION: f64 = 3.0;
/// What may come and go: tables that are open, a compaction's inputs and outputs.
const DESCRIPTORS: u64 = 200;
/// Writers, the other workers, the program itself, the engine's own.
const THREADS: u64 = 16;
/// Shorter runs say nothing of slopes.
const LONG: Duration = Duration::from_secs(600);

/// Slope per hour of a line by least squares through values at seconds.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let above: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let below: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    if below > 0.0 { above / below * 3600.0 } else { 0.0 }
}

/// A figure whose line is drawn, and how much more of it there may be at the end of the line than at its beginning.
struct Line {
    name: &'static str,
    unit: &'static str,
    of: fn(&Sample) -> f64,
    /// From the mean of the figure.
    may_rise: fn(f64) -> f64,
}

const LINES: &[Line] = &[
    Line { name: "memory", unit: "KiB", of: |s| s.rss_anon as f64, may_rise: |_| 8192.0 },
    Line { name: "descriptors", unit: "", of: |s| s.descriptors as f64, may_rise: |_| 6.0 },
    Line { name: "threads", unit: "", of: |s| s.threads as f64, may_rise: |_| 0.5 },
    Line { name: "disk for each live byte", unit: "", of: |s| s.disk as f64 / s.live.max(1) as f64, may_rise: |_| 0.3 },
    // The machine has others to serve as well: what is looked for is a drift, and that is many times this.
    Line { name: "write p50", unit: "µs", of: |s| s.latencies[0][0], may_rise: |mean| mean.max(20.0) },
    Line { name: "write p99", unit: "µs", of: |s| s.latencies[0][1], may_rise: |mean| 2.0 * mean.max(500.0) },
    Line { name: "get p50", unit: "µs", of: |s| s.latencies[1][0], may_rise: |mean| mean.max(20.0) },
    Line { name: "get p99", unit: "µs", of: |s| s.latencies[1][1], may_rise: |mean| 2.0 * mean.max(500.0) },
    Line { name: "scan p50", unit: "µs", of: |s| s.latencies[2][0], may_rise: |mean| mean.max(100.0) },
    Line { name: "commit p50", unit: "µs", of: |s| s.latencies[3][0], may_rise: |mean| mean.max(20.0) },
];

/// Prints the figures, and says which of them are out of bounds.
pub fn judge(samples: &[Sample], memory_budget: u64, whole: Duration) -> Result<(), String> {
    let settled: Vec<&Sample> = samples.iter().filter(|sample| sample.at > whole / 5).collect();
    let (Some(first), Some(last)) = (settled.first(), settled.last()) else { return Err("no samples".to_owned()) };
    let measured = (last.at - first.at).as_secs_f64();
    let mut wrong = Vec::new();
    for line in LINES {
        let points: Vec<(f64, f64)> =
            settled.iter().map(|sample| (sample.at.as_secs_f64(), (line.of)(sample))).collect();
        let mean = points.iter().map(|point| point.1).sum::<f64>() / points.len() as f64;
        let most = points.iter().map(|point| point.1).fold(0.0, f64::max);
        let (slope, bound) = (slope(&points), (line.may_rise)(mean));
        let rise = slope * measured / 3600.0;
        let Line { name, unit, .. } = line;
        println!(
            "{name}: mean {mean:.1} {unit}, most {most:.1}, slope {slope:+.2} an hour, rise {rise:+.2} of at most {bound:.1}"
        );
        if whole >= LONG && rise > bound {
            wrong.push(format!("{name} rises by {rise:.2} {unit}"));
        }
    }
    let most = |of: fn(&Sample) -> u64| settled.iter().map(|sample| of(sample)).max().unwrap_or(0);
    let mut at_most = |name: &str, found: u64, bound: u64| {
        println!("{name}: at most {found}, bound {bound}");
        if found > bound {
            wrong.push(format!("{name} reaches {found}, more than {bound}"));
        }
    };
    at_most("memory in bytes", most(|s| s.rss_anon) * 1024, memory_budget + MEMORY_SLACK);
    at_most("descriptors", most(|s| s.descriptors), DESCRIPTORS);
    at_most("threads", most(|s| s.threads), THREADS);
    let beyond = settled.iter().map(|s| s.disk.saturating_sub((s.live as f64 * DISK_AMPLIFICATION) as u64)).max();
    at_most("disk beyond 3 × live, in bytes", beyond.unwrap_or(0), DISK_SLACK);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

#[test]
fn what_grows_is_told() {
    let steady =
        |n: u64| Sample { at: Duration::from_secs(n * 10), rss_anon: 50_000, live: 1 << 20, ..Sample::default() };
    let whole = Duration::from_secs(1800);
    let run = |change: fn(&mut Sample, u64)| {
        let samples: Vec<Sample> = (1..180)
            .map(|n| {
                let mut s = steady(n);
                change(&mut s, n);
                s
            })
            .collect();
        judge(&samples, 32 << 20, whole)
    };
    assert_eq!(run(|_, _| {}), Ok(()));
    assert_eq!(run(|s, n| s.rss_anon += n * 40 % 3000), Ok(()));
    let told = |change, what: &str| assert!(run(change).unwrap_err().contains(what), "{what}");
    told(|s, n| s.rss_anon += n * 70, "memory rises");
    told(|s, n| s.descriptors = 20 + n / 15, "descriptors rises");
    told(|s, n| s.threads = 10 + n / 100, "threads rises");
    told(|s, n| s.disk = n * 10_000, "disk for each live byte rises");
    told(|s, n| s.latencies[0][0] = 10.0 + n as f64, "write p50 rises");
    told(|s, n| s.rss_anon = if n == 150 { 200 << 10 } else { 50_000 }, "memory in bytes reaches");
    told(|s, n| s.disk = if n == 150 { 100 << 20 } else { 0 }, "disk beyond");
}
