//! T3: one operation of a script fails, in every way it can, once or from then on. The call that met it must say so or have
//! coped; what was acknowledged must be there, before and after a crash; when the fault is gone, a reopened database works.
//!
//! What a failed commit leaves: nothing if it was refused (no space, read-only after an earlier failure); otherwise it may be
//! there or not, whole, until the next open decides.

use std::sync::Arc;

use esker::env::fault_fs::{Fault, FaultFs, FaultPlan};
use esker::env::sim_fs::{CrashImage, SimFs};
use esker::{Db, ErrorKind};

use crate::support::oracle::Contents;
use crate::support::rng::seed_or;
use crate::support::script::{DIR, Journal, Script, contents, inline, nothing, run, scripts};

/// Decides what the crashes lose that come after the faults; `ESKER_SEED=n` for another one.
fn seed() -> u64 {
    seed_or(0xfa_017)
}

/// The quick tier strikes one operation in so many, another one for each fault.
const STRIDE: u64 = 7;

/// What may be there after each commit: a failed one of unknown fate splits every possibility in two.
fn possibilities(script: &Script, journal: &Journal) -> Vec<Vec<Contents>> {
    let mut layers = vec![vec![nothing()]];
    // The first entry is the opening.
    for (step, entry) in script.steps.iter().zip(journal.entries.iter().skip(1)) {
        if !step.change(&mut nothing()) {
            continue;
        }
        let before = layers.last().expect("there is a first layer");
        let with: Vec<Contents> = before
            .iter()
            .map(|contents| {
                let mut contents = contents.clone();
                step.change(&mut contents);
                contents
            })
            .collect();
        let after = match entry.error {
            None => with,
            Some(ErrorKind::NoSpace | ErrorKind::Poisoned | ErrorKind::Busy | ErrorKind::NotFound) => before.clone(),
            Some(_) => before.iter().cloned().chain(with).collect(),
        };
        assert!(after.len() <= 16, "{}: too many commits of unknown fate", script.name);
        layers.push(after);
    }
    layers
}

/// The first layer that a crash with `image` may go back to.
fn floor(script: &Script, journal: &Journal, image: CrashImage) -> usize {
    let mut commits = 0;
    let mut floor = 0;
    for (step, entry) in script.steps.iter().zip(journal.entries.iter().skip(1)) {
        commits += usize::from(step.change(&mut nothing()));
        if entry.error.is_none() && (entry.syncs || (entry.logged && image == CrashImage::Everything)) {
            floor = commits;
        }
    }
    floor
}

struct Case<'a> {
    script: &'a Script,
    plan: FaultPlan,
}

