//! [`VersionEdit`]: one change of what the database is, as one MANIFEST record: tables that come and go, families, WAL segments,
//! and the counters that must never run backwards. A snapshot is an edit too, the first of its MANIFEST: from nothing to
//! everything.
//!
//! The encoding is a list of fields, each a tag byte and its body (see `docs/format/manifest.md`); a field that may occur more
//! than once repeats its tag. Pure functions: slices in, values out, no panic on any bytes. An unknown tag, a level the
//! database does not have, or bytes left over are errors: half of an edit must never be applied.
//!
//! Thread rule: plain data.

use crate::env::filename::FileNumber;
use crate::error::{Error, ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::key::sequence::SeqNo;
use crate::util::coding::{Reader, put_prefixed, put_u32, put_u64, put_varint};
use crate::util::sync::Arc;
use crate::version::file_meta::{FileMeta, Level};

/// Longest name of a family or comparator, and longest name or value of a family's setting.
pub const MAX_NAME_LEN: usize = 255;

/// What each field of an edit is called on disk. Numbers are never reused.
mod tag {
    pub const FAMILY_CREATED: u8 = 1;
    pub const FAMILY_DROPPED: u8 = 2;
    pub const TABLE_DELETED: u8 = 3;
    pub const TABLE_ADDED: u8 = 4;
    pub const FLUSHED_SEQNO: u8 = 5;
    pub const WAL_ADDED: u8 = 6;
    pub const WAL_REMOVED: u8 = 7;
    pub const NEXT_FILE_NUMBER: u8 = 8;
    pub const NEXT_FAMILY_ID: u8 = 9;
    pub const LAST_SEQNO: u8 = 10;
    pub const SYNCED_THROUGH: u8 = 11;
    pub const VIEW_TIME: u8 = 12;
    pub const FAMILY_SETTING: u8 = 13;
}

/// A family that comes into being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFamily {
    /// Its number, never used before or again.
    pub id: FamilyId,
    /// What callers open it by.
    pub name: String,
    /// The name of its key order.
    pub order_name: String,
}

/// What a family is set to do: a named value that whoever opens the database understands, or refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilySetting {
    /// Whose it is.
    pub family: FamilyId,
    /// What is set.
    pub name: String,
    /// To what; empty takes it back.
    pub value: String,
}

/// One change of what the database is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionEdit {
    /// Families that come into being.
    pub families_created: Vec<NewFamily>,
    /// Families that go, with all their tables.
    pub families_dropped: Vec<FamilyId>,
    /// What families are set to do. Applied after the creations.
    pub family_settings: Vec<FamilySetting>,
    /// Tables that leave a level. Applied before the additions.
    pub deleted: Vec<(FamilyId, Level, FileNumber)>,
    /// Tables that come to a level; the family is the table's.
    pub added: Vec<(Level, Arc<FileMeta>)>,
    /// Everything of the family up to this number is in tables: replay must not apply it again.
    pub flushed_seqno: Vec<(FamilyId, SeqNo)>,
    /// WAL segments that become live. Nothing is acknowledged in a segment that no edit has named.
    pub wal_added: Vec<FileNumber>,
    /// WAL segments that nothing needs any more.
    pub wal_removed: Vec<FileNumber>,
    /// Above every number given to a file so far.
    pub next_file_number: Option<FileNumber>,
    /// Above every number given to a family so far.
    pub next_family_id: Option<FamilyId>,
    /// The highest sequence number known to be in use.
    pub last_seqno: Option<SeqNo>,
    /// The last logged commit that was known synced when the edit was written.
    pub synced_through: Option<SeqNo>,
    /// The highest time any view was given, in milliseconds.
    pub view_time_ms: Option<u64>,
}

