//! T1, the whole model: random runs against the plainest statement of what the medium may do, on the simulated disk and, for
//! root, on a real filesystem that loses power.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::env::fs::{File, FileSystem, OpenMode};
use crate::env::os_fs::OsFs;
use crate::env::sim_fs::CrashImage;
use crate::env::sim_fs::image::Random;
use crate::env::sim_fs::model_tests::{content, dir, disk, path};
use crate::util::sync::Arc;

/// What the medium may hold of a file, told in the plainest way: the synced bytes and every state since.
#[derive(Clone, Default)]
pub(super) struct Plain {
    pub(super) synced: Vec<u8>,
    pub(super) states: Vec<Vec<u8>>,
}

impl Plain {
    pub(super) fn now(&self) -> &Vec<u8> {
        self.states.last().unwrap_or(&self.synced)
    }

    pub(super) fn change(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut next = self.now().clone();
        change(&mut next);
        self.states.push(next);
    }

    fn sync(&mut self) {
        self.synced = self.now().clone();
        self.states.clear();
    }

    /// Why `bytes` is not a legal remnant, if it is not.
    pub(super) fn objection(&self, bytes: &[u8]) -> Option<String> {
        let all = || self.states.iter().chain([&self.synced]);
        let lens = || all().map(Vec::len);
        if bytes.len() < lens().min()? || bytes.len() > lens().max()? {
            return Some(format!("length {}", bytes.len()));
        }
        let durable_sectors = self.synced.len().div_ceil(512);
        let known = bytes.len().min(durable_sectors * 512);
        // Behind the end of any of its states a byte reads as zero.
        let legal = |i: usize| all().any(|state| state.get(i).copied().unwrap_or(0) == bytes[i]);
        (0..known).find(|&i| !legal(i)).map(|i| format!("byte {i} is {}", bytes[i]))
    }
}

/// The files of a [`script`].
pub(super) const FILES: [&str; 3] = ["x", "y", "z"];

/// A run of random operations in the directory `dir`, on three files that have durable names. What they may hold now, in the
/// order of [`FILES`].
pub(super) fn script(fs: &dyn FileSystem, dir: &Path, seed: u64, steps: u32) -> Vec<Plain> {
    let mut random = Random::new(seed);
    let mut files: Vec<(Arc<dyn File>, Plain)> =
        FILES.map(|name| (fs.open(&dir.join(name), OpenMode::CreateNew).unwrap(), Plain::default())).into();
    fs.sync_dir(dir).unwrap();
    for step in 0..steps {
        let (file, plain) = &mut files[random.below(3) as usize];
        let len = plain.now().len();
        match random.below(20) {
            0..12 => {
                let at = random.below(len as u64 + 600) as usize;
                let bytes = vec![step as u8 + 1; 1 + random.below(1500) as usize];
                file.write_at(&bytes, at as u64).unwrap();
                plain.change(|state| {
                    state.resize(len.max(at + bytes.len()), 0);
                    state[at..at + bytes.len()].copy_from_slice(&bytes);
                });
            }
            12 | 13 => {
                let end = len + random.below(9000) as usize;
                file.allocate(end as u64).unwrap();
                plain.change(|state| state.resize(end, 0));
            }
            14 | 15 => {
                let end = random.below(len as u64 + 1) as usize;
                file.truncate(end as u64).unwrap();
                plain.change(|state| state.truncate(end));
            }
            _ => {
                file.sync().unwrap();
                plain.sync();
            }
        }
    }
    files.into_iter().map(|(_, plain)| plain).collect()
}

/// What the medium may hold of a directory, told in the plainest way.
#[derive(Debug, Default)]
pub(super) struct PlainNames {
    /// The names at the last sync.
    pub(super) synced: BTreeSet<String>,
    /// Of these, the ones that were renamed or removed since.
    touched: BTreeSet<String>,
    /// Every name that was there at some time since.
    ever: BTreeSet<String>,
}

impl PlainNames {
    /// Why these names are not a legal remnant, if they are not.
    pub(super) fn objection(&self, names: &BTreeSet<String>) -> Option<String> {
        let strange = names.iter().find(|name| !self.ever.contains(*name) && !self.synced.contains(*name));
        let gone = self.synced.iter().find(|name| !self.touched.contains(*name) && !names.contains(*name));
        strange.map(|name| format!("{name} never was")).or(gone.map(|name| format!("{name} is gone")))
    }
}

fn listed(fs: &dyn FileSystem, dir: &Path) -> BTreeSet<String> {
    fs.list(dir).unwrap().into_iter().map(|name| name.into_string().unwrap()).collect()
}

/// A run of twenty creations, renames, removals and syncs of the directory `dir`.
pub(super) fn name_script(fs: &dyn FileSystem, dir: &Path, seed: u64) -> PlainNames {
    let mut random = Random::new(seed);
    let mut plain = PlainNames::default();
    for step in 0..20 {
        let name = format!("f{step}");
        let first = listed(fs, dir).pop_first();
        match (random.below(6), first) {
            (0..3, _) => drop(fs.open(&dir.join(&name), OpenMode::CreateNew).unwrap()),
            (3, Some(first)) => {
                fs.rename(&dir.join(&first), &dir.join(&name)).unwrap();
                plain.touched.insert(first);
            }
            (4, Some(first)) => {
                fs.remove(&dir.join(&first)).unwrap();
                plain.touched.insert(first);
            }
            _ => {
                fs.sync_dir(dir).unwrap();
                plain = PlainNames { synced: listed(fs, dir), ..PlainNames::default() };
            }
        }
        plain.ever.extend(listed(fs, dir));
    }
    plain
}