impl Case<'_> {
    fn place(&self) -> String {
        let often = if self.plan.persistent { "from operation" } else { "at operation" };
        format!("{}: {:?} {often} {}", self.script.name, self.plan.fault, self.plan.at_op)
    }

    /// False once the plan strikes behind the script's end.
    fn run(&self) -> bool {
        let sim = SimFs::new(seed());
        let faulty = FaultFs::over_sim(&sim);
        faulty.inject(self.plan);
        let counter = faulty.clone();
        let (journal, db) = run(self.script, Arc::new(faulty.clone()), &move || counter.op_count(), false);
        if faulty.fired() == 0 {
            return false;
        }
        faulty.heal();
        let layers = possibilities(self.script, &journal);
        if let Some(db) = &db {
            self.check_living(db, layers.last().expect("there is a first layer"));
        }
        for image in
            [CrashImage::Everything, CrashImage::NothingUnsynced, CrashImage::Random { seed: seed() ^ self.plan.at_op }]
        {
            self.check_crashed(&sim, &journal, &layers, image);
        }
        if let Some(db) = db {
            self.check_closed(db, &sim, layers.last().expect("there is a first layer"));
        }
        true
    }

    /// The handle that met the fault still reads all that it acknowledged.
    fn check_living(&self, db: &Db, legal: &[Contents]) {
        let found = contents(db).unwrap_or_else(|error| panic!("{}: reads stopped: {error:?}", self.place()));
        assert!(legal.contains(&found), "{}: the living handle shows something else", self.place());
        if let Some(reason) = db.poisoned() {
            assert_eq!(
                db.put("k", "v").map_err(|e| e.kind()),
                Err(ErrorKind::Poisoned),
                "{}: {reason:?}",
                self.place()
            );
        }
    }

    fn check_crashed(&self, sim: &SimFs, journal: &Journal, layers: &[Vec<Contents>], image: CrashImage) {
        let place = || format!("{}, then a crash, {image:?}", self.place());
        let left = sim.crash(image);
        let db = self.open(&left).unwrap_or_else(|error| panic!("{}: {error:?}", place()));
        let found = contents(&db).unwrap_or_else(|error| panic!("{}: {error:?}", place()));
        let floor = floor(self.script, journal, image).min(layers.len() - 1);
        let legal = layers[floor..].iter().flatten().any(|map| *map == found);
        assert!(legal, "{}: {} families; at least {floor} commits were promised", place(), found.len());
        db.put("zz", "works again").unwrap_or_else(|error| panic!("{}: {error:?}", place()));
    }

    /// A close may fail, and closes all the same; what was acknowledged is there at the next open.
    fn check_closed(&self, db: Db, sim: &SimFs, legal: &[Contents]) {
        let closed = db.close();
        let again = self.open(sim).unwrap_or_else(|error| panic!("{}: {error:?} after {closed:?}", self.place()));
        let found = contents(&again).unwrap_or_else(|error| panic!("{}: {error:?}", self.place()));
        assert!(legal.contains(&found), "{}: another state after close and open", self.place());
    }

    fn open(&self, disk: &SimFs) -> Result<Db, esker::Error> {
        Db::open_in(inline(Arc::new(disk.clone())), DIR, &self.script.options)
    }
}

fn strike_everywhere(script: &Script) {
    let mut strikes = 0;
    for (index, fault) in Fault::ALL.into_iter().enumerate() {
        for persistent in [false, true] {
            let first = (index as u64 + u64::from(persistent)) % STRIDE;
            for at_op in (first..).step_by(STRIDE as usize) {
                let plan = FaultPlan { persistent, ..FaultPlan::new(fault, at_op) };
                if !(Case { script, plan }.run()) {
                    break;
                }
                strikes += 1;
            }
        }
    }
    println!("{}: {strikes} strikes", script.name);
    assert!(strikes > 0);
}

#[test]
fn two_runs_of_a_script_do_the_same_operations_reads_included() {
    let ops = |script: &Script| {
        let faulty = FaultFs::over_sim(&SimFs::new(seed()));
        let counter = faulty.clone();
        drop(run(script, Arc::new(faulty.clone()), &move || counter.op_count(), true));
        faulty.ops()
    };
    for script in scripts() {
        let (first, second) = (ops(&script), ops(&script));
        let differs = first.iter().zip(&second).position(|(a, b)| a != b);
        assert_eq!((differs, first.len()), (None, second.len()), "{}", script.name);
    }
}

macro_rules! one_test_per_script {
    ($($test:ident = $index:literal;)*) => {
        $(#[test]
        fn $test() {
            strike_everywhere(&scripts()[$index]);
        })*

        #[test]
        fn every_script_has_a_test() {
            assert_eq!([$($index),*].len(), scripts().len());
        }
    };
}

one_test_per_script! {
    creation_and_reopening = 0;
    puts_some_synced = 1;
    batches_whole_or_not_at_all = 2;
    flushes = 3;
    compaction_from_level_0_down = 4;
    range_deletes_across_tables = 5;
    the_manifest_rolls = 6;
    the_log_rolls = 7;
    overwrites_under_a_snapshot = 8;
    close_and_open_again_and_again = 9;
    families_come_hold_batches_and_go = 10;
    writes_alternate_over_two_families = 11;
    unlogged_batches_over_two_families = 12;
    an_idle_family_while_the_log_rolls = 13;
    transactions_over_families = 14;
    merges_and_expiries = 15;
}