impl VersionEdit {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == VersionEdit::default()
    }

    /// Notes that `file` comes to `level`.
    pub fn add(&mut self, level: Level, file: Arc<FileMeta>) {
        self.added.push((level, file));
    }

    /// Notes that `file` leaves `level`.
    pub fn delete(&mut self, level: Level, file: &FileMeta) {
        self.deleted.push((file.family, level, file.number));
    }

    /// The edit as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for family in &self.families_created {
            put_tagged(&mut out, tag::FAMILY_CREATED, u64::from(family.id.0));
            put_prefixed(&mut out, family.name.as_bytes());
            put_prefixed(&mut out, family.order_name.as_bytes());
        }
        for setting in &self.family_settings {
            put_tagged(&mut out, tag::FAMILY_SETTING, u64::from(setting.family.0));
            put_prefixed(&mut out, setting.name.as_bytes());
            put_prefixed(&mut out, setting.value.as_bytes());
        }
        for family in &self.families_dropped {
            put_tagged(&mut out, tag::FAMILY_DROPPED, u64::from(family.0));
        }
        for (family, level, number) in &self.deleted {
            put_tagged(&mut out, tag::TABLE_DELETED, u64::from(family.0));
            out.push(level.index() as u8);
            put_varint(&mut out, number.get());
        }
        for (level, file) in &self.added {
            out.push(tag::TABLE_ADDED);
            encode_file(&mut out, *level, file);
        }
        for (family, seqno) in &self.flushed_seqno {
            put_tagged(&mut out, tag::FLUSHED_SEQNO, u64::from(family.0));
            put_varint(&mut out, seqno.get());
        }
        for number in &self.wal_added {
            put_tagged(&mut out, tag::WAL_ADDED, number.get());
        }
        for number in &self.wal_removed {
            put_tagged(&mut out, tag::WAL_REMOVED, number.get());
        }
        let counters = [
            (tag::NEXT_FILE_NUMBER, self.next_file_number.map(FileNumber::get)),
            (tag::NEXT_FAMILY_ID, self.next_family_id.map(|id| u64::from(id.0))),
            (tag::LAST_SEQNO, self.last_seqno.map(SeqNo::get)),
            (tag::SYNCED_THROUGH, self.synced_through.map(SeqNo::get)),
            (tag::VIEW_TIME, self.view_time_ms),
        ];
        for (tag, value) in counters {
            if let Some(value) = value {
                put_tagged(&mut out, tag, value);
            }
        }
        out
    }

    /// The edit that `bytes` encode. The error is `Corruption`, without a place: the caller knows it.
    pub fn decode(bytes: &[u8]) -> Result<VersionEdit> {
        let mut edit = VersionEdit::default();
        let mut reader = Reader::new(bytes);
        while let Some(tag) = reader.u8() {
            edit.decode_field(tag, &mut reader)?;
        }
        Ok(edit)
    }

    fn decode_field(&mut self, tag: u8, r: &mut Reader<'_>) -> Result<()> {
        match tag {
            tag::FAMILY_CREATED => {
                let id = family(r)?;
                self.families_created.push(NewFamily { id, name: name(r)?, order_name: name(r)? });
                Ok(())
            }
            tag::FAMILY_DROPPED => {
                self.families_dropped.push(family(r)?);
                Ok(())
            }
            tag::TABLE_DELETED => {
                self.deleted.push((family(r)?, level(r)?, number(r)?));
                Ok(())
            }
            tag::TABLE_ADDED => {
                self.added.push(decode_file(r)?);
                Ok(())
            }
            tag::FLUSHED_SEQNO => {
                self.flushed_seqno.push((family(r)?, seqno(r)?));
                Ok(())
            }
            tag::WAL_ADDED => {
                self.wal_added.push(number(r)?);
                Ok(())
            }
            tag::WAL_REMOVED => {
                self.wal_removed.push(number(r)?);
                Ok(())
            }
            tag::NEXT_FILE_NUMBER => set(&mut self.next_file_number, number(r)?, "next file number"),
            tag::NEXT_FAMILY_ID => set(&mut self.next_family_id, family(r)?, "next family id"),
            tag::LAST_SEQNO => set(&mut self.last_seqno, seqno(r)?, "last sequence number"),
            tag::SYNCED_THROUGH => set(&mut self.synced_through, seqno(r)?, "synced sequence number"),
            tag::VIEW_TIME => set(&mut self.view_time_ms, varint(r)?, "view time"),
            tag::FAMILY_SETTING => {
                self.family_settings.push(FamilySetting { family: family(r)?, name: name(r)?, value: name(r)? });
                Ok(())
            }
            unknown => Err(damaged(format!("edit has a field of unknown kind {unknown}"))),
        }
    }
}

fn put_tagged(out: &mut Vec<u8>, tag: u8, value: u64) {
    out.push(tag);
    put_varint(out, value);
}

/// Level, then everything on record about the table.
fn encode_file(out: &mut Vec<u8>, level: Level, file: &FileMeta) {
    out.push(level.index() as u8);
    put_varint(out, u64::from(file.family.0));
    put_varint(out, file.number.get());
    put_varint(out, file.file_size);
    put_u64(out, file.table_id);
    put_u32(out, file.checksum);
    put_prefixed(out, &file.smallest);
    put_prefixed(out, &file.largest);
    out.push(u8::from(file.largest_exclusive));
    put_varint(out, file.smallest_seqno.get());
    put_varint(out, file.largest_seqno.get());
    put_varint(out, file.entries);
    put_varint(out, file.deletes);
    put_varint(out, file.range_tombstones);
    put_varint(out, file.merges);
    put_varint(out, file.earliest_merge_ms);
    put_varint(out, file.expiring);
    put_varint(out, file.latest_expiry_ms);
}

