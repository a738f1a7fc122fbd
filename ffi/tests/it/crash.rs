//! kill -9 through the C library: a program writes and acknowledges, is killed at a random moment, and what it leaves is
//! checked against what it acknowledged. `tests/crash/crash.c` says how a database is known to be right.
//!
//! Kills come at any moment after the start, so also within opening and recovery. The seed is printed, and `ESKER_SEED`
//! sets it; the moments are the machine's own, so a failing seed is a place to look, not a recording.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::{Compiler, library, root, scratch, succeed};

/// Kills per number of writers. Together the quick tier's share of the kills through C; `ESKER_KILLS` asks for more.
const KILLS: u64 = 75;

#[test]
fn one_writer_is_killed() {
    kill_many(1);
}

#[test]
fn four_writers_are_killed() {
    kill_many(4);
}

fn kill_many(writers: usize) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = number("ESKER_SEED").unwrap_or(time);
    println!("ESKER_SEED={seed}");
    let scratch = scratch("crash");
    let program = scratch.path().join("crash");
    let source = root().join("tests/crash/crash.c");
    Compiler::c("c11").with(&["-O2"]).build(&source, &program, library());

    let mut random = seed | 1;
    let mut acked = vec![0; writers];
    let mut total = 0u64;
    let mut database = scratch.path().join("db0");
    for kill in 0..number("ESKER_KILLS").unwrap_or(KILLS) {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let life = Duration::from_micros((random >> 33) % 60_000);
        write_and_kill(&program, &database, seed, &mut acked, life);
        let found = check(&program, &database, seed, &acked);
        total = total.max(found.iter().sum());
        acked = found;
        // The check replays every operation, so a database that has seen many is left for a new one.
        if acked.iter().sum::<u64>() > 50_000 {
            acked = vec![0; writers];
            database = scratch.path().join(format!("db{kill}"));
        }
    }
    println!("at most {total} operations in one database");
    assert!(total > 0, "no writer ever acknowledged anything: the kills came too soon to tell");
}

/// Lets the program write for a while, kills it, and notes what it acknowledged.
fn write_and_kill(program: &Path, database: &Path, seed: u64, acked: &mut [u64], life: Duration) {
    let mut command = Command::new(program);
    command.arg("write").arg(database).args([seed.to_string(), acked.len().to_string()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    });
    std::thread::sleep(life);
    child.kill().unwrap();
    let end = child.wait_with_output().unwrap();
    assert!(end.status.code().is_none(), "it ended by itself: {}", String::from_utf8_lossy(&end.stderr));
    let bytes = reader.join().unwrap();
    let (acks, []) = bytes.as_chunks::<8>() else { panic!("half an acknowledgement") };
    for ack in acks.iter().map(|bytes| u64::from_le_bytes(*bytes)) {
        let (writer, op) = ((ack >> 56) as usize, ack & ((1 << 56) - 1));
        assert_eq!(op, acked[writer] + 1, "writer {writer} went on elsewhere than where it was");
        acked[writer] = op;
    }
}

/// What the database holds of each writer; fails if it is not what it should be.
fn check(program: &Path, database: &Path, seed: u64, acked: &[u64]) -> Vec<u64> {
    let mut command = Command::new(program);
    command.arg("check").arg(database).args([seed.to_string(), acked.len().to_string()]);
    let found = succeed(command.args(acked.iter().map(u64::to_string)));
    found.lines().map(|line| line.parse().unwrap()).collect()
}
