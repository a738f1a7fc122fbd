//! T2: a crash at every filesystem operation of every script, and every image of the disk that it may leave.
//!
//! One run records the disk before each operation. Each of these states, turned into an image by losing, keeping or tearing
//! what was not synced, is opened; what it holds must be the state after some number of commits, not fewer than were
//! promised and not more than were begun. Then a write, a close and a second open, because only the second open proves the
//! first; and at some points a crash in the middle of the recovery itself, and of the recovery after that.
//!
//! `ESKER_CRASH_IMAGES=64` tries so many images at each operation, `ESKER_CRASH_DEPTH=3` crashes so often in a row: the long
//! form. A script that fails is shrunk (`support/shrink`) and printed as a regression test.

use std::sync::Arc;

use esker::env::sim_fs::{CrashImage, CrashPoint, SimFs};
use esker::{Db, ErrorKind};

use crate::support::copies;
use crate::support::oracle::{Contents, DEFAULT};
use crate::support::rng::{number, seed_or};
use crate::support::script::{DIR, Journal, Script, contents, inline, run};
use crate::support::shrink::{Failure, Kind, caught, shrink};
use crate::support::source::regression_test;
use crate::support::workloads::{every_script, one_test_per_script, scripts};

/// Decides what the images lose that lose something at random; `ESKER_SEED=n` for another one.
fn seed() -> u64 {
    seed_or(0x00e5_4e12)
}

/// Recoveries that are themselves crashed: one in so many; of recoveries of recoveries one in eight times as many.
const NESTED_EVERY: u64 = 29;

/// A crash, or several in a row: the operation of the script, and what each crash left.
#[derive(Clone, Debug)]
pub struct At {
    op: u64,
    inside: bool,
    images: Vec<CrashImage>,
}

/// What went wrong at it.
type Wrong = (Kind, String);

/// How many images of each state are tried, and which.
#[derive(Clone, Debug)]
pub struct Reach {
    pub seed: u64,
    /// The images of the disk at an operation; `None` for those of the tiers.
    pub only: Option<Vec<CrashImage>>,
    /// How many images of each state.
    pub images: usize,
    /// How many crashes in a row.
    pub depth: usize,
    /// Every so many operations of a recovery it is crashed.
    pub stride: usize,
}

impl Reach {
    /// What the environment asks for; ten images and one crash in the recovery, unless it does.
    fn of_tier() -> Reach {
        let images = number("ESKER_CRASH_IMAGES").unwrap_or(10) as usize;
        let depth = number("ESKER_CRASH_DEPTH").unwrap_or(2) as usize;
        Reach { seed: seed(), only: None, images, depth, stride: 3 }
    }

    /// Of the disk before the script's operation `op`.
    fn images(&self, op: u64) -> Vec<CrashImage> {
        if let Some(images) = &self.only {
            return images[..1].to_vec();
        }
        let seed = self.seed ^ op;
        let more = (1u64..).flat_map(|n| {
            let seed = seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let [random, torn] = [CrashImage::Random { seed }, CrashImage::TornLastWrite { seed }];
            [random, torn, CrashImage::Random { seed: !seed }, CrashImage::GarbageTail { seed }]
        });
        CrashImage::all(seed).into_iter().chain(more).take(self.images).collect()
    }

    /// Of the disk in the middle of a recovery from the crashes `so_far`.
    fn nested_images(&self, op: u64, so_far: usize) -> Vec<CrashImage> {
        match &self.only {
            Some(images) => images[so_far..so_far + 1].to_vec(),
            None => {
                vec![CrashImage::NothingUnsynced, CrashImage::Random { seed: self.seed ^ op }, CrashImage::ZeroTail]
            }
        }
    }
}

/// Runs `script` and keeps the disk before each of its operations.
fn record(script: &Script, seed: u64) -> Result<(SimFs, Journal), Wrong> {
    let disk = SimFs::new(seed);
    disk.record_states();
    let counter = disk.clone();
    let (journal, db) = run(script, Arc::new(disk.clone()), &move || counter.op_count(), true);
    let failed = journal.entries.iter().position(|entry| entry.error.is_some());
    match (db, failed) {
        (Some(_), None) => Ok((disk, journal)),
        (_, at) => Err((Kind::Step, format!("entry {at:?} of the journal failed without a fault"))),
    }
}

