//! The benchmark runs every workload, small: it must end, verify what it reads, and write figures that parse.

use std::process::Command;

#[test]
fn every_workload_runs_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("figures.json");
    let workloads = "fillsync fillseq readseq fillrandom overwrite flush compact readrandom readmissing seekrandom readseq \
                     readreverse readmany";
    let ran = Command::new(env!("CARGO_BIN_EXE_esker-bench"))
        .args(["--num", "3000", "--threads", "2", "-o", "memory_budget=1MiB", "--db"])
        .arg(folder.path())
        .arg("--json")
        .arg(&json)
        .args(workloads.split_whitespace())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let names: Vec<&str> =
        report["results"].as_array().unwrap().iter().map(|result| result["name"].as_str().unwrap()).collect();
    assert_eq!(names, workloads.split_whitespace().collect::<Vec<_>>());
    for result in report["results"].as_array().unwrap() {
        assert!(result["ops"].as_u64().unwrap() > 0 && result["ops_per_second"].as_f64().unwrap() > 0.0, "{result}");
    }
    assert!(report["disk_bytes"].as_u64().unwrap() > 0);
}