fn decode_file(r: &mut Reader<'_>) -> Result<(Level, Arc<FileMeta>)> {
    let level = level(r)?;
    let file = FileMeta {
        family: family(r)?,
        number: number(r)?,
        file_size: varint(r)?,
        table_id: r.u64().ok_or_else(cut)?,
        checksum: r.u32().ok_or_else(cut)?,
        smallest: r.prefixed().ok_or_else(cut)?.to_vec(),
        largest: r.prefixed().ok_or_else(cut)?.to_vec(),
        largest_exclusive: flag(r)?,
        smallest_seqno: seqno(r)?,
        largest_seqno: seqno(r)?,
        entries: varint(r)?,
        deletes: varint(r)?,
        range_tombstones: varint(r)?,
        merges: varint(r)?,
        earliest_merge_ms: varint(r)?,
        expiring: varint(r)?,
        latest_expiry_ms: varint(r)?,
    };
    Ok((level, Arc::new(file)))
}

fn set<T>(slot: &mut Option<T>, value: T, what: &str) -> Result<()> {
    if slot.replace(value).is_some() {
        return Err(damaged(format!("edit has two values for its {what}")));
    }
    Ok(())
}

fn varint(r: &mut Reader<'_>) -> Result<u64> {
    r.varint().ok_or_else(cut)
}

fn family(r: &mut Reader<'_>) -> Result<FamilyId> {
    r.varint_u32().map(FamilyId).ok_or_else(cut)
}

fn number(r: &mut Reader<'_>) -> Result<FileNumber> {
    varint(r).map(FileNumber::new)
}

fn seqno(r: &mut Reader<'_>) -> Result<SeqNo> {
    SeqNo::new(varint(r)?).ok_or_else(|| damaged("edit has a sequence number above the highest there is"))
}

fn level(r: &mut Reader<'_>) -> Result<Level> {
    let n = r.u8().ok_or_else(cut)?;
    Level::new(usize::from(n))
        .ok_or_else(|| damaged(format!("edit names level {n}, which this database does not have")))
}

fn flag(r: &mut Reader<'_>) -> Result<bool> {
    match r.u8().ok_or_else(cut)? {
        0 => Ok(false),
        1 => Ok(true),
        n => Err(damaged(format!("edit has {n} where only 0 and 1 may stand"))),
    }
}

fn name(r: &mut Reader<'_>) -> Result<String> {
    let bytes = r.prefixed().ok_or_else(cut)?;
    if bytes.len() > MAX_NAME_LEN {
        return Err(damaged(format!("edit has a name of {} bytes", bytes.len())));
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| damaged("edit has a name that is not UTF-8"))
}

fn cut() -> Error {
    damaged("edit ends in the middle of a field, or a number in it is misspelt")
}