#[test]
fn no_image_of_a_random_run_does_more_than_the_medium_may() {
    for seed in 0..150 {
        let sim = disk();
        let plains = script(&sim, dir(), seed, 1 + (seed % 40) as u32);
        for image in (0..8).flat_map(CrashImage::all) {
            let after = sim.crash(image);
            for (name, plain) in FILES.iter().zip(&plains) {
                assert_eq!(plain.objection(&content(&after, name)), None, "seed {seed}, {name}, {image:?}");
            }
        }
        for (name, plain) in FILES.iter().zip(&plains) {
            assert_eq!(content(&sim, name), *plain.now(), "seed {seed}");
            assert_eq!(content(&sim.crash(CrashImage::Everything), name), *plain.now(), "seed {seed}");
            assert_eq!(content(&sim.crash(CrashImage::NothingUnsynced), name), plain.synced, "seed {seed}");
        }
    }
}

#[test]
fn a_second_crash_does_no_more_than_the_medium_may_either() {
    for seed in 0..60 {
        let sim = disk();
        script(&sim, dir(), seed, 20);
        let first = sim.crash(CrashImage::Random { seed });
        for name in FILES {
            let mut plain = Plain { synced: content(&first, name), states: Vec::new() };
            let file = first.open(&path(name), OpenMode::ReadWrite).unwrap();
            file.write_at(&[200; 700], plain.synced.len() as u64).unwrap();
            plain.change(|state| state.extend([200; 700]));
            for image in (0..4).flat_map(CrashImage::all) {
                assert_eq!(
                    plain.objection(&content(&first.crash(image), name)),
                    None,
                    "seed {seed}, {name}, {image:?}"
                );
            }
        }
    }
}

/// A filesystem in a file, mounted. Gone when dropped.
struct Mounted {
    scratch: tempfile::TempDir,
}

impl Mounted {
    /// `None`, with the reason printed, where this cannot be had.
    fn new(kind: &str) -> Option<Mounted> {
        let mounted = Mounted { scratch: tempfile::tempdir().unwrap() };
        let image = mounted.scratch.path().join("image");
        std::fs::create_dir(mounted.mount_point()).unwrap();
        std::fs::File::create(&image).unwrap().set_len(320 << 20).unwrap();
        let made = run(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image)) && mounted.mount();
        if !made {
            println!("SKIPPED on {kind}: needs mkfs.{kind}, root and loop devices");
        }
        made.then_some(mounted)
    }

    fn mount_point(&self) -> std::path::PathBuf {
        self.scratch.path().join("mnt")
    }

    fn mount(&self) -> bool {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.scratch.path().join("image")).arg(self.mount_point()))
    }

    /// Cuts the power: the filesystem stops where it is, writes nothing more, and is mounted again.
    fn cut_power(&self) {
        // _IOR('X', 125, u32) with "do not flush the log".
        let shutdown = "import fcntl, os, struct, sys; \
             fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        assert!(run(Command::new("python3").args(["-c", shutdown]).arg(self.mount_point())));
        assert!(run(Command::new("umount").arg(self.mount_point())) && self.mount());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run(Command::new("umount").arg(self.mount_point()));
    }
}

fn run(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The number in the environment's variable `name`.
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// `ESKER_T1_SCRIPTS=n` runs so many scripts on each filesystem, `ESKER_SEED=n` begins with that seed.
#[test]
fn real_filesystems_do_no_more_than_the_medium_may() {
    let first = asked("ESKER_SEED").unwrap_or(0);
    let scripts = asked("ESKER_T1_SCRIPTS").unwrap_or(6);
    for kind in ["ext4", "xfs"] {
        let Some(mounted) = Mounted::new(kind) else { continue };
        let fs = OsFs::new();
        let (mut bytes_lost, mut names_lost) = (0, 0);
        for seed in first..first + scripts {
            let dir = mounted.mount_point().join(seed.to_string());
            let names_dir = mounted.mount_point().join(format!("names-{seed}"));
            assert!(fs.create_dir(&dir).unwrap() && fs.create_dir(&names_dir).unwrap());
            // Whose unsynced remains the other's syncs write out with theirs is another one each time.
            let (plains, names, now) = if seed % 2 == 0 {
                let plains = script(&fs, &dir, seed, 1 + (seed % 60) as u32);
                let names = name_script(&fs, &names_dir, seed);
                (plains, names, listed(&fs, &names_dir))
            } else {
                let names = name_script(&fs, &names_dir, seed);
                let now = listed(&fs, &names_dir);
                (script(&fs, &dir, seed, 1 + (seed % 60) as u32), names, now)
            };
            mounted.cut_power();
            for (name, plain) in FILES.iter().zip(&plains) {
                let survived = std::fs::read(dir.join(name)).unwrap();
                assert_eq!(plain.objection(&survived), None, "{kind}, seed {seed}, {name}");
                bytes_lost += u32::from(survived != *plain.now());
            }
            let survived = listed(&fs, &names_dir);
            assert_eq!(names.objection(&survived), None, "{kind}, seed {seed}: {survived:?}");
            names_lost += u32::from(survived != now);
            std::fs::remove_dir_all(&dir).and_then(|()| std::fs::remove_dir_all(&names_dir)).unwrap();
        }
        println!("{kind}: {scripts} scripts, {bytes_lost} files and {names_lost} directories lost something");
        assert!(bytes_lost > 0 && names_lost > 0, "{kind} lost nothing: was the power cut at all?");
    }
}
