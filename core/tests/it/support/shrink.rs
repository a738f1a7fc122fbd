//! Makes a failing script small: by trying whether it fails in the same way with fewer steps, and with fewer writes in those that
//! are left. Background work runs inline, so that a script fails each time or never, and trying is all it takes.
//!
//! `crash` and `faults` bring their own search, which also looks for the failure again at other operations: with fewer steps
//! the one that mattered has another number. What is left is printed as a regression test (`source`).

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::support::script::{Script, Step};

/// In which way a script failed. Shrinking keeps to it: a smaller script that fails otherwise is another story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A step failed although nothing else did.
    Step,
    /// The database did not open, or could not be read.
    Refused,
    /// It showed something that never was, or less than was promised.
    WrongState,
    /// The same, at the second open.
    SecondOpen,
    /// It did not do as documented otherwise.
    Conduct,
    /// It panicked, or a check inside of a read did.
    Panic,
}

/// A failure, where it was found.
#[derive(Clone, Debug)]
pub struct Failure<At> {
    pub kind: Kind,
    pub message: String,
    pub at: At,
}

/// `check`, with a panic in it as a failure.
pub fn caught<At>(at: At, check: impl FnOnce() -> Result<(), (Kind, String)>) -> Result<(), Failure<At>> {
    let result = catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err((Kind::Panic, text.unwrap_or_default()))
    });
    result.map_err(|(kind, message)| Failure { kind, message, at })
}

/// The fewest of `items` that still fail: leaves out halves, quarters and so on, until none of what is left can go alone.
/// `fails` is true of `items` themselves.
pub fn fewest<T: Clone>(items: &[T], fails: &mut dyn FnMut(&[T]) -> bool) -> Vec<T> {
    let mut left = items.to_vec();
    let mut chunk = left.len().div_ceil(2);
    while chunk > 0 {
        let (mut at, before) = (0, left.len());
        while at < left.len() {
            let end = (at + chunk).min(left.len());
            let fewer: Vec<T> = left[..at].iter().chain(&left[end..]).cloned().collect();
            if fails(&fewer) {
                left = fewer;
            } else {
                at = end;
            }
        }
        // One by one until nothing goes any more: what went last may have been all that held an earlier one.
        chunk = match chunk {
            1 if left.len() < before => 1,
            _ => chunk / 2,
        };
    }
    left
}

/// `script` with the fewest steps, and the fewest writes in them, with which `search` finds a failure of the same kind; and that
/// failure.
pub fn shrink<At: Clone>(
    script: &Script,
    failure: &Failure<At>,
    search: &dyn Fn(&Script) -> Option<Failure<At>>,
) -> (Script, Failure<At>) {
    let mut found = failure.clone();
    let mut fails = |steps: &[Step]| match search(&script.with_steps(steps.to_vec())) {
        Some(failure) if failure.kind == found.kind => {
            found = failure;
            true
        }
        _ => false,
    };
    let mut steps = fewest(&script.steps, &mut fails);
    for at in 0..steps.len() {
        let with = |step: Step| [&steps[..at], &[step], &steps[at + 1..]].concat();
        let smaller = match &steps[at] {
            Step::Commit(writes, durability) => {
                let step = |writes: &[_]| Step::Commit(writes.to_vec(), *durability);
                step(&fewest(writes, &mut |writes| !writes.is_empty() && fails(&with(step(writes)))))
            }
            Step::CommitIn(writes, durability) => {
                let step = |writes: &[_]| Step::CommitIn(writes.to_vec(), *durability);
                step(&fewest(writes, &mut |writes| !writes.is_empty() && fails(&with(step(writes)))))
            }
            Step::Transaction(writes, durability) => {
                let step = |writes: &[_]| Step::Transaction(writes.to_vec(), *durability);
                step(&fewest(writes, &mut |writes| !writes.is_empty() && fails(&with(step(writes)))))
            }
            step => step.clone(),
        };
        steps[at] = smaller;
    }
    // With fewer writes some steps may have become idle: the creation of a family that nothing is written to any more.
    let steps = fewest(&steps, &mut fails);
    // The last try may have been one that passed.
    let small = script.with_steps(steps);
    let last = search(&small).unwrap_or(found);
    (small, last)
}
