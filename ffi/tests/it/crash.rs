//! kill -9 through the C library: a program writes and acknowledges, is killed at a random moment, and what it leaves is
//! checked against what it acknowledged. `tests/crash/crash.c` says how a database is known to be right.
//!
//! Kills come at any moment after the start, so also within opening and recovery. The seed is printed, and `ESKER_SEED`
//! sets it; the moments are the machine's own, so a failing seed is a place to look, not a recording.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::{Compiler, library, root, scratch, succeed};

/// Kills at random per number of writers; `ESKER_KILLS` asks for more. `syscalls` has the kills at counted system calls.
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
    let seed = seed();
    let scratch = scratch("crash");
    let program = build_program(scratch.path());
    let kills = number("ESKER_KILLS").unwrap_or(KILLS);

    let mut random = seed | 1;
    let mut acked = vec![0; writers];
    let mut total = 0u64;
    let mut database = scratch.path().join("db0");
    for kill in 0..kills {
        let life = Duration::from_micros(draw(&mut random) % 60_000);
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
    println!("{kills} kills at random, {writers} writers, at most {total} operations in one database");
    assert!(total > 0, "no writer ever acknowledged anything: the kills came too soon to tell");
}

/// A number that the environment gives.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Where the random choices of a test begin: `ESKER_SEED`, or the time; printed.
pub fn seed() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = number("ESKER_SEED").unwrap_or(time);
    println!("ESKER_SEED={seed}");
    seed
}

/// The next random number.
pub fn draw(random: &mut u64) -> u64 {
    *random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    *random >> 33
}

/// `tests/crash/crash.c` against the library as it ships.
pub fn build_program(folder: &Path) -> PathBuf {
    let program = folder.join("crash");
    Compiler::c("c11").with(&["-O2"]).build(&root().join("tests/crash/crash.c"), &program, library());
    program
}

/// An acknowledgement that the program wrote.
#[derive(Clone, Copy, Debug)]
pub struct Ack {
    pub writer: usize,
    pub op: u64,
    /// Whether the write was to be on the medium, and so all before it.
    pub synced: bool,
}

/// All that was acknowledged. Each is one `write`, so none can be half there.
pub fn acks(bytes: &[u8]) -> Vec<Ack> {
    let (acks, []) = bytes.as_chunks::<8>() else { panic!("half an acknowledgement") };
    let decoded = acks.iter().map(|bytes| u64::from_le_bytes(*bytes));
    decoded
        .map(|ack| Ack { writer: (ack >> 56) as usize, op: ack & ((1 << 55) - 1), synced: ack >> 55 & 1 == 1 })
        .collect()
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
    for Ack { writer, op, .. } in self::acks(&bytes) {
        assert_eq!(op, acked[writer] + 1, "writer {writer} went on elsewhere than where it was");
        acked[writer] = op;
    }
}

/// What the database holds of each writer; fails if it is not what it should be.
pub fn check(program: &Path, database: &Path, seed: u64, acked: &[impl ToString]) -> Vec<u64> {
    let mut command = Command::new(program);
    command.arg("check").arg(database).args([seed.to_string(), acked.len().to_string()]);
    let found = succeed(command.args(acked.iter().map(ToString::to_string)));
    found.lines().map(|line| line.parse().unwrap()).collect()
}
