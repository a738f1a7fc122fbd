//! The tests' own test: a failing script shrinks to the few steps that matter, and is printed as a regression test that
//! compiles as it stands.
//!
//! The bug is planted in the oracle, which forgets what deletes do, so that a right engine looks wrong. What comes out is in
//! this file, pasted: it compiles, and passes, because the engine is right.

use esker::Durability;
use esker::env::fault_fs::Fault;
use esker::env::sim_fs::CrashImage;

use crate::crash::{self, Reach, crash_everywhere, shrunk};
use crate::faults::{self, Strike};
use crate::support::oracle::{Contents, Write};
use crate::support::script::{Script, Step};
use crate::support::sets::tiny_options;
use crate::support::shrink::{Kind, fewest};
use crate::support::workloads::scripts;

/// Believes that nothing is ever deleted, except in the family `a`.
fn forgets_deletes(step: &Step, state: &mut Contents) -> bool {
    match step {
        Step::Commit(writes, durability) => {
            let kept = writes.iter().filter(|write| !matches!(write, Write::Delete(_))).cloned().collect();
            Step::Commit(kept, *durability).change(state)
        }
        Step::CommitIn(writes, durability) => {
            let kept = writes.iter().filter(|(family, write)| *family == "a" || !matches!(write, Write::Delete(_)));
            Step::CommitIn(kept.cloned().collect(), *durability).change(state)
        }
        step => step.change(state),
    }
}

fn believing(index: usize) -> Script {
    Script { oracle: forgets_deletes, ..scripts().swap_remove(index) }
}

fn quick() -> Reach {
    Reach { seed: 7, only: None, images: 10, depth: 2, stride: 3 }
}

/// What a failing script is printed as, below its first line.
fn printed(script: &Script) -> String {
    let failure = crash_everywhere(script, &quick()).expect_err("the oracle is wrong");
    assert_eq!(failure.kind, Kind::WrongState, "{}", failure.message);
    shrunk(script, &quick(), &failure)
}

/// `text` ends in a test that stands in this file, word for word.
#[track_caller]
fn is_pasted_here(text: &str) {
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    let start = text.find("#[test]").expect("there is a test in it");
    assert!(plain(include_str!("shrinking.rs")).contains(&plain(&text[start..])), "not in this file:\n{text}");
}

#[test]
fn the_fewest_are_those_that_matter() {
    let all: Vec<u32> = (0..100).collect();
    let mut tries = 0;
    let left = fewest(&all, &mut |items| {
        tries += 1;
        [3, 57, 58].iter().all(|item| items.contains(item))
    });
    assert_eq!(left, [3, 57, 58]);
    assert!(tries < 120, "{tries} tries");
    assert_eq!(fewest(&all, &mut |_| true), [0; 0]);
    assert_eq!(fewest(&all, &mut |items| items.len() == 100), all);
}

#[test]
fn an_item_that_only_a_later_one_needed_goes_too() {
    // 5 needs 2; once 9 alone is enough, neither matters, but 2 cannot go before 5.
    let all: Vec<u32> = (0..10).collect();
    let fails = |items: &[u32]| items.contains(&9) && (!items.contains(&5) || items.contains(&2));
    assert_eq!(fewest(&all, &mut |items| fails(items)), [9]);
}

#[test]
fn a_script_of_many_steps_shrinks_to_those_that_matter() {
    let script = believing(1);
    assert!(script.steps.len() > 25);
    is_pasted_here(&printed(&script));
}

#[test]
fn steps_of_many_writes_shrink_too() {
    let script = believing(10);
    is_pasted_here(&printed(&script));
}

#[test]
fn a_struck_script_shrinks_as_well() {
    let script = believing(1);
    let failure = faults::strike_everywhere(&script, faults::Form::quick(7)).expect_err("the oracle is wrong");
    assert_eq!(failure.kind, Kind::WrongState, "{}", failure.message);
    is_pasted_here(&faults::shrunk(&script, 7, &failure));
}

/// What the three tests above print, as they print it.
#[rustfmt::skip]
mod pasted {
    use super::*;

    mod from_crashes {
        use super::*;

        #[test]
        fn shrunk_from_puts_some_synced() {
            let steps = vec![
                Step::Commit(vec![Write::Put(b"key00001".to_vec(), b"000070".iter().copied().cycle().take(39).collect())], Durability::Buffered),
                Step::Commit(vec![Write::Delete(b"key00001".to_vec())], Durability::Buffered),
            ];
            let script = Script { options: tiny_options(), ..Script::new("puts, some synced", steps) };
            crash::survives(&script, 7, &[CrashImage::Everything]);
        }

        #[test]
        fn shrunk_from_families_come_hold_batches_and_go() {
            let steps = vec![
                Step::CreateFamily("b"),
                Step::CommitIn(vec![("b", Write::Put(b"key00001".to_vec(), b"00005100005100005100".to_vec()))], Durability::Buffered),
                Step::CommitIn(vec![("b", Write::Delete(b"key00001".to_vec()))], Durability::Buffered),
            ];
            let script = Script { options: tiny_options(), ..Script::new("families come, hold batches, and go", steps) };
            crash::survives(&script, 7, &[CrashImage::Everything]);
        }
    }

    mod from_strikes {
        use super::*;

        #[test]
        fn shrunk_from_puts_some_synced() {
            let steps = vec![
                Step::Commit(vec![Write::Put(b"key00001".to_vec(), b"000070".iter().copied().cycle().take(39).collect())], Durability::Buffered),
                Step::Commit(vec![Write::Delete(b"key00001".to_vec())], Durability::Buffered),
            ];
            let script = Script { options: tiny_options(), ..Script::new("puts, some synced", steps) };
            faults::survives(&script, 7, Strike { fault: Fault::Eio, at_op: 33, persistent: false, second: None });
        }
    }
}
