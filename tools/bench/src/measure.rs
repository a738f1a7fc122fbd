//! Clocks and latencies: wall time, CPU time of the process (background work included) and of the working threads alone.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};

/// What one thread measured.
pub struct Lap {
    pub latencies: Histogram<u64>,
    pub ops: u64,
    /// Bytes of keys and values written or read.
    pub bytes: u64,
    cpu: Duration,
    last: Instant,
    cpu_start: Duration,
}

impl Lap {
    /// Starts the clocks of this thread.
    pub fn start() -> Result<Lap, String> {
        let latencies = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).map_err(|e| e.to_string())?;
        let cpu_start = cpu(ClockId::ThreadCPUTime);
        Ok(Lap { latencies, ops: 0, bytes: 0, cpu: Duration::ZERO, last: Instant::now(), cpu_start })
    }

    /// One operation ended; the next one starts now. One look at the clock an operation, as in db_bench.
    pub fn op(&mut self, bytes: usize) {
        let now = Instant::now();
        self.latencies.saturating_record((now - self.last).as_nanos() as u64);
        self.last = now;
        self.ops += 1;
        self.bytes += bytes as u64;
    }

    /// Stops the clock of this thread's CPU time.
    pub fn stop(mut self) -> Lap {
        self.cpu = cpu(ClockId::ThreadCPUTime).saturating_sub(self.cpu_start);
        self
    }
}

/// What a workload measured, over all its threads.
pub struct Measured {
    pub name: String,
    pub threads: usize,
    pub ops: u64,
    pub bytes: u64,
    pub wall: Duration,
    pub process_cpu: Duration,
    pub thread_cpu: Duration,
    pub latencies: Histogram<u64>,
}

/// Wall and CPU clocks around a whole workload.
pub struct Watch {
    wall: Instant,
    cpu: Duration,
}

impl Watch {
    pub fn start() -> Watch {
        Watch { wall: Instant::now(), cpu: cpu(ClockId::ProcessCPUTime) }
    }

    /// Stops, and sums up the laps.
    pub fn stop(self, name: String, laps: Vec<Lap>) -> Result<Measured, String> {
        let wall = self.wall.elapsed();
        let process_cpu = cpu(ClockId::ProcessCPUTime).saturating_sub(self.cpu);
        let threads = laps.len();
        let mut laps = laps.into_iter();
        let first = laps.next().ok_or("no thread ran")?;
        let mut sum = Measured {
            name,
            threads,
            ops: first.ops,
            bytes: first.bytes,
            wall,
            process_cpu,
            thread_cpu: first.cpu,
            latencies: first.latencies,
        };
        for lap in laps {
            sum.ops += lap.ops;
            sum.bytes += lap.bytes;
            sum.thread_cpu += lap.cpu;
            sum.latencies.add(&lap.latencies).map_err(|e| e.to_string())?;
        }
        Ok(sum)
    }
}

fn cpu(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The most memory this process held at once, in bytes; `None` where the system does not tell.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
}
