//! One run of a script with a fault or two, and everything that must hold of it: of the handle that met them, of crashes
//! between the fault and the script's end and after it, of a close, and of recoveries that meet the fault themselves.
//!
//! What a failed commit leaves: nothing if it was refused (no space, read-only after an earlier failure); otherwise it may be
//! there or not, whole, until the next open decides.

use std::sync::Arc;

use esker::env::fault_fs::{FaultFs, FaultPlan};
use esker::env::sim_fs::{CrashImage, CrashPoint, SimFs};
use esker::{Db, ErrorKind};

use super::Strike;
use super::tally::Met;
use crate::support::copies;
use crate::support::oracle::Contents;
use crate::support::script::{DIR, Journal, Script, contents, inline, nothing, run};
use crate::support::shrink::Kind;

type Wrong = (Kind, String);

/// At how many operations between the fault and the end of the script the machine crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crashes {
    /// At two, others for each strike; alternately with the fault healed and still there.
    Two,
    /// At each of the sixteen states after the fault and at every eighth after that; with the fault healed and still there.
    Many,
}

#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub script: &'a Script,
    pub seed: u64,
    pub strike: Strike,
    pub crashes: Crashes,
}

/// A finished run.
struct Ran<'a> {
    case: &'a Case<'a>,
    sim: &'a SimFs,
    journal: Journal,
    layers: Vec<Vec<Contents>>,
}

/// What may be there after each commit: a failed one of unknown fate splits every possibility in two.
fn possibilities(script: &Script, journal: &Journal) -> Vec<Vec<Contents>> {
    let mut layers = vec![vec![nothing()]];
    // The first entry is the opening.
    for (step, entry) in script.steps.iter().zip(journal.entries.iter().skip(1)) {
        if !(script.oracle)(step, &mut nothing()) {
            continue;
        }
        let before = layers.last().expect("there is a first layer");
        let with = before.iter().map(|contents| after(script, step, contents));
        let after: Vec<Contents> = match entry.error {
            None => with.collect(),
            Some(ErrorKind::NoSpace | ErrorKind::Poisoned | ErrorKind::Busy | ErrorKind::NotFound) => before.clone(),
            Some(_) => before.iter().cloned().chain(with).collect(),
        };
        assert!(after.len() <= 64, "{}: too many commits of unknown fate", script.name);
        layers.push(after);
    }
    layers
}

/// `contents` with `step` done.
fn after(script: &Script, step: &crate::support::script::Step, contents: &Contents) -> Contents {
    let mut contents = contents.clone();
    (script.oracle)(step, &mut contents);
    contents
}

impl Case<'_> {
    /// What was met; nothing if the strike lies behind the script's end.
    pub fn run(&self) -> Result<Met, Wrong> {
        let Strike { fault, at_op, persistent, second } = self.strike;
        let sim = SimFs::new(self.seed);
        sim.record_states();
        let faulty = FaultFs::over_sim(&sim);
        faulty.inject(FaultPlan { persistent, ..FaultPlan::new(fault, at_op) });
        if let Some((second, later)) = second {
            faulty.inject(FaultPlan::new(second, later).after(1));
        }
        let counter = sim.clone();
        let (journal, db) = run(self.script, Arc::new(faulty.clone()), &move || counter.op_count(), false);
        let Some(struck) = faulty.first_strike() else { return Ok(Met::default()) };
        let fired = faulty.fired();
        faulty.heal();
        let layers = possibilities(self.script, &journal);
        let ran = Ran { case: self, sim: &sim, journal, layers };
        if let Some(db) = &db {
            ran.check_living(db)?;
        }
        let crashes = ran.check_crashes_between(struck)?;
        ran.check_crashes_at_the_end()?;
        if let Some(db) = db {
            ran.check_closed(db)?;
        }
        let mut faults = vec![fault];
        faults.extend(second.map(|(second, _)| second).filter(|second| fired > 1 && *second != fault));
        faults.retain(|fault| faulty.fired_by(*fault) > 0);
        Ok(Met { faults, is_pair: second.is_some() && fired > 1, crashes })
    }

    fn open(&self, disk: &SimFs) -> Result<Db, esker::Error> {
        Db::open_in(inline(Arc::new(disk.clone())), DIR, &self.script.options)
    }

    /// Opens `disk`, reads all of it, and writes; gives what was read.
    fn life_on(&self, disk: &SimFs, place: &str) -> Result<Contents, Wrong> {
        let refused = |error| (Kind::Refused, format!("{place}: {error:?}"));
        let db = self.open(disk).map_err(refused)?;
        let found = contents(&db).map_err(refused)?;
        db.put("zz", "works again").map_err(refused)?;
        Ok(found)
    }
}

