//! The first ten minutes with Esker: open, write, read, walk a range, freeze a view, survive.
//!
//! `cargo run --example quickstart -- /tmp/quickstart` keeps its database there; run it twice and watch the count grow.

use std::error::Error;
use std::path::Path;

use esker::{Db, Options, ReadOptions, WriteBatch, WriteOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: quickstart DIRECTORY")?;
    let visits = run(Path::new(&path))?;
    println!("visit number {visits}");
    Ok(())
}

/// Returns how often it has run on this database.
fn run(path: &Path) -> Result<u64, Box<dyn Error>> {
    let db = Db::open(path, &Options::default())?;

    // Single entries. A key is absent, or it has a value, which may be empty.
    db.put("user/2", "Grace")?;
    assert_eq!(db.get("user/2")?.as_deref(), Some(b"Grace".as_slice()));
    db.delete("user/2")?;
    assert!(db.get("user/2")?.is_none());

    // A batch is applied whole or not at all.
    let mut batch = WriteBatch::new();
    batch.put(b"user/1", b"Ada")?;
    batch.put(b"user/3", b"Edsger")?;
    batch.put(b"order/9", b"3 books")?;
    db.write(&batch)?;

    // A snapshot sees what was there at its birth, whatever happens later.
    let before = db.snapshot()?;
    db.delete_range("user/", "user0")?; // '0' is the byte after '/'
    let frozen = ReadOptions::new().with_snapshot(&before).with_prefix("user/");
    let mut iter = db.iter_with(&frozen)?;
    let mut users = Vec::new();
    iter.seek_to_first()?;
    while iter.valid() {
        users.push(String::from_utf8(iter.value().to_vec())?);
        iter.next()?;
    }
    assert_eq!(users, ["Ada", "Edsger"]);
    assert!(db.get("user/1")?.is_none());

    // By default a write survives the death of the process; this one also survives a power cut.
    let visits = match db.get("visits")? {
        Some(count) => std::str::from_utf8(&count)?.parse::<u64>()? + 1,
        None => 1,
    };
    db.put_with("visits", visits.to_string(), &WriteOptions::sync())?;

    // Closing is worth a check: everything is on the medium when it returns Ok.
    db.close()?;
    Ok(visits)
}

#[test]
fn it_runs_again_and_again() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for visit in 1..4 {
        assert_eq!(run(folder.path())?, visit);
    }
    Ok(())
}
