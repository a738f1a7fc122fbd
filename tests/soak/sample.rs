//! What the soak looks at every few seconds: latencies of the load, and what /proc and the directory say of the process.

use std::fs;
use std::path::Path;
use std::time::Duration;

use std::os::unix::fs::MetadataExt;

use crate::load::{KINDS, Load};

/// One look.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    pub at: Duration,
    pub ops_per_second: f64,
    /// By kind: p50, p99, p99.9 and the longest, in microseconds.
    pub latencies: [[f64; 4]; 4],
    /// Memory of the process that no file backs, in KiB.
    pub rss_anon: u64,
    pub descriptors: u64,
    pub threads: u64,
    /// Bytes that the directory takes on the disk.
    pub disk: u64,
    pub live: u64,
}

impl Sample {
    /// Looks at everything; latencies are those since the last look, `every` ago.
    pub fn take(load: &Load, dir: &Path, at: Duration, every: Duration) -> Result<Sample, String> {
        let histograms = load.latencies();
        let ops: u64 = histograms.iter().map(|histogram| histogram.len()).sum();
        let latencies = histograms.map(|histogram| {
            let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
            [at(0.5), at(0.99), at(0.999), histogram.max() as f64 / 1000.0]
        });
        Ok(Sample {
            at,
            ops_per_second: ops as f64 / every.as_secs_f64(),
            latencies,
            rss_anon: status("RssAnon:")?,
            threads: status("Threads:")?,
            descriptors: fs::read_dir("/proc/self/fd").map_err(|e| e.to_string())?.count() as u64,
            disk: disk(dir),
            live: load.live_bytes(),
        })
    }

    pub fn heading() -> String {
        let kinds: Vec<String> =
            KINDS.iter().map(|kind| format!("{:>31}", format!("{kind} p50/p99/p99.9/max µs"))).collect();
        format!(
            "{:>6} {:>6} {} {:>9} {:>4} {:>4} {:>8} {:>8}",
            "s",
            "ops/s",
            kinds.join(" "),
            "RssAnon K",
            "fds",
            "thr",
            "disk K",
            "live K"
        )
    }

    pub fn line(&self) -> String {
        let latencies =
            self.latencies.map(|l| format!("{:>31}", format!("{:.0}/{:.0}/{:.0}/{:.0}", l[0], l[1], l[2], l[3])));
        let Sample { at, ops_per_second, rss_anon, descriptors, threads, disk, live, .. } = self;
        let (disk, live) = (disk >> 10, live >> 10);
        let seconds = at.as_secs();
        format!(
            "{seconds:>6} {ops_per_second:>6.0} {} {rss_anon:>9} {descriptors:>4} {threads:>4} {disk:>8} {live:>8}",
            latencies.join(" ")
        )
    }
}

/// A number of /proc/self/status.
fn status(name: &str) -> Result<u64, String> {
    let text = fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or(format!("no {name}"))?;
    line.split_whitespace().next().and_then(|number| number.parse().ok()).ok_or(format!("no number in {name} {line}"))
}

/// Bytes on the disk; files that go away while they are counted do not count.
fn disk(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|file| file.blocks() * 512).sum()
}