fn open(disk: &SimFs, script: &Script) -> Result<Db, esker::Error> {
    Db::open_in(inline(Arc::new(disk.clone())), DIR, &script.options)
}

/// A script with the disks and the journal of its run.
struct Search<'a> {
    script: &'a Script,
    reach: &'a Reach,
    journal: Journal,
    recoveries: u64,
}

impl Search<'_> {
    /// Every image of `point`, and what the reach says of crashes in their recoveries.
    fn check_point(&mut self, point: &CrashPoint) -> Result<(), Failure<At>> {
        // With nothing unsynced all images are the same one.
        let images = self.reach.images(point.op);
        let images = if point.disk.is_clean() { &images[..1] } else { &images };
        for image in images {
            let at = At { op: point.op, inside: point.inside, images: vec![*image] };
            self.check(&|| point.disk.crash(*image), at)?;
        }
        Ok(())
    }

    /// Opens what a crash left, as often as it is asked for, and sometimes crashes that.
    fn check(&mut self, left: &dyn Fn() -> SimFs, at: At) -> Result<(), Failure<At>> {
        caught(at.clone(), || check_image(&left(), self.script, &self.journal, &at))?;
        self.recoveries += 1;
        let every = NESTED_EVERY << (3 * (at.images.len() - 1));
        let nested = self.reach.only.is_some() || self.recoveries.is_multiple_of(every);
        if at.images.len() >= self.reach.depth || !nested {
            return Ok(());
        }
        let disk = left();
        disk.record_states();
        drop(open(&disk, self.script));
        for point in disk.crash_points().into_iter().step_by(self.reach.stride) {
            for image in self.reach.nested_images(point.op, at.images.len()) {
                let at = At { images: [&at.images[..], &[image]].concat(), ..at };
                self.check(&|| point.disk.crash(image), at)?;
            }
        }
        Ok(())
    }
}

/// Crashes `script` at every operation, as far as `reach` says: how many operations and recoveries there were.
pub fn crash_everywhere(script: &Script, reach: &Reach) -> Result<(u64, u64), Failure<At>> {
    let (disk, journal) = record(script, reach.seed).map_err(|(kind, message)| {
        let at = At { op: 0, inside: false, images: Vec::new() };
        Failure { kind, message, at }
    })?;
    let mut search = Search { script, reach, journal, recoveries: 0 };
    for point in disk.crash_points() {
        search.check_point(&point)?;
    }
    Ok((disk.op_count(), search.recoveries))
}

/// Opens what a crash left, or several in a row.
fn check_image(disk: &SimFs, script: &Script, journal: &Journal, at: &At) -> Result<(), Wrong> {
    // Of a process that died every written byte is left; what follows it may still lose what was never synced.
    let kept_all = at.images.iter().all(|image| matches!(image, CrashImage::Everything | CrashImage::Killed));
    let legal = journal.legal(at.op, at.inside, kept_all);
    let db = open(disk, script).map_err(|error| (Kind::Refused, format!("{error:?}")))?;
    let found = contents(&db).map_err(|error| (Kind::Refused, format!("{error:?}")))?;
    if !legal.clone().rev().any(|n| journal.states[n] == found) {
        let what = format!("{:?} keys are the state after none of the commits {legal:?}", sizes(&found));
        return Err((Kind::WrongState, what));
    }
    copies::check(disk, script, journal, (at.op, at.inside), &|n, found| journal.states[n] == *found)?;
    second_life(db, disk, script, found).map_err(|what| (Kind::SecondOpen, what))
}

/// How many keys each family has.
fn sizes(contents: &Contents) -> Vec<(&str, usize)> {
    contents.iter().map(|(name, map)| (&name[..], map.len())).collect()
}

