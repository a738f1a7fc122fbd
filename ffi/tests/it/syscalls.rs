//! Kills at the N-th system call of the shipped C library: strace counts the calls of a script and sends SIGKILL in place of one
//! of them. What the killed process left is checked against what it had acknowledged, written to, and checked again.
//!
//! The script (`tests/crash/crash.c`, command `script`) does the same in every run, so its calls are listed once and then killed at
//! one by one: from the first that names the database, in making it, in writes, flushes and compactions, and in closing. The
//! same for a second run on what a kill left, whose beginning is a recovery. The quick tier takes a part that the seed
//! chooses, and of every call its first and its last; `ESKER_KILLS=n` asks for n of each list, or all if that is fewer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::crash::{acks, build_program, check, draw, number, seed};
use crate::support::{finish, installed, scratch, succeed};

/// Kills of each list in the quick tier, the first and last of every call included.
const KILLS: usize = 45;
/// Operations of the script, and of the one on what a kill left.
const OPERATIONS: u64 = 130;
const MORE: u64 = 25;
/// Every call by which the engine changes or reads files. Those of memory, threads and time leave nothing behind.
const CALLS: &str = "write,writev,pwrite64,pwritev,fdatasync,fsync,sync_file_range,openat,close,rename,renameat,renameat2,unlink,\
                     unlinkat,ftruncate,fallocate,mkdir,fchmod,fcntl,flock,statx,pread64,getdents64";

/// A system call of the script: the N-th of its name in its thread.
type Call = (String, u64);

/// Why strace cannot be used here, if it cannot.
fn no_strace() -> Option<String> {
    if !installed("strace") {
        return Some("strace is not installed".to_owned());
    }
    let output = finish(Command::new("strace").args(["-f", "-o", "/dev/null", "true"]));
    let why = || format!("no process may be traced here: {}", String::from_utf8_lossy(&output.stderr).trim());
    (!output.status.success()).then(why)
}

struct Script {
    program: PathBuf,
    seed: u64,
}

impl Script {
    fn command(&self, database: &Path, operations: u64, strace: &[String]) -> Command {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq"]).args(strace).arg(&self.program).arg("script").arg(database);
        command.args([self.seed.to_string(), operations.to_string()]);
        command
    }

    /// The calls that a run makes, from the first that names the database on, in order.
    fn calls(&self, database: &Path, operations: u64, log: &Path) -> Vec<Call> {
        let strace = ["-e".into(), format!("trace={CALLS}"), "-o".into(), log.display().to_string()];
        succeed(&mut self.command(database, operations, &strace));
        let text = fs::read_to_string(log).unwrap();
        let (mut counts, mut calls, mut begun) = (BTreeMap::new(), Vec::new(), false);
        for line in text.lines() {
            // "1234  pwrite64(5, …": the thread and the call. Ends of calls that others interrupted have no name in front.
            let Some((thread, (call, _))) = line.split_once(' ').and_then(|(t, rest)| Some((t, rest.split_once('(')?)))
            else {
                continue;
            };
            let call = call.trim();
            if !call.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                continue;
            }
            let count = counts.entry((thread.to_owned(), call.to_owned())).or_insert(0);
            *count += 1;
            begun |= line.contains(database.to_str().unwrap());
            if begun {
                calls.push((call.to_owned(), *count));
            }
        }
        let mut seen = BTreeSet::new();
        calls.retain(|call| seen.insert(call.clone()));
        calls
    }

    /// Runs the script and kills it at a call. What it wrote to its pipe, and whether it came to that call at all.
    fn killed_at(&self, database: &Path, operations: u64, (call, n): &Call) -> (Vec<u8>, bool) {
        let inject = format!("inject={call}:signal=SIGKILL:when={n}");
        let strace = ["-e".into(), format!("trace={call}"), "-e".into(), inject, "-o".into(), "/dev/null".into()];
        let Output { status, stdout, stderr } = finish(&mut self.command(database, operations, &strace));
        let killed = status.signal() == Some(9);
        assert!(killed || status.success(), "{call} {n}: {status}: {}", String::from_utf8_lossy(&stderr));
        (stdout, killed)
    }

    /// What a killed run left is what it acknowledged, and can be written to; how many operations that is in the end.
    fn is_right(&self, database: &Path, before: u64, said: &[u8]) -> u64 {
        let acked = acks(said).last().map_or(before, |ack| ack.op);
        let [found] = check(&self.program, database, self.seed, &[acked])[..] else { panic!("one writer") };
        let mut command = Command::new(&self.program);
        command.arg("script").arg(database).args([self.seed.to_string(), MORE.to_string()]);
        let acks = acks(&finish(&mut command).stdout);
        assert_eq!(acks.first().map(|ack| ack.op), Some(found + 1), "it went on elsewhere than where it was");
        let last = acks.last().unwrap().op;
        assert_eq!(check(&self.program, database, self.seed, &[last]), [last]);
        last
    }
}