impl Ran<'_> {
    fn last(&self) -> &[Contents] {
        self.layers.last().expect("there is a first layer")
    }

    /// The handle that met the fault still reads all that it acknowledged.
    fn check_living(&self, db: &Db) -> Result<(), Wrong> {
        let found = contents(db).map_err(|error| (Kind::Refused, format!("reads stopped: {error:?}")))?;
        if !self.last().contains(&found) {
            return Err((Kind::WrongState, "the living handle shows something else".to_owned()));
        }
        let Some(reason) = db.poisoned() else { return Ok(()) };
        match db.put("k", "v") {
            Err(error) if error.kind() == ErrorKind::Poisoned => Ok(()),
            other => Err((Kind::Conduct, format!("a write to a poisoned database gave {other:?}: {reason:?}"))),
        }
    }

    /// Crashes somewhere between the fault and the script's end; how many.
    fn check_crashes_between(&self, struck: u64) -> Result<u64, Wrong> {
        let points: Vec<CrashPoint> = self.sim.crash_points().into_iter().filter(|point| point.op >= struck).collect();
        let chosen: Vec<usize> = match self.case.crashes {
            Crashes::Many => (0..points.len()).filter(|n| *n < 16 || n % 8 == 0).collect(),
            Crashes::Two => {
                let turn = (self.case.strike.at_op.wrapping_mul(7) ^ self.case.seed) as usize;
                // One soon after the fault and one anywhere.
                let (soon, later) = (turn % 8, turn.wrapping_mul(31));
                [soon, later].iter().map(|n| n % points.len().max(1)).filter(|n| *n < points.len()).collect()
            }
        };
        let mut crashes = 0;
        for n in chosen {
            let all = CrashImage::all(self.case.seed ^ points[n].op);
            let image = all[(n + self.case.strike.at_op as usize) % all.len()];
            let is_many = self.case.crashes == Crashes::Many;
            if is_many || n % 2 == 0 {
                self.check_healed(&points[n], image)?;
                crashes += 1;
            }
            if is_many || n % 2 == 1 {
                self.check_unhealed(&points[n], image)?;
                crashes += 1;
            }
        }
        Ok(crashes)
    }

    /// Whether a crash at `point` may leave `found`, and what it had to keep.
    fn check_state(&self, found: &Contents, point: &CrashPoint, image: CrashImage, place: &str) -> Result<(), Wrong> {
        let kept_all = matches!(image, CrashImage::Everything | CrashImage::Killed);
        let legal = self.journal.legal(point.op, point.inside, kept_all);
        // A commit that was refused in the end may have been under way, and then the crash leaves it whole or not at all.
        let steps = self.case.script.steps.iter().zip(self.journal.entries.iter().skip(1));
        let mut under_way =
            steps.filter(|(_, entry)| entry.ops.0 < point.op + u64::from(point.inside) && entry.ops.1 > point.op);
        let fits = self.layers[legal.clone()].iter().flatten().any(|state| state == found)
            || under_way.any(|(step, entry)| {
                let before = self.layers.get(entry.commits.wrapping_sub(1)).into_iter().flatten();
                before.into_iter().any(|state| after(self.case.script, step, state) == *found)
            });
        if fits {
            return Ok(());
        }
        Err((Kind::WrongState, format!("{place}: {} families, the state after none of {legal:?}", found.len())))
    }

    /// The fault is gone when the machine comes back.
    fn check_healed(&self, point: &CrashPoint, image: CrashImage) -> Result<(), Wrong> {
        let place = format!("crash {point}, {image:?}");
        let left = point.disk.crash(image);
        let found = self.case.life_on(&left, &place)?;
        self.check_copies(&left, (point.op, point.inside))?;
        self.check_state(&found, point, image, &place)
    }

    /// The checkpoints that were begun before operation `op` of the script (or, `inside`, by it).
    fn check_copies(&self, disk: &SimFs, at: (u64, bool)) -> Result<(), Wrong> {
        copies::check(disk, self.case.script, &self.journal, at, &|n, found| {
            self.layers.get(n).is_some_and(|states| states.contains(found))
        })
    }

    /// The recovery meets the fault: it fails, or is right. Then, when it is gone, all is well.
    fn check_unhealed(&self, point: &CrashPoint, image: CrashImage) -> Result<(), Wrong> {
        let Strike { fault, at_op, persistent, .. } = self.case.strike;
        let left = point.disk.crash(image);
        let at = if persistent { 0 } else { (point.op + at_op) % 12 };
        let place = format!("crash {point}, {image:?}, recovery with {fault:?} at {at}");
        let faulty = FaultFs::over_sim(&left);
        faulty.inject(FaultPlan { persistent, ..FaultPlan::new(fault, at) });
        let mut shown = None;
        if let Ok(db) = Db::open_in(inline(Arc::new(faulty.clone())), DIR, &self.case.script.options)
            && let Ok(found) = contents(&db)
        {
            self.check_state(&found, point, image, &place)?;
            shown = Some(found);
        }
        faulty.heal();
        let place = format!("{place}, healed");
        let found = self.case.life_on(&left, &place)?;
        match shown {
            Some(shown) if shown != found => Err((Kind::SecondOpen, format!("{place}: another state than before"))),
            Some(_) => Ok(()),
            None => self.check_state(&found, point, image, &place),
        }
    }

    /// The first layer that a crash with `image` after the script may go back to.
    fn floor(&self, image: CrashImage) -> usize {
        let promises = |entry: &&crate::support::script::Entry| {
            entry.error.is_none() && (entry.syncs || (entry.logged && image == CrashImage::Everything))
        };
        let kept = self.journal.entries.iter().skip(1).filter(promises).map(|entry| entry.commits).max();
        kept.unwrap_or(0).min(self.layers.len() - 1)
    }

    fn check_crashes_at_the_end(&self) -> Result<(), Wrong> {
        let seed = self.case.seed ^ self.case.strike.at_op;
        for image in [CrashImage::Everything, CrashImage::NothingUnsynced, CrashImage::Random { seed }] {
            let place = format!("crash after the script, {image:?}");
            let left = self.sim.crash(image);
            let found = self.case.life_on(&left, &place)?;
            self.check_copies(&left, (u64::MAX, false))?;
            let floor = self.floor(image);
            if !self.layers[floor..].iter().flatten().any(|state| *state == found) {
                let what = format!("{place}: {} families; at least {floor} commits were promised", found.len());
                return Err((Kind::WrongState, what));
            }
        }
        Ok(())
    }

    /// A close may fail, and closes all the same; what was acknowledged is there at the next open.
    fn check_closed(&self, db: Db) -> Result<(), Wrong> {
        let closed = db.close();
        let refused = |error| (Kind::Refused, format!("{error:?} after the close gave {closed:?}"));
        let again = self.case.open(self.sim).map_err(refused)?;
        let found = contents(&again).map_err(refused)?;
        if !self.last().contains(&found) {
            return Err((Kind::SecondOpen, "another state after close and open".to_owned()));
        }
        Ok(())
    }
}
