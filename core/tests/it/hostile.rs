//! T7: hostile bytes. Every reader of bytes from outside gets the committed corpus of its fuzz target, and cheap mutations of it;
//! each target asserts what must hold whatever the bytes are (`core/src/fuzzing`). The fuzz programs in `fuzz/` go on from there.
//!
//! A failure prints the target and the seed: `ESKER_HOSTILE_SEED=n` repeats that mutation alone, `ESKER_HOSTILE_ROUNDS=n` sets how
//! many mutations each target gets, from seed `ESKER_SEED` on. `ESKER_BLESS=1` writes the seeds of the corpus anew, as a changed
//! format asks for.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use esker::fuzzing::{TARGETS, Target};

use crate::support::rng::{Rng, number, seed_or};

/// Mutations that each target gets in the quick tier; whole databases are hundreds of times slower than a batch.
fn quick_rounds(target: &Target) -> u64 {
    match target.name {
        "directory" => 500,
        "table" | "wal" | "manifest" | "inspect" => 1_000,
        _ => 6_000,
    }
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("core/ lies in the repository").join("fuzz")
}

/// The corpus of a target, by file name.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("a target")
}

/// One to three changes of the kinds that parsers get wrong: bits, lengths, ends, repetitions, splices of another input.
fn mutated(rng: &mut Rng, inputs: &[(String, Vec<u8>)]) -> Vec<u8> {
    const ODD: [u64; 10] = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 56, u64::MAX];
    let mut bytes = rng.pick(inputs).1.clone();
    for _ in 0..=rng.below(3) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            1 if at < bytes.len() => bytes[at] = rng.next() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..(at + 1 + rng.below(16)).min(bytes.len()).max(at))),
            4 => {
                let odd = rng.pick(&ODD).to_le_bytes();
                bytes.iter_mut().skip(at).zip(&odd[..1 << rng.below(4)]).for_each(|(to, from)| *to = *from);
            }
            5 => drop(bytes.splice(at..at, (0..rng.below(16)).map(|_| rng.next() as u8))),
            _ => {
                let other = &rng.pick(inputs).1;
                let from = rng.below(other.len() + 1);
                let part = &other[from..(from + rng.below(64)).min(other.len())];
                bytes.splice(at..at, part.iter().copied());
            }
        }
    }
    bytes
}

/// Runs one input; a broken property is reported with where the input came from.
fn check(target: &Target, bytes: &[u8], origin: &dyn Fn() -> String) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.check)(bytes))).unwrap_or_else(|panic| {
        eprintln!("target {}, {}: {bytes:02x?}", target.name, origin());
        resume_unwind(panic)
    })
}

fn attack(name: &str) {
    let target = target(name);
    if std::env::var_os("ESKER_BLESS").is_some_and(|value| value == "1") {
        bless(target);
    }
    let inputs = corpus(target);
    for (file, bytes) in &inputs {
        let accepted = check(target, bytes, &|| format!("corpus file {file}"));
        assert!(
            accepted || !file.starts_with("seed-"),
            "{name}: {file} is refused; a changed format needs ESKER_BLESS=1"
        );
    }
    let (from, rounds) = match number("ESKER_HOSTILE_SEED") {
        Some(seed) => (seed, 1),
        None => {
            let rounds = number("ESKER_HOSTILE_ROUNDS").unwrap_or(quick_rounds(target));
            (seed_or(0), rounds)
        }
    };
    let accepted = (from..from + rounds).filter(|seed| {
        let bytes = mutated(&mut Rng::new(*seed), &inputs);
        check(target, &bytes, &|| format!("ESKER_HOSTILE_SEED={seed}"))
    });
    println!("{name}: {} files, {rounds} mutations from seed {from}, {} accepted", inputs.len(), accepted.count());
}

/// Writes the seeds of `target` in place of those that are there.
fn bless(target: &Target) {
    let folder = fuzz().join("corpus").join(target.name);
    fs::create_dir_all(&folder).unwrap();
    for (file, _) in corpus(target).iter().filter(|(file, _)| file.starts_with("seed-")) {
        fs::remove_file(folder.join(file)).unwrap();
    }
    for (n, bytes) in (target.seeds)().iter().enumerate() {
        fs::write(folder.join(format!("seed-{n:02}")), bytes).unwrap();
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus_and_all_of_it_is_small() {
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let listed = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    // `calls` is no reader of bytes but a user of the C interface; ffi/tests runs it (tests/c/calls.c).
    let programs: BTreeSet<String> = names.iter().cloned().chain(["calls".to_owned()]).collect();
    assert_eq!(listed("fuzz_targets"), programs);
    assert_eq!(listed("corpus"), programs);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in &names {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "fuzz/Cargo.toml lacks {name}");
        let program = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("run(\"{name}\"")), "fuzz_targets/{name}.rs runs something else");
    }
    let size: usize = TARGETS.iter().flat_map(corpus).map(|(_, bytes)| bytes.len()).sum();
    assert!(size <= 200 << 10, "the corpora take {size} bytes");
}

macro_rules! one_test_per_target {
    ($($test:ident)*) => {
        $(#[test]
        fn $test() {
            attack(stringify!($test));
        })*

        #[test]
        fn every_target_has_a_test() {
            assert_eq!(vec![$(stringify!($test)),*], TARGETS.iter().map(|target| target.name).collect::<Vec<_>>());
        }
    };
}

one_test_per_target! {
    batch record wal edit manifest footer framed_block block properties filter tombstones table options merge inspect
    directory
}
