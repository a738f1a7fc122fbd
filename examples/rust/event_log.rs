//! An event log by time: keys sort as their times do, so "the last ten" and "between two moments" are short walks, and
//! forgetting the old is one range delete, whatever it covers.
//!
//! `cargo run --example event_log -- /tmp/events`

use std::error::Error;
use std::path::Path;

use esker::{Db, Options, ReadOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: event_log DIRECTORY")?;
    for line in run(Path::new(&path))? {
        println!("{line}");
    }
    Ok(())
}

/// Milliseconds in big-endian order: bytewise order of the keys is the order of the events.
fn key(ms: u64) -> [u8; 8] {
    ms.to_be_bytes()
}

fn run(path: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut options = Options::default();
    options.set("memory_budget", "16MiB")?; // one number for all memory the engine takes
    let db = Db::open(path, &options)?;

    for ms in (0..60_000).step_by(10) {
        db.put(key(ms), format!("event at {ms} ms"))?;
    }

    let mut told = Vec::new();
    // The last three, newest first.
    let mut iter = db.iter()?;
    iter.seek_to_last()?;
    while iter.valid() && told.len() < 3 {
        told.push(String::from_utf8(iter.value().to_vec())?);
        iter.prev()?;
    }

    // Between two moments: from 30 000 on, before 30 030.
    let between = ReadOptions::new().with_lower_bound(key(30_000)).with_upper_bound(key(30_030));
    let mut iter = db.iter_with(&between)?;
    iter.seek_to_first()?;
    while iter.valid() {
        told.push(String::from_utf8(iter.value().to_vec())?);
        iter.next()?;
    }

    // Forget the first half minute.
    db.delete_range(key(0), key(30_000))?;
    let mut iter = db.iter()?;
    iter.seek_to_first()?;
    told.push(format!("oldest: {}", String::from_utf8(iter.value().to_vec())?));
    db.close()?;
    Ok(told)
}

#[test]
fn it_tells_what_it_should() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let told = run(folder.path())?;
    assert_eq!(told[..3], ["event at 59990 ms", "event at 59980 ms", "event at 59970 ms"]);
    assert_eq!(told[3..6], ["event at 30000 ms", "event at 30010 ms", "event at 30020 ms"]);
    assert_eq!(told[6..], ["oldest: event at 30000 ms"]);
    Ok(())
}