/// Writes, closes, opens again: all is there, and nothing else.
fn second_life(db: Db, disk: &SimFs, script: &Script, mut expected: Contents) -> Result<(), String> {
    db.put("zz after the crash", "1").map_err(|error| format!("{error:?}"))?;
    let default = expected.get_mut(DEFAULT).ok_or("every database has it")?;
    default.insert(b"zz after the crash".to_vec(), b"1".to_vec());
    db.close().map_err(|error| format!("close: {error:?}"))?;
    let db = open(disk, script).map_err(|error| format!("second open: {error:?}"))?;
    let again = contents(&db).map_err(|error| format!("second open: {error:?}"))?;
    if again != expected {
        return Err(format!("the second open shows {:?} keys, not {:?}", sizes(&again), sizes(&expected)));
    }
    Ok(())
}

/// The failure with as few steps, and as plain images, as show it; as text that ends in a regression test.
pub fn shrunk(script: &Script, reach: &Reach, failure: &Failure<At>) -> String {
    let looking_for = |images: &[CrashImage]| {
        let depth = images.len();
        let reach = Reach { only: (depth > 0).then(|| images.to_vec()), depth, stride: 1, ..reach.clone() };
        move |script: &Script| crash_everywhere(script, &reach).err()
    };
    // Fewer crashes in a row are plainer, and then those that lose nothing, or by a rule instead of by dice.
    let plain = [
        CrashImage::Everything,
        CrashImage::Killed,
        CrashImage::NothingUnsynced,
        CrashImage::DirEntriesLost,
        CrashImage::DataLost,
        CrashImage::ZeroTail,
    ];
    let as_found = failure.at.images.clone();
    let mut candidates: Vec<Vec<CrashImage>> = plain.iter().map(|image| vec![*image]).collect();
    candidates.extend((1..as_found.len()).map(|depth| as_found[..depth].to_vec()));
    let same = |images: &&Vec<CrashImage>| {
        !images.is_empty() && looking_for(images)(script).is_some_and(|found| found.kind == failure.kind)
    };
    let images = candidates.iter().find(same).unwrap_or(&as_found);
    let (script, last) = shrink(script, failure, &looking_for(images));
    let images = last.at.images.iter().map(|image| format!("CrashImage::{image:?}")).collect::<Vec<_>>().join(", ");
    let call = format!("crash::survives(&script, {}, &[{images}])", reach.seed);
    format!("{:?}: {}\n\n{}", last.kind, last.message, regression_test(&script, &call))
}

/// For shrunk scripts: this crash, or these in a row, at every operation. Another version does other operations, and so which of
/// them it once was would not last.
pub fn survives(script: &Script, seed: u64, images: &[CrashImage]) {
    let reach = Reach { seed, only: Some(images.to_vec()), images: 1, depth: images.len(), stride: 1 };
    crash_everywhere(script, &reach).unwrap_or_else(|failure| panic!("{failure:?}"));
}

fn holds(script: &Script) {
    let reach = Reach::of_tier();
    match crash_everywhere(script, &reach) {
        Ok((operations, recoveries)) => {
            let name = script.name;
            println!("{name}: {operations} operations, {recoveries} recoveries, 0 wrong, ESKER_SEED={}", reach.seed);
        }
        Err(failure) => {
            let small = shrunk(script, &reach, &failure);
            panic!("{}: ESKER_SEED={}: {failure:?}\nWith as few steps as show it:\n{small}", script.name, reach.seed);
        }
    }
}

#[test]
fn two_runs_of_a_script_do_the_same_operations() {
    for script in scripts() {
        let ops = || record(&script, seed()).expect("without faults every step works").0.ops();
        let (first, second) = (ops(), ops());
        let differs = first.iter().zip(&second).position(|(a, b)| a != b);
        assert_eq!((differs, first.len()), (None, second.len()), "{}", script.name);
    }
}

#[test]
fn a_killed_process_lets_go_of_the_lock() {
    let disk = SimFs::new(seed());
    let script = &scripts()[1];
    let db = open(&disk, script).unwrap();
    assert_eq!(open(&disk, script).unwrap_err().kind(), ErrorKind::Locked);
    let left = disk.crash(CrashImage::Everything);
    open(&left, script).unwrap();
    drop(db);
}

every_script!(one_test_per_script);