fn damaged(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corruption, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::doc_page::DocPage;
    use crate::version::file_meta::testing::meta;

    fn seq(n: u64) -> SeqNo {
        SeqNo::new(n).unwrap()
    }

    fn setting(family: u32, name: &str, value: &str) -> FamilySetting {
        FamilySetting { family: FamilyId(family), name: name.to_owned(), value: value.to_owned() }
    }

    /// An edit in which every field is set, repeated ones twice, with values at their ends.
    fn full() -> VersionEdit {
        let huge = FileMeta {
            number: FileNumber::new(u64::MAX),
            family: FamilyId(u32::MAX),
            file_size: u64::MAX,
            smallest: Vec::new(),
            largest: vec![0xff; 300],
            largest_exclusive: true,
            smallest_seqno: SeqNo::ZERO,
            largest_seqno: SeqNo::MAX,
            table_id: u64::MAX - 1,
            checksum: u32::MAX,
            entries: u64::MAX,
            deletes: u64::MAX,
            range_tombstones: u64::MAX,
            merges: u64::MAX,
            earliest_merge_ms: u64::MAX,
            expiring: u64::MAX,
            latest_expiry_ms: u64::MAX,
        };
        let new = |id, name: &str| NewFamily {
            id: FamilyId(id),
            name: name.to_owned(),
            order_name: "o".repeat(MAX_NAME_LEN),
        };
        VersionEdit {
            families_created: vec![new(0, "default"), new(u32::MAX, "")],
            family_settings: vec![setting(0, "ttl_ms", "5"), setting(u32::MAX, "", &"v".repeat(MAX_NAME_LEN))],
            families_dropped: vec![FamilyId(3), FamilyId(4)],
            deleted: vec![
                (FamilyId(1), Level::ZERO, FileNumber::new(5)),
                (FamilyId(2), Level::LAST, FileNumber::new(300)),
            ],
            added: vec![(Level::LAST, Arc::new(huge)), (Level::ZERO, Arc::new(meta(7, "a", "b", 3..=4)))],
            flushed_seqno: vec![(FamilyId(0), seq(1)), (FamilyId(9), SeqNo::MAX)],
            wal_added: vec![FileNumber::new(8), FileNumber::new(9)],
            wal_removed: vec![FileNumber::new(6), FileNumber::new(7)],
            next_file_number: Some(FileNumber::new(11)),
            next_family_id: Some(FamilyId(12)),
            last_seqno: Some(seq(13)),
            synced_through: Some(seq(14)),
            view_time_ms: Some(15),
        }
    }

    #[test]
    fn every_field_round_trips() {
        let edit = full();
        let decoded = VersionEdit::decode(&edit.encode()).unwrap();
        assert_eq!(decoded, edit);
        assert!(VersionEdit::decode(&[]).unwrap().is_empty());
        assert!(!edit.is_empty());
    }

    #[test]
    fn a_cut_edit_is_an_error_or_a_shorter_edit_but_never_a_panic() {
        let bytes = full().encode();
        for len in 0..bytes.len() {
            if let Ok(edit) = VersionEdit::decode(&bytes[..len]) {
                assert_eq!(edit.encode(), bytes[..len], "cut at {len}");
            }
        }
    }

    #[test]
    fn any_byte_changed_gives_an_error_or_an_edit_that_encodes_to_the_same_bytes() {
        let good = full().encode();
        for at in 0..good.len() {
            for value in [0x00, 0x01, 0x7f, 0x80, 0xff, good[at] ^ 1] {
                let mut bytes = good.clone();
                bytes[at] = value;
                if let Ok(edit) = VersionEdit::decode(&bytes) {
                    // Fields may have changed order by a changed tag; nothing may have been lost.
                    assert_eq!(edit.encode().len(), bytes.len(), "byte {at} = {value:#x}");
                }
            }
        }
    }

    #[test]
    fn what_this_version_does_not_know_is_refused() {
        let message = |bytes: &[u8]| VersionEdit::decode(bytes).unwrap_err();
        let unknown = message(&[99]);
        assert_eq!((unknown.kind(), unknown.message()), (ErrorKind::Corruption, "edit has a field of unknown kind 99"));
        let level = message(&[tag::TABLE_DELETED, 0, Level::COUNT as u8, 5]);
        assert_eq!(level.message(), "edit names level 7, which this database does not have");
        let twice = [tag::VIEW_TIME, 1, tag::VIEW_TIME, 2];
        assert_eq!(message(&twice).kind(), ErrorKind::Corruption);
    }

    #[test]
    fn the_page_says_what_the_code_does() {
        let page = DocPage::new(include_str!("../../../docs/format/manifest.md"));
        let file = FileMeta {
            file_size: 2000,
            largest_exclusive: true,
            table_id: 0x1122_3344_5566_7788,
            checksum: 0xaabb_ccdd,
            entries: 100,
            deletes: 10,
            range_tombstones: 1,
            merges: 2,
            earliest_merge_ms: 350,
            expiring: 3,
            latest_expiry_ms: 400,
            ..meta(9, "a", "k2", 5..=300)
        };
        let users = NewFamily { id: FamilyId(1), name: "users".to_owned(), order_name: "bytewise".to_owned() };
        let edit = VersionEdit {
            families_created: vec![users],
            family_settings: vec![setting(1, "ttl_ms", "5000")],
            families_dropped: vec![FamilyId(4)],
            deleted: vec![(FamilyId(0), Level::ZERO, FileNumber::new(9))],
            added: vec![(Level::new(1).unwrap(), Arc::new(file))],
            flushed_seqno: vec![(FamilyId(0), seq(300))],
            wal_added: vec![FileNumber::new(12)],
            wal_removed: vec![FileNumber::new(8)],
            next_file_number: Some(FileNumber::new(13)),
            next_family_id: Some(FamilyId(5)),
            last_seqno: Some(seq(310)),
            synced_through: Some(seq(300)),
            view_time_ms: Some(1_700_000_000_000),
        };
        assert_eq!(page.hex("edit"), edit.encode());
        let fields = [
            ("family_created", tag::FAMILY_CREATED),
            ("family_setting", tag::FAMILY_SETTING),
            ("family_dropped", tag::FAMILY_DROPPED),
            ("table_deleted", tag::TABLE_DELETED),
            ("table_added", tag::TABLE_ADDED),
            ("flushed_seqno", tag::FLUSHED_SEQNO),
            ("wal_added", tag::WAL_ADDED),
            ("wal_removed", tag::WAL_REMOVED),
            ("next_file_number", tag::NEXT_FILE_NUMBER),
            ("next_family_id", tag::NEXT_FAMILY_ID),
            ("last_seqno", tag::LAST_SEQNO),
            ("synced_through", tag::SYNCED_THROUGH),
            ("view_time", tag::VIEW_TIME),
        ];
        page.check_fields("edit", &fields.map(|(name, tag)| (name, usize::from(tag), 0)));
    }
}
