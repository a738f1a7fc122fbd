//! T3: one operation of a script fails, in every way it can, once or from then on; or two do, one a few operations after the
//! other. The call that met it must say so or have coped; what was acknowledged must be there, before and after a crash, at the
//! end of the script or somewhere between the fault and it; when the fault is gone, a reopened database works.
//!
//! The quick form strikes a quarter of the operations, another one with each `ESKER_SEED`, with one second fault each and
//! crashes at two later operations. `ESKER_FAULTS=all` is the long form: every operation, second faults at each of the next
//! eight, crashes at each of the sixteen operations after a single fault and at every eighth after that. In every script each kind
//! of fault that has operations for it must strike: a floor in the quick form, [`LONG_FLOOR`] runs in the long one. A script
//! that fails is shrunk (`support/shrink`).

mod case;
pub mod tally;

use std::sync::Arc;

use esker::env::fault_fs::{Fault, FaultFs};
use esker::env::op::Op;
use esker::env::sim_fs::SimFs;

use crate::support::rng::seed_or;
use crate::support::script::{Script, run};
use crate::support::shrink::{Failure, caught, shrink};
use crate::support::source::regression_test;
use crate::support::workloads::{every_script, one_test_per_script, scripts};
use case::{Case, Crashes};
use tally::Tally;

/// Decides which quarter is struck and what the crashes lose that come after the faults; `ESKER_SEED=n` for another one.
fn seed() -> u64 {
    seed_or(0xfa_017)
}

/// The quick form strikes one operation in so many, another one for each fault.
const STRIDE: u64 = 4;
/// A second fault comes less than so many operations of its kinds after the first.
const WINDOW: u64 = 8;
/// In the long form each kind of fault strikes in so many runs of each script.
const LONG_FLOOR: u64 = 1_000;

/// What goes wrong in one run of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    pub fault: Fault,
    /// At which of the operations that can fail in this way.
    pub at_op: u64,
    /// Whether every later one fails too.
    pub persistent: bool,
    /// Another fault once, and how many of the operations that can fail in its way after the first pass before it.
    pub second: Option<(Fault, u64)>,
}

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    seed: u64,
    is_long: bool,
}

impl Form {
    fn of_tier() -> Form {
        Form { seed: seed(), is_long: std::env::var("ESKER_FAULTS").is_ok_and(|value| value == "all") }
    }

    pub fn quick(seed: u64) -> Form {
        Form { seed, is_long: false }
    }

    fn stride(self) -> u64 {
        if self.is_long { 1 } else { STRIDE }
    }

    fn crashes(self) -> Crashes {
        if self.is_long { Crashes::Many } else { Crashes::Two }
    }

    /// The second faults that follow a strike: kinds in turn, another one with each seed.
    fn seconds(self, index: usize, at_op: u64) -> impl Iterator<Item = (Fault, u64)> {
        let turn = at_op / self.stride() + self.seed % 1009;
        // Soon: the first fault often ends all writing.
        let after = if self.is_long { 0..WINDOW } else { turn % 3..turn % 3 + 1 };
        let kinds = Fault::ALL.len();
        after.map(move |after| (Fault::ALL[(3 * index + (turn + after) as usize) % kinds], after))
    }

    /// How many runs of a script must be struck by a fault that `operations` of it can fail with.
    fn floor(self, operations: u64) -> u64 {
        match operations {
            0 => 0,
            _ if self.is_long => LONG_FLOOR,
            // One strike and one that lasts at each operation of the quarter: half as many are demanded.
            _ => (operations / STRIDE).max(1),
        }
    }
}

/// The operations of `script` without faults, reads included.
fn operations(script: &Script, seed: u64) -> Vec<Op> {
    let faulty = FaultFs::over_sim(&SimFs::new(seed));
    let counter = faulty.clone();
    let (_, db) = run(script, Arc::new(faulty.clone()), &move || counter.op_count(), true);
    let ops = faulty.ops();
    drop(db);
    ops
}

/// How many of `ops` can fail with `fault`.
fn targets(ops: &[Op], fault: Fault) -> u64 {
    ops.iter().filter(|op| fault.natural_kinds().contains(op.kind)).count() as u64
}

/// Runs the case; whether its first fault struck.
fn strike(case: &Case<'_>, tally: &mut Tally) -> Result<bool, Failure<Strike>> {
    let mut met = None;
    caught(case.strike, || case.run().map(|result| met = Some(result)))?;
    let Some(met) = met.filter(|met| !met.faults.is_empty()) else { return Ok(false) };
    tally.add(&met);
    Ok(true)
}

