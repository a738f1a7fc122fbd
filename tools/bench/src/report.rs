//! The figures as a table for people and as JSON for programs.

use serde_json::{Value, json};

use crate::measure::{Measured, peak_memory};
use crate::settings::Settings;
use crate::workload::After;

/// What was run, and the columns.
pub fn heading(settings: &Settings) -> String {
    let (num, key, value) = (settings.num, settings.key_size, settings.value_size);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "esker {} · {num} keys of {key} B with values of {value} B · {} thread(s) · {cores} core(s) · seed {}\n\
         {:<12} {:>10} {:>12} {:>9} {:>11} {:>11} {:>8} {:>9} {:>9} {:>10}",
        env!("CARGO_PKG_VERSION"),
        settings.threads,
        settings.seed,
        "workload",
        "ops",
        "ops/s",
        "ns/op",
        "thread cpu",
        "all cpu",
        "MB/s",
        "p50 µs",
        "p99 µs",
        "max ms"
    )
}

fn nanoseconds(measured: &Measured, time: std::time::Duration) -> f64 {
    time.as_nanos() as f64 / measured.ops.max(1) as f64
}

fn per_second(measured: &Measured, amount: u64) -> f64 {
    amount as f64 / measured.wall.as_secs_f64().max(1e-9)
}

/// One workload. CPU times are nanoseconds an operation: of the working threads, and of the whole process.
pub fn row(measured: &Measured) -> String {
    let micros = |quantile: f64| measured.latencies.value_at_quantile(quantile) as f64 / 1e3;
    format!(
        "{:<12} {:>10} {:>12.0} {:>9.0} {:>11.0} {:>11.0} {:>8.1} {:>9.2} {:>9.2} {:>10.2}",
        measured.name,
        measured.ops,
        per_second(measured, measured.ops),
        nanoseconds(measured, measured.wall),
        nanoseconds(measured, measured.thread_cpu),
        nanoseconds(measured, measured.process_cpu),
        per_second(measured, measured.bytes) / 1e6,
        micros(0.5),
        micros(0.99),
        measured.latencies.max() as f64 / 1e6
    )
}

/// Space and memory.
pub fn footer(after: &After) -> String {
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let peak = peak_memory().map_or_else(|| "unknown".to_owned(), |bytes| format!("{:.1} MB", mb(bytes)));
    let ratio = after.disk_bytes as f64 / after.live_bytes.max(1) as f64;
    let (disk, live) = (mb(after.disk_bytes), mb(after.live_bytes));
    format!("disk {disk:.1} MB for {live:.1} MB of live keys and values ({ratio:.2}×) · peak memory {peak}")
}

/// Everything, for programs.
pub fn json(settings: &Settings, results: &[Measured], after: &After) -> String {
    let rows: Vec<Value> = results.iter().map(json_row).collect();
    let report = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "settings": {
            "num": settings.num,
            "reads": settings.reads,
            "key_size": settings.key_size,
            "value_size": settings.value_size,
            "threads": settings.threads,
            "seed": settings.seed,
            "options": settings.option,
        },
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "results": rows,
        "disk_bytes": after.disk_bytes,
        "live_bytes": after.live_bytes,
        "peak_memory_bytes": peak_memory(),
    });
    format!("{report:#}\n")
}

fn json_row(measured: &Measured) -> Value {
    let at = |quantile: f64| measured.latencies.value_at_quantile(quantile);
    json!({
        "name": measured.name,
        "threads": measured.threads,
        "ops": measured.ops,
        "bytes": measured.bytes,
        "wall_seconds": measured.wall.as_secs_f64(),
        "ops_per_second": per_second(measured, measured.ops),
        "wall_ns_per_op": nanoseconds(measured, measured.wall),
        "thread_cpu_ns_per_op": nanoseconds(measured, measured.thread_cpu),
        "process_cpu_ns_per_op": nanoseconds(measured, measured.process_cpu),
        "latency_ns": {
            "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999), "max": measured.latencies.max(),
        },
        "verified": true,
    })
}