/// Some of the calls: the first and the last of each name, and others that `random` chooses.
fn chosen(calls: &[Call], count: usize, random: &mut u64) -> Vec<Call> {
    let mut ends: BTreeMap<&str, (&Call, &Call)> = BTreeMap::new();
    for call in calls {
        ends.entry(&call.0).or_insert((call, call)).1 = call;
    }
    let mut chosen: BTreeSet<&Call> = ends.into_values().flat_map(|(first, last)| [first, last]).collect();
    while chosen.len() < count.min(calls.len()) {
        chosen.insert(&calls[draw(random) as usize % calls.len()]);
    }
    calls.iter().filter(|call| chosen.contains(call)).cloned().collect()
}

/// Says at which call it was, if the test fails there.
struct At<'a>(&'a Call);

impl Drop for At<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("killed at call {} of {}", self.0.1, self.0.0);
        }
    }
}

/// Kills at calls of `calls`, each on what `prepare` puts there; returns how many runs were killed.
fn kill_at(script: &Script, calls: &[Call], prepare: impl Fn(&Path), before: u64, folder: &Path) -> u64 {
    let mut kills = 0;
    let mut names = BTreeSet::new();
    for call in calls {
        let _at = At(call);
        let database = folder.join("db");
        prepare(&database);
        let (said, killed) = script.killed_at(&database, OPERATIONS, call);
        script.is_right(&database, before, &said);
        kills += u64::from(killed);
        names.insert(&call.0);
        fs::remove_dir_all(&database).unwrap();
    }
    // A thread may make a few calls more or fewer than in the run that was listed: which thread flushes is the machine's choice.
    assert!(
        kills * 4 >= calls.len() as u64 * 3,
        "only {kills} of {} runs came to where they were to be killed",
        calls.len()
    );
    println!("{kills} kills at system calls: {names:?}");
    kills
}

/// The script, ready to run, and how many kills each list gets; says so where that cannot be.
fn ready(folder: &Path) -> Option<(Script, usize)> {
    if let Some(why) = no_strace() {
        println!("SKIPPED: {why}");
        return None;
    }
    let script = Script { program: build_program(folder), seed: seed() };
    Some((script, number("ESKER_KILLS").map_or(KILLS, |kills| kills as usize)))
}

#[test]
fn killed_at_the_nth_call_of_a_new_database() {
    let folder = scratch("syscalls");
    let Some((script, count)) = ready(folder.path()) else { return };
    let database = folder.path().join("db");
    let calls = script.calls(&database, OPERATIONS, &folder.path().join("log"));
    fs::remove_dir_all(&database).unwrap();
    println!("{} calls", calls.len());
    for call in ["pwrite64", "fdatasync", "fsync", "openat", "rename", "unlink", "close", "mkdir"] {
        assert!(calls.iter().any(|(name, _)| name == call), "the script never calls {call}");
    }
    let chosen = chosen(&calls, count, &mut (script.seed | 1));
    kill_at(&script, &chosen, |_| {}, 0, folder.path());
}

#[test]
fn killed_at_the_nth_call_of_a_recovery() {
    let folder = scratch("recovery");
    let Some((script, count)) = ready(folder.path()) else { return };
    let base = folder.path().join("base");
    // Late enough for tables, a log that rolled and something in it that was never flushed.
    let (said, killed) = script.killed_at(&base, OPERATIONS, &("write".to_owned(), OPERATIONS - 7));
    let before = acks(&said).last().expect("it wrote for a while").op;
    assert!(killed && before > OPERATIONS / 2, "{before} writes before the kill");
    let restore = |database: &Path| {
        succeed(Command::new("cp").arg("-a").arg(&base).arg(database));
    };
    let database = folder.path().join("db");
    restore(&database);
    let calls = script.calls(&database, OPERATIONS, &folder.path().join("log"));
    fs::remove_dir_all(&database).unwrap();
    // Up to the first acknowledgement, which is the first `write`, it recovers.
    let recovery = calls.iter().position(|(name, _)| name == "write").unwrap();
    println!("{} calls, {recovery} of them before the first write", calls.len());
    assert!(recovery > 30, "{recovery} calls are no recovery");
    let chosen = chosen(&calls[..recovery], count, &mut (script.seed | 1));
    kill_at(&script, &chosen, restore, before, folder.path());
}