pub fn strike_everywhere(script: &Script, form: Form) -> Result<Tally, Failure<Strike>> {
    let ops = operations(script, form.seed);
    let mut tally = Tally::default();
    for (index, fault) in Fault::ALL.into_iter().enumerate() {
        let targets = targets(&ops, fault);
        for persistent in [false, true] {
            let turn = index as u64 + u64::from(persistent) + form.seed;
            // At least one, if there is one.
            let first = turn % form.stride().min(targets.max(1));
            for at_op in (first..).step_by(form.stride() as usize) {
                let single = Strike { fault, at_op, persistent, second: None };
                let case = Case { script, seed: form.seed, strike: single, crashes: form.crashes() };
                if !strike(&case, &mut tally)? {
                    break;
                }
                for second in form.seconds(index, at_op).filter(|_| !persistent) {
                    let pair = Strike { second: Some(second), ..single };
                    strike(&Case { strike: pair, crashes: Crashes::Two, ..case }, &mut tally)?;
                }
            }
        }
        fill_up(script, form, fault, targets, &mut tally)?;
    }
    Ok(tally)
}

/// More strikes of `fault`, each with another seed and another second fault, until it has its floor.
fn fill_up(script: &Script, form: Form, fault: Fault, targets: u64, tally: &mut Tally) -> Result<(), Failure<Strike>> {
    let floor = form.floor(targets);
    for round in 1.. {
        let before = tally.runs_with(fault);
        for at_op in 0..targets {
            if tally.runs_with(fault) >= floor {
                return Ok(());
            }
            let turn = round + at_op;
            let second = (Fault::ALL[turn as usize % Fault::ALL.len()], turn / 11 % WINDOW);
            let strike_now = Strike { fault, at_op, persistent: false, second: Some(second) };
            let seed = form.seed.wrapping_add(round);
            strike(&Case { script, seed, strike: strike_now, crashes: Crashes::Two }, tally)?;
        }
        if tally.runs_with(fault) == before {
            break;
        }
    }
    Ok(())
}

/// The failure with as few steps, and as plain a strike, as show it; as text that ends in a regression test.
pub fn shrunk(script: &Script, seed: u64, failure: &Failure<Strike>) -> String {
    let looking_for = |like: Strike| {
        move |script: &Script| {
            for at_op in 0.. {
                let strike_now = Strike { at_op, ..like };
                let case = Case { script, seed, strike: strike_now, crashes: Crashes::Many };
                match strike(&case, &mut Tally::default()) {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(failure) => return Some(failure),
                }
            }
            None
        }
    };
    let found = failure.at;
    let candidates = [Strike { persistent: false, second: None, ..found }, Strike { second: None, ..found }, found];
    let same = |like: &&Strike| looking_for(**like)(script).is_some_and(|other| other.kind == failure.kind);
    let like = candidates.iter().find(same).unwrap_or(&found);
    let (script, last) = shrink(script, failure, &looking_for(*like));
    let Strike { fault, at_op, persistent, second } = last.at;
    let second = second.map_or("None".to_owned(), |(fault, after)| format!("Some((Fault::{fault:?}, {after}))"));
    let strike =
        format!("Strike {{ fault: Fault::{fault:?}, at_op: {at_op}, persistent: {persistent}, second: {second} }}");
    let call = format!("faults::survives(&script, {seed}, {strike})");
    format!("{:?}: {}\n\n{}", last.kind, last.message, regression_test(&script, &call))
}

/// For shrunk scripts: one strike, and crashes at every operation after it.
pub fn survives(script: &Script, seed: u64, strike_now: Strike) {
    let case = Case { script, seed, strike: strike_now, crashes: Crashes::Many };
    let struck = strike(&case, &mut Tally::default()).unwrap_or_else(|failure| panic!("{failure:?}"));
    assert!(struck, "the script has no such operation any more");
}

fn holds(script: &Script) {
    let form = Form::of_tier();
    let tally = strike_everywhere(script, form).unwrap_or_else(|failure| {
        let small = shrunk(script, form.seed, &failure);
        panic!("{}: ESKER_SEED={}: {failure:?}\nWith as few steps as show it:\n{small}", script.name, form.seed);
    });
    println!("{}: {tally}, 0 wrong, ESKER_SEED={}", script.name, form.seed);
    let ops = operations(script, form.seed);
    let rare = tally.rare(|fault| form.floor(targets(&ops, fault)));
    assert!(rare.is_empty(), "{}: too rare to prove anything: {}", script.name, rare.join(", "));
}

#[test]
fn two_runs_of_a_script_do_the_same_operations_reads_included() {
    for script in scripts() {
        let (first, second) = (operations(&script, seed()), operations(&script, seed()));
        let differs = first.iter().zip(&second).position(|(a, b)| a != b);
        assert_eq!((differs, first.len()), (None, second.len()), "{}", script.name);
    }
}

#[test]
fn every_fault_has_something_to_strike_in_most_scripts() {
    let all: Vec<Vec<Op>> = scripts().iter().map(|script| operations(script, seed())).collect();
    for fault in Fault::ALL {
        let with = all.iter().filter(|ops| targets(ops, fault) > 0).count();
        assert!(2 * with > all.len(), "{fault:?}: only in {with} of {} scripts", all.len());
    }
}

every_script!(one_test_per_script);
