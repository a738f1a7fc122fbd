//! What stands in a MANIFEST: its header, its synced slot, the snapshot and every edit, field by field.

use crate::db::inspect::{Findings, text};
use crate::db::stats::{Row, StatValue};
use crate::env::filename::FileNumber;
use crate::env::fs::File;
use crate::error::{Error, Result};
use crate::key::family::FamilyId;
use crate::key::sequence::SeqNo;
use crate::record::{
    Decoded, FileSource, Place, Record, RecordSource, SLOT_LEN, decode_slot, file_identity, read_record,
};
use crate::util::sync::Arc;
use crate::version::edit::VersionEdit;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::identity::FORMAT_VERSION;
use crate::version::manifest_file::{HEADER_LEN, RECORDS_OFFSET, SLOT_OFFSET, read_header};
use crate::version::manifest_recover::{check_tail, decode};
use crate::wal::MAX_SEGMENT_LEN;

/// Looks into `file`, whose name has `number` in it.
pub fn inspect(file: &Arc<dyn File>, number: Option<FileNumber>, found: &mut Findings<'_>) -> Result<()> {
    found.begin("edits");
    let (end, count) = edits(file, number, found, &mut |found, record, edit, offset| {
        let row = edit_row(found, record, edit, offset)?;
        found.row(row);
        Ok(())
    })?;
    found.number("whole_records", count);
    found.number("end", end);
    Ok(())
}

/// What is done with an edit.
type Visit<'a> = dyn FnMut(&mut Findings<'_>, &Record<'_>, &VersionEdit, u64) -> Result<()> + 'a;

/// Gives every edit to `visit`, the snapshot first; where the last one ends, and how many there are.
pub fn edits(
    file: &Arc<dyn File>,
    number: Option<FileNumber>,
    found: &mut Findings<'_>,
    visit: &mut Visit<'_>,
) -> Result<(u64, u64)> {
    let path = file.path();
    let mut source = FileSource::new(Arc::clone(file))?;
    let header = read_header(source.window(0, HEADER_LEN)?);
    let (uuid, own) = header.map_err(|error| error.with_file(path).with_offset(0))?;
    found.text("uuid", format!("{uuid:032x}"));
    found.number("number", own.get());
    found.number("format_version", u64::from(FORMAT_VERSION));
    if number.is_some_and(|number| number != own) {
        let message = format!("this is MANIFEST {} under another name", own.get());
        found.problem(Error::corruption(path, 0, message));
    }
    if source.len() > MAX_SEGMENT_LEN {
        return Err(Error::corruption(path, MAX_SEGMENT_LEN, "file is longer than any MANIFEST"));
    }
    let identity = file_identity(uuid, own);
    let slot = decode_slot(source.window(SLOT_OFFSET, SLOT_LEN)?, Place { identity, offset: SLOT_OFFSET });
    match slot {
        Some(synced) => found.number("slot_synced_end", synced),
        None => found.text("slot_synced_end", "none"),
    }
    let (mut offset, mut count) = (RECORDS_OFFSET, 0);
    let why = loop {
        let record = match read_record(&mut source, identity, offset)? {
            Decoded::Record(record) => record,
            Decoded::End if count > 0 => break "blank space where a record should be",
            Decoded::Bad(why) if count > 0 => break why,
            Decoded::End | Decoded::Bad(_) => {
                return Err(Error::corruption(path, offset, "the snapshot that begins a MANIFEST is damaged"));
            }
        };
        let edit = decode(&record, count).map_err(|error| error.with_file(path).with_offset(offset))?;
        visit(found, &record, &edit, offset)?;
        (offset, count) = (record.next_offset, count + 1);
    };
    found.text("end_because", why);
    found.number("tail_bytes", check_tail(&mut source, path, identity, offset, slot, why)?);
    Ok((offset, count))
}

fn number(n: u64) -> StatValue {
    StatValue::Number(n)
}

fn of_family(family: FamilyId) -> (&'static str, StatValue) {
    ("family", number(u64::from(family.0)))
}

/// An edit with the fields that it has, under the names of docs/format/manifest.md.
fn edit_row(found: &Findings<'_>, record: &Record<'_>, edit: &VersionEdit, offset: u64) -> Result<Row> {
    let mut row = vec![
        ("offset", number(offset)),
        ("type", text(if record.header.number == 1 { "snapshot" } else { "edit" })),
        ("number", number(record.header.number)),
        ("bytes", number(record.payload.len() as u64)),
    ];
    let counters = [
        ("next_file_number", edit.next_file_number.map(FileNumber::get)),
        ("next_family_id", edit.next_family_id.map(|id| u64::from(id.0))),
        ("last_seqno", edit.last_seqno.map(SeqNo::get)),
        ("synced_through", edit.synced_through.map(SeqNo::get)),
        ("view_time_ms", edit.view_time_ms),
    ];
    row.extend(counters.into_iter().filter_map(|(name, value)| Some((name, number(value?)))));
    let mut list = |name, rows: Vec<Row>| {
        if !rows.is_empty() {
            row.push((name, StatValue::List(rows)));
        }
    };
    let created = edit.families_created.iter();
    list(
        "families_created",
        created.map(|f| vec![of_family(f.id), ("name", text(&f.name)), ("order", text(&f.order_name))]).collect(),
    );
    let settings = edit.family_settings.iter();
    list(
        "family_settings",
        settings.map(|s| vec![of_family(s.family), ("name", text(&s.name)), ("value", text(&s.value))]).collect(),
    );
    list("families_dropped", edit.families_dropped.iter().map(|family| vec![of_family(*family)]).collect());
    let deleted = edit.deleted.iter();
    list(
        "tables_deleted",
        deleted
            .map(|(family, level, table)| vec![of_family(*family), at(*level), ("table", number(table.get()))])
            .collect(),
    );
    list("tables_added", edit.added.iter().map(|(level, file)| table_row(found, *level, file)).collect::<Result<_>>()?);
    let flushed = edit.flushed_seqno.iter();
    list(
        "flushed_seqno",
        flushed.map(|(family, seqno)| vec![of_family(*family), ("seqno", number(seqno.get()))]).collect(),
    );
    let segments = |numbers: &[FileNumber]| numbers.iter().map(|n| vec![("segment", number(n.get()))]).collect();
    list("wal_added", segments(&edit.wal_added));
    list("wal_removed", segments(&edit.wal_removed));
    Ok(row)
}

fn at(level: Level) -> (&'static str, StatValue) {
    ("level", number(level.index() as u64))
}

/// What is on record about a table.
fn table_row(found: &Findings<'_>, level: Level, file: &FileMeta) -> Result<Row> {
    Ok(vec![
        of_family(file.family),
        at(level),
        ("table", number(file.number.get())),
        ("bytes", number(file.file_size)),
        ("table_id", text(format!("{:016x}", file.table_id))),
        ("checksum", text(format!("{:08x}", file.checksum))),
        ("smallest", found.key(&file.smallest)?),
        ("largest", found.key(&file.largest)?),
        ("largest_exclusive", number(u64::from(file.largest_exclusive))),
        ("smallest_seqno", number(file.smallest_seqno.get())),
        ("largest_seqno", number(file.largest_seqno.get())),
        ("entries", number(file.entries)),
        ("deletes", number(file.deletes)),
        ("range_tombstones", number(file.range_tombstones)),
        ("merges", number(file.merges)),
        ("earliest_merge_ms", number(file.earliest_merge_ms)),
        ("expiring", number(file.expiring)),
        ("latest_expiry_ms", number(file.latest_expiry_ms)),
    ])
}
