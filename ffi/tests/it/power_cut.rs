//! Power cuts through the shipped C library on a real filesystem: an ext4 in a file, mounted, is stopped by the ioctl that
//! filesystems have for their own tests while writers are at work, and mounted again. Synced writes are there, and what is there
//! is what some moment left (`tests/crash/crash.c` says how that is known). Needs root and loop devices; else it says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::crash::{Ack, acks, build_program, check, draw, number, seed};
use crate::support::{finish, scratch, succeed};

const WRITERS: usize = 2;
/// Power cuts in the quick tier; `ESKER_KILLS` asks for more.
const CUTS: u64 = 10;

/// A filesystem in a file; unmounted when dropped.
struct Mounted {
    image: PathBuf,
    point: PathBuf,
}

impl Mounted {
    /// Makes one, or says why that is not possible.
    fn new(folder: &Path) -> Result<Mounted, String> {
        let mounted = Mounted { image: folder.join("image"), point: folder.join("mnt") };
        fs::create_dir(&mounted.point).unwrap();
        fs::File::create(&mounted.image).unwrap().set_len(128 << 20).unwrap();
        let mkfs = ["/sbin/mkfs.ext4", "/usr/sbin/mkfs.ext4"].into_iter().find(|path| Path::new(path).exists());
        tried(Command::new(mkfs.ok_or("mkfs.ext4 is not installed")?).args(["-q", "-F"]).arg(&mounted.image))?;
        mounted.mount()?;
        Ok(mounted)
    }

    fn mount(&self) -> Result<(), String> {
        tried(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.point))
    }

    fn unmount(&self) -> Result<(), String> {
        tried(Command::new("umount").arg(&self.point))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ended = self.unmount();
    }
}

fn tried(command: &mut Command) -> Result<(), String> {
    let output = finish(command);
    let why = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    if output.status.success() { Ok(()) } else { Err(why()) }
}

/// Per writer the last number that a power cut may not take, and the last that was acknowledged.
type Known = [(u64, u64); WRITERS];

#[test]
fn synced_writes_survive_power_cuts() {
    let seed = seed();
    let folder = scratch("power-cut");
    let program = build_program(folder.path());
    let mounted = match Mounted::new(folder.path()) {
        Ok(mounted) => mounted,
        Err(why) => return println!("SKIPPED: no filesystem can be mounted here: {why}"),
    };
    let database = mounted.point.join("db");
    let (mut random, mut known, mut lost, mut kept) = (seed | 1, [(0, 0); WRITERS], 0, 0);
    let cuts = number("ESKER_KILLS").unwrap_or(CUTS);
    for _ in 0..cuts {
        write_and_cut(
            &program,
            &mounted,
            &database,
            seed,
            &mut known,
            Duration::from_micros(20_000 + draw(&mut random) % 200_000),
        );
        mounted.mount().unwrap();
        let limits: Vec<String> = known.iter().map(|(synced, acked)| format!("{synced}:{acked}")).collect();
        let found = check(&program, &database, seed, &limits);
        for (known, found) in known.iter_mut().zip(found) {
            lost += known.1.saturating_sub(found);
            kept += found;
            // The check opened it, and a recovery leaves nothing that is not on the medium.
            *known = (found, found);
        }
        // The check replays every operation of a writer, so a database that has seen many makes room for a new one.
        if known.iter().map(|known| known.0).sum::<u64>() > 30_000 {
            fs::remove_dir_all(&database).unwrap();
            known = [(0, 0); WRITERS];
        }
    }
    println!("{cuts} cuts of the power, which took {lost} writes that were never synced");
    assert!(kept > 0, "nothing was ever written");
    assert!(lost > 0, "nothing was lost: was the power cut at all?");
}

fn write_and_cut(program: &Path, mounted: &Mounted, database: &Path, seed: u64, known: &mut Known, life: Duration) {
    let mut command = Command::new(program);
    command.arg("write").arg(database).args([seed.to_string(), WRITERS.to_string()]);
    let file = mounted.image.with_extension("acks");
    let child = command.stdout(fs::File::create(&file).unwrap()).stderr(Stdio::null()).spawn();
    let mut child = child.unwrap();
    std::thread::sleep(life);
    succeed(Command::new(program).arg("cut-power").arg(&mounted.point));
    // It may have ended by itself, of the errors that came back.
    child.kill().unwrap();
    child.wait().unwrap();
    mounted.unmount().unwrap();
    for Ack { writer, op, synced } in acks(&fs::read(&file).unwrap()) {
        assert_eq!(op, known[writer].1 + 1, "writer {writer} went on elsewhere than where it was");
        known[writer] = if synced { (op, op) } else { (known[writer].0, op) };
    }
}
