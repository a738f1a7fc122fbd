//! T8: bit rot. A golden database that holds every kind of file, block and record is damaged in every way that fits: flipped bits,
//! every truncation, zeroed sectors, exchanged blocks, files that are missing, swapped, there twice, or older than the rest. Whoever
//! opens and reads it gets the right data or an error; never anything else, never a panic.
//!
//! The quick form flips one bit of every byte, and every bit of what a database is found by: log, MANIFEST, CURRENT, IDENTITY and
//! footers. `ESKER_BIT_ROT=all` flips every bit of everything, reserved space included.

mod golden;
mod older;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker::env::fs::{FileSystem, OpenMode};
use esker::{Db, ErrorKind};

use crate::support::script::{DIR, inline};
use golden::{Golden, Outcome, golden, overwrite, replace};

#[test]
fn the_golden_database_holds_every_kind_of_file() {
    let golden = golden();
    for end in [".sst", ".wal", "CURRENT", "IDENTITY"] {
        assert!(golden.files.iter().any(|path| path.to_string_lossy().ends_with(end)), "{end}: {:?}", golden.files);
    }
    assert_eq!(golden.check(&golden.copy(), &|| "undamaged".to_owned()), Outcome::Right);
}

fn everything() -> bool {
    std::env::var("ESKER_BIT_ROT").is_ok_and(|what| what == "all")
}

/// Flips one bit, and tells what came of it.
fn flip(golden: &Golden, path: &Path, byte: u8, offset: usize, bit: usize) -> Outcome {
    let disk = golden.copy();
    overwrite(&disk, path, offset as u64, &[byte ^ (1 << bit)]);
    golden.check(&disk, &|| format!("{} with bit {bit} flipped at {offset}", path.display()))
}

#[test]
fn one_bit_of_every_byte() {
    let golden = golden();
    let (mut right, mut refused) = (0, 0);
    for path in &golden.files {
        let bytes = golden.bytes(path);
        let used = (golden.used(path) + 64).min(bytes.len());
        // Reserved space behind the last record is zero; a sample of it is enough, but where everything is asked for.
        let reserved = if everything() { 1 } else { 4093 };
        for offset in (0..used).chain((used..bytes.len()).step_by(reserved)) {
            let bits = if everything() && offset < used { 0..8 } else { offset % 8..offset % 8 + 1 };
            for bit in bits {
                match flip(&golden, path, bytes[offset], offset, bit) {
                    Outcome::Right => right += 1,
                    Outcome::Refused => refused += 1,
                }
            }
        }
    }
    println!("{} flips: {right} right, {refused} refused", right + refused);
    assert!(everything() || refused > right, "damage is found nearly everywhere");
}

#[test]
fn every_bit_of_what_a_database_is_found_by() {
    let golden = golden();
    let mut flips = 0;
    for path in &golden.files {
        let bytes = golden.bytes(path);
        let (from, to) = golden.vital(path);
        for (offset, bit) in (from..to).flat_map(|offset| (0..8).map(move |bit| (offset, bit))) {
            flip(&golden, path, bytes[offset], offset, bit);
            flips += 1;
        }
    }
    println!("{flips} flips");
}

#[test]
fn every_truncation() {
    let golden = golden();
    for path in &golden.files {
        let used = golden.used(path);
        for len in 0..used {
            let disk = golden.copy();
            disk.open(path, OpenMode::ReadWrite).unwrap().truncate(len as u64).unwrap();
            let outcome = golden.check(&disk, &|| format!("{} cut to {len} bytes", path.display()));
            let empty_log = path.extension().is_some_and(|e| e == "wal") && used <= 1024 + 64;
            assert!(outcome == Outcome::Refused || empty_log, "{} cut to {len} bytes went unnoticed", path.display());
        }
    }
}

#[test]
fn every_sector_zeroed() {
    let golden = golden();
    for path in &golden.files {
        for offset in (0..golden.bytes(path).len() as u64).step_by(512).take(400) {
            let disk = golden.copy();
            let len = (golden.bytes(path).len() as u64 - offset).min(512) as usize;
            overwrite(&disk, path, offset, &vec![0; len]);
            golden.check(&disk, &|| format!("{} with a zeroed sector at {offset}", path.display()));
        }
    }
}

/// Any two blocks of a table change places, whole and with their checks; what lies between them moves when they differ in length.
#[test]
fn blocks_exchanged_within_a_table() {
    let golden = golden();
    let mut exchanged = 0;
    for path in golden.files.iter().filter(|path| path.extension().is_some_and(|end| end == "sst")) {
        let (bytes, blocks) = (golden.bytes(path), golden.blocks(path));
        assert!(blocks.len() >= 5, "{}: {blocks:?}", path.display());
        for (i, a) in blocks.iter().enumerate() {
            for b in &blocks[i + 1..] {
                let mixed =
                    [&bytes[..a.0], &bytes[b.0..b.1], &bytes[a.1..b.0], &bytes[a.0..a.1], &bytes[b.1..]].concat();
                assert_ne!(mixed, bytes);
                let disk = golden.copy();
                overwrite(&disk, path, 0, &mixed);
                let outcome = golden.check(&disk, &|| format!("{} with {a:?} and {b:?} exchanged", path.display()));
                assert_eq!(outcome, Outcome::Refused, "{}: {a:?} for {b:?} went unnoticed", path.display());
                exchanged += 1;
            }
        }
    }
    assert!(exchanged > 20, "{exchanged}");
}

#[test]
fn every_file_missing_is_named_and_nothing_is_deleted() {
    let golden = golden();
    for path in &golden.files {
        let disk = golden.copy();
        disk.remove(path).unwrap();
        let before = disk.digest();
        let error = Db::open_in(inline(Arc::new(disk.clone())), DIR, &golden.options).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corruption, "{} missing: {error:?}", path.display());
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(error.to_string().contains(&*name), "{} missing: {error}", path.display());
        assert_eq!(disk.digest(), before, "{} missing: the open changed something", path.display());
    }
}

#[test]
fn files_swapped_for_one_another() {
    let golden = golden();
    for a in &golden.files {
        for b in golden.files.iter().filter(|b| *b != a && b.extension() == a.extension()) {
            let disk = golden.copy();
            replace(&disk, a, &golden.bytes(b));
            let what = || format!("{} in the place of {}", b.display(), a.display());
            assert_eq!(golden.check(&disk, &what), Outcome::Refused, "{} went unnoticed", what());
        }
    }
}

/// A file is there a second time under another number: one that is free now, one that comes later, one that was used up.
#[test]
fn files_there_twice() {
    let golden = golden();
    for path in &golden.files {
        for number in [0, 1, 2, 3, 5, 8, 11, 99] {
            let Some(copy) = numbered(path, number).filter(|copy| !golden.files.contains(copy)) else { continue };
            let disk = golden.copy();
            replace(&disk, &copy, &golden.bytes(path));
            let what = || format!("{} also as {}", path.display(), copy.display());
            let outcome = golden.check(&disk, &what);
            // A log tells its number, so that a second one is somebody's mistake; of the rest nothing names the copy.
            let is_log = path.extension().is_some_and(|end| end == "wal");
            assert!(outcome == Outcome::Right || is_log, "{}", what());
        }
    }
}

/// The same kind of file with another number, if its name has one.
fn numbered(path: &Path, number: u64) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let digits: Vec<&str> = name.split(|c: char| !c.is_ascii_digit()).filter(|part| part.len() == 6).collect();
    Some(path.with_file_name(name.replace(digits.first()?, &format!("{number:06}"))))
}
