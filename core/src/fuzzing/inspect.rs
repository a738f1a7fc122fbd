//! Target `inspect`: a file of any kind, looked into. What the engine itself reads without complaint must be shown without one.

use std::path::Path;

use crate::batch::WriteBatch;
use crate::db::inspect::{InspectOptions, Inspection, inspect};
use crate::db::stats::{StatValue, StatsFormat};
use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::File;
use crate::error::{Error, ErrorKind, Result};
use crate::fuzzing::golden::{DIR, disk, empty_disk, files, must, write};
use crate::fuzzing::refit;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::table::{BlockCache, Expect, Table};
use crate::util::coding::Reader;
use crate::util::sync::Arc;
use crate::version::manifest_recover::scan;
use crate::version::orders::Orders;
use crate::wal::{ReplayInput, replay};

/// So little is shown that leaving out is tried too.
const OPTIONS: InspectOptions =
    InspectOptions { kind: None, rows: 60, entries: 90, show: |key| Ok(key.escape_ascii().to_string()) };

/// What the header of a log or MANIFEST says: uuid at `at`, then the number.
fn header(bytes: &[u8], at: usize) -> (u128, FileNumber) {
    let mut reader = Reader::new(bytes.get(at..).unwrap_or_default());
    let uuid = reader.array().map_or(0, |bytes| u128::from_le_bytes(*bytes));
    (uuid, FileNumber::new(reader.u64().unwrap_or_default()))
}

/// `which, file`: a log segment, a MANIFEST or a table. 4 in `which`: the sums are left as they are.
pub fn check(data: &[u8]) -> bool {
    let Some((which, file)) = data.split_first() else { return false };
    let mut bytes = file.to_vec();
    let (uuid, kind) = match which % 4 {
        0 => (header(file, 16).0, FileKind::Wal(header(file, 16).1)),
        1 => (header(file, 12).0, FileKind::Manifest(header(file, 12).1)),
        _ => (0, FileKind::Table(FileNumber::new(3))),
    };
    if which & 4 == 0 {
        refit::file(kind, &mut bytes, uuid);
    }
    let disk = empty_disk();
    let file = write(&disk, kind, &bytes);
    let found = must(inspect(&disk, &Path::new(DIR).join(kind.name()), &OPTIONS));
    check_rendering(&found, bytes.len() as u64);
    let fine = match kind {
        FileKind::Wal(number) => replays(&disk, uuid, number, &found),
        FileKind::Manifest(number) => scan(&disk, Path::new(DIR), number, uuid, &Orders::new()).is_ok(),
        _ => verifies(file),
    };
    assert!(!fine || found.problem().is_none(), "{:?} in a file that is fine", found.problem());
    found.problem().is_none()
}

fn check_rendering(found: &Inspection, len: u64) {
    let json = must(found.render(StatsFormat::Json));
    let json = serde_json::from_str::<serde_json::Value>(&json);
    let problems = json.ok().and_then(|json| json["problems"].as_array().map(Vec::len));
    assert_eq!(problems, Some(usize::from(found.problem().is_some())));
    let text = must(found.render(StatsFormat::Text));
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    for rows in found
        .entries()
        .iter()
        .filter_map(|(_, value)| if let StatValue::List(rows) = value { Some(rows) } else { None })
    {
        assert!(rows.len() as u64 <= OPTIONS.rows, "{} rows", rows.len());
    }
    if let Some(problem) = found.problem() {
        assert!(matches!(problem.kind(), ErrorKind::Corruption | ErrorKind::Format), "{problem:?}");
        assert!(
            problem.file().is_some()
                && problem.offset().is_some_and(|offset| offset <= len.max(refit::FIRST_RECORD as u64)),
            "{problem:?}"
        );
    }
}

fn number(found: &Inspection, name: &str) -> Option<u64> {
    found.entries().iter().find_map(|(known, value)| match value {
        StatValue::Number(number) if *known == name => Some(*number),
        _ => None,
    })
}

/// Whether a log of this one segment replays; if it does, replay and inspection agree on what is in it.
fn replays(disk: &crate::env::sim_fs::SimFs, uuid: u128, own: FileNumber, found: &Inspection) -> bool {
    let (synced_through, flushed_through) = (SeqNo::ZERO, SeqNo::ZERO);
    let input = ReplayInput { uuid, segments: &[own], synced_through, flushed_through };
    let report = replay(disk, Path::new(DIR), &input, &mut |batch| {
        if WriteBatch::from_data(batch.payload)?.count() == batch.count {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Corruption, "another number of entries"))
    });
    let Ok(report) = report else { return false };
    assert_eq!(number(found, "whole_records").unwrap_or_default().saturating_sub(1), report.batches);
    assert_eq!(number(found, "last_seqno"), Some(report.last_seqno.get()));
    assert_eq!(number(found, "end"), report.end.map(|link| link.end));
    assert_eq!(number(found, "tail_bytes"), Some(report.discarded_bytes));
    assert_eq!(number(found, "tail_records"), Some(report.discarded_records));
    true
}

fn verifies(file: Arc<dyn File>) -> bool {
    let verified = || -> Result<()> {
        let expect = Expect::from_file(&*file)?;
        let cache = Arc::new(BlockCache::new(1 << 20));
        Table::open(Arc::clone(&file), FileNumber::new(3), expect, Order::Bytewise, cache)?.verify()
    };
    verified().is_ok()
}

/// The log, the MANIFEST and the smaller tables of the golden database.
pub fn seeds() -> Vec<Vec<u8>> {
    let prefixed = |(kind, bytes): (FileKind, Vec<u8>)| match kind {
        FileKind::Wal(_) => Some([&[0], &bytes[..]].concat()),
        FileKind::Manifest(_) => Some([&[1], &bytes[..]].concat()),
        FileKind::Table(_) if bytes.len() < 4 << 10 => Some([&[2], &bytes[..]].concat()),
        _ => None,
    };
    files(&disk()).into_iter().filter_map(prefixed).collect()
}
