//! [`ManifestFile`]: one MANIFEST as a file: header sector, synced slot, records; and the steps of adding one. What the steps
//! mean for the database is `manifest`'s business.
//!
//! ```text
//!    0  header   magic, format version, uuid, own number, checksum; zeros to 512
//!  512  slot     how far the file is known to be synced
//! 1024  snapshot record, then edit records, then reserved zeros
//! ```
//! Invariants: bytes below `end` are whole records and synced; at most one record is ever written beyond, and nothing after it
//! until it is synced. `docs/format/manifest.md` is the page.
//!
//! Thread rule: belongs to the MANIFEST writer, one thread at a time.

use std::path::Path;

use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{File, FileSystem, OpenMode};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{
    Decoded, FileSource, Place, RecordHeader, RecordSource, SLOT_SECTOR_LEN, encode_record, encode_slot, file_identity,
    read_record, record_len,
};
use crate::util::checksum::crc32;
use crate::util::coding::{Reader, put_u32, put_u64};
use crate::util::sync::Arc;
use crate::version::edit::VersionEdit;
use crate::version::identity::{FORMAT_VERSION, check_format};

/// The first eight bytes of every MANIFEST.
pub const MAGIC: [u8; 8] = *b"eskerMF\x01";

/// Bytes of the header that mean something.
pub const HEADER_LEN: usize = 40;

/// Where the slot is.
pub const SLOT_OFFSET: u64 = 512;

/// Where the first record starts.
pub const RECORDS_OFFSET: u64 = SLOT_OFFSET + SLOT_SECTOR_LEN as u64;

/// The record that holds the whole state; first in its file and only there.
pub const RECORD_SNAPSHOT: u8 = 1;

/// A record that holds one edit.
pub const RECORD_EDIT: u8 = 2;

/// Space is reserved at least this far ahead …
const MIN_RESERVE: u64 = 4 * 1024;

/// … and at most this far: a quarter of what is there, so that small databases stay small.
const MAX_RESERVE: u64 = 256 * 1024;

/// The header of MANIFEST `number` of the database `uuid`.
pub fn encode_header(uuid: u128, number: FileNumber) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    put_u32(&mut out, FORMAT_VERSION);
    out.extend_from_slice(&uuid.to_le_bytes());
    put_u64(&mut out, number.get());
    let check = crc32(&[&out]);
    put_u32(&mut out, check);
    out
}

/// The database that the header `head` belongs to, if it is a header at all.
pub fn header_uuid(head: &[u8]) -> Option<u128> {
    let whole = head.len() == HEADER_LEN && head.starts_with(&MAGIC);
    let check = u32::from_le_bytes(*head.last_chunk()?);
    let uuid = u128::from_le_bytes(head.get(12..28)?.try_into().ok()?);
    (whole && check == crc32(&[&head[..HEADER_LEN - 4]])).then_some(uuid)
}

/// Checks that `bytes` start with the header of MANIFEST `number` of the database `uuid`. `Format` if a newer version wrote it.
pub fn check_header(bytes: &[u8], uuid: u128, number: FileNumber) -> Result<()> {
    let (found_uuid, found_number) = read_header(bytes)?;
    if found_uuid != uuid {
        return Err(damaged("it belongs to another database"));
    }
    if found_number != number {
        return Err(damaged("it was written under another number"));
    }
    Ok(())
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Corruption, format!("MANIFEST header: {what}"))
}

/// The database and the number of the MANIFEST that `bytes` start. The error lacks the file.
pub fn read_header(bytes: &[u8]) -> Result<(u128, FileNumber)> {
    let head = bytes.get(..HEADER_LEN).ok_or_else(|| damaged("file is too short"))?;
    let mut reader = Reader::new(head);
    let mut fields = || Some((reader.bytes(8)?, reader.u32()?, reader.array()?, reader.u64()?, reader.u32()?));
    let (magic, format_version, uuid, number, check) = fields().ok_or_else(|| damaged("file is too short"))?;
    if magic != MAGIC {
        return Err(damaged("not the magic number"));
    }
    if check != crc32(&[&head[..HEADER_LEN - 4]]) {
        return Err(damaged("checksum does not match"));
    }
    check_format(format_version)?;
    Ok((u128::from_le_bytes(*uuid), FileNumber::new(number)))
}

/// An open MANIFEST that edits can be added to.
#[derive(Debug)]
pub struct ManifestFile {
    file: Arc<dyn File>,
    number: FileNumber,
    identity: u64,
    end: u64,
    reserved: u64,
    snapshot_end: u64,
    records: u64,
}

impl ManifestFile {
    /// Writes MANIFEST `number` with nothing but `snapshot` in it, synced; its name is not durable yet. After an error no file
    /// of that name is left, unless removing it failed too.
    pub fn create(
        fs: &dyn FileSystem,
        dir: &Path,
        uuid: u128,
        number: FileNumber,
        snapshot: &VersionEdit,
    ) -> Result<ManifestFile> {
        let path = dir.join(FileKind::Manifest(number).name());
        let file = fs.open(&path, OpenMode::CreateNew)?;
        let identity = file_identity(uuid, number);
        let mut manifest =
            ManifestFile { file, number, identity, end: RECORDS_OFFSET, reserved: 0, snapshot_end: 0, records: 0 };
        let written = manifest.write_first(uuid, snapshot);
        if written.is_err() {
            // It never was the live one. What cannot be removed now is an orphan for the next open.
            fs.remove(&path).ok();
        }
        written.map(|()| manifest)
    }

    /// Header, slot and snapshot in one write and one sync. The slot may already vouch for the snapshot: CURRENT names this
    /// file only after the sync, so nobody reads the promise before it is kept.
    fn write_first(&mut self, uuid: u128, snapshot: &VersionEdit) -> Result<()> {
        let record = self.encode(RECORD_SNAPSHOT, snapshot)?;
        self.reserve(record.len() as u64)?;
        let end = self.end + record.len() as u64;
        let mut bytes = encode_header(uuid, self.number);
        bytes.resize(SLOT_OFFSET as usize, 0);
        bytes.extend_from_slice(&encode_slot(self.slot_place(), end));
        bytes.resize(RECORDS_OFFSET as usize, 0);
        bytes.extend_from_slice(&record);
        self.file.write_at(&bytes, 0)?;
        self.file.sync()?;
        (self.end, self.snapshot_end, self.records) = (end, end, 1);
        Ok(())
    }

    /// Takes over a file that recovery has read: `end` is where its last whole record ends.
    pub fn adopt(file: Arc<dyn File>, uuid: u128, number: FileNumber, progress: Progress) -> Result<ManifestFile> {
        let Progress { end, snapshot_end, records } = progress;
        let reserved = file.len()?;
        Ok(ManifestFile { file, number, identity: file_identity(uuid, number), end, reserved, snapshot_end, records })
    }

    /// `edit` as the record that would stand at the end of the file.
    pub fn encode_edit(&self, edit: &VersionEdit) -> Result<Vec<u8>> {
        self.encode(RECORD_EDIT, edit)
    }

    fn encode(&self, record_type: u8, edit: &VersionEdit) -> Result<Vec<u8>> {
        let payload = edit.encode();
        let mut out = Vec::new();
        let room = usize::try_from(record_len(payload.len())).unwrap_or(usize::MAX);
        let too_large = |_| Error::invalid(format!("no memory for an edit of {} bytes", payload.len()));
        out.try_reserve_exact(room).map_err(too_large)?;
        let place = Place { identity: self.identity, offset: self.end };
        let header = RecordHeader { record_type, number: self.records + 1, count: 1, synced: self.end };
        encode_record(&mut out, place, &header, &payload)?;
        Ok(out)
    }

    /// Makes sure that `len` bytes can be added without running out of space.
    pub fn reserve(&mut self, len: u64) -> Result<()> {
        let need = self.end.saturating_add(len);
        if need <= self.reserved {
            return Ok(());
        }
        let ahead = need.saturating_add((need / 4).clamp(MIN_RESERVE, MAX_RESERVE)) / MIN_RESERVE * MIN_RESERVE;
        let reserved = match self.file.allocate(ahead) {
            // The last few kilobytes of a disk may still hold this one edit, and it may be the one that frees space.
            Err(error) if error.kind() == crate::error::ErrorKind::NoSpace => self.file.allocate(need).map(|()| need),
            other => other.map(|()| ahead),
        };
        self.reserved = reserved?;
        Ok(())
    }

    /// Writes `record` at the end. Not part of the file until [`ManifestFile::commit`].
    pub fn write(&self, record: &[u8]) -> Result<()> {
        self.file.write_at(record, self.end)
    }

    /// Makes everything written durable.
    pub fn sync(&self) -> Result<()> {
        self.file.sync()
    }

    /// Counts a record of `len` bytes, which has been written and synced, as part of the file.
    pub fn commit(&mut self, len: u64) {
        self.end += len;
        self.records += 1;
    }

    /// Stores in the slot that everything below `end` is synced. A plain store: the next sync carries it.
    pub fn store_slot(&self) -> Result<()> {
        self.file.write_at(&encode_slot(self.slot_place(), self.end), SLOT_OFFSET)
    }

    /// Cuts off what stands beyond the last record.
    pub fn cut_tail(&mut self) -> Result<()> {
        self.file.truncate(self.end)?;
        self.reserved = self.end;
        Ok(())
    }

    /// Writes what stands between `from` and the end once more and syncs it. After a crash or a failed sync pages may be in
    /// memory, marked clean, and not on the medium: only a new write makes a sync mean something.
    ///
    /// The header is made anew, and of a record those bytes are written whose checks have just held. Example: recovery read a
    /// record, now a bit of it flips on its way from the disk; written back as read it would be damage for good.
    pub fn rewrite_from(&self, from: u64, uuid: u128) -> Result<()> {
        if from < RECORDS_OFFSET {
            let mut header = encode_header(uuid, self.number);
            header.resize(SLOT_OFFSET as usize, 0);
            self.file.write_at(&header, 0)?;
        }
        let mut source = FileSource::new(Arc::clone(&self.file))?;
        let mut at = RECORDS_OFFSET;
        while at < self.end {
            let next = match read_record(&mut source, self.identity, at)? {
                Decoded::Record(record) => record.next_offset,
                Decoded::End | Decoded::Bad(_) => return Err(self.reads_differ(at)),
            };
            if next > from {
                // The record is in the window, and so nothing is read again.
                let record = source.window(at, 0)?.get(..(next - at) as usize);
                self.file.write_at(record.ok_or_else(|| self.reads_differ(at))?, at)?;
            }
            at = next;
        }
        self.file.sync()
    }

    fn reads_differ(&self, offset: u64) -> Error {
        Error::corruption(self.file.path(), offset, "a record of MANIFEST that was whole is not when it is read again")
    }

    /// Its number.
    pub fn number(&self) -> FileNumber {
        self.number
    }

    /// Edits since the snapshot.
    pub fn edits(&self) -> u64 {
        self.records.saturating_sub(1)
    }

    /// Bytes of edits since the snapshot.
    pub fn edit_bytes(&self) -> u64 {
        self.end - self.snapshot_end
    }

    /// Bytes of the snapshot.
    pub fn snapshot_bytes(&self) -> u64 {
        self.snapshot_end - RECORDS_OFFSET
    }

    /// Where the last record ends.
    #[cfg(test)]
    pub fn end(&self) -> u64 {
        self.end
    }

    fn slot_place(&self) -> Place {
        Place { identity: self.identity, offset: SLOT_OFFSET }
    }
}

/// How far a MANIFEST has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Where the last whole record ends.
    pub end: u64,
    /// Where the snapshot ends.
    pub snapshot_end: u64,
    /// Whole records, the snapshot included.
    pub records: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::util::doc_page::DocPage;

    const UUID: u128 = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff;

    #[test]
    fn the_page_says_what_the_code_does() {
        let page = DocPage::new(include_str!("../../../docs/format/manifest.md"));
        let bytes = encode_header(UUID, FileNumber::new(7));
        assert_eq!(page.hex("header"), bytes, "check {:02x?}", &bytes[36..]);
        let fields = [("magic", 0, 8), ("format", 8, 4), ("uuid", 12, 16), ("number", 28, 8), ("check", 36, 4)];
        page.check_fields("header", &fields);
        assert_eq!(page.field("header", "format", &bytes), u64::from(FORMAT_VERSION));
        assert_eq!(page.field("header", "number", &bytes), 7);
        assert_eq!(page.field("header", "check", &bytes), u64::from(crc32(&[&bytes[..36]])));
    }

    #[test]
    fn a_header_is_believed_only_in_its_own_file() {
        let number = FileNumber::new(7);
        let good = encode_header(UUID, number);
        assert!(check_header(&good, UUID, number).is_ok());
        assert_eq!(header_uuid(&good), Some(UUID));
        let kind = |bytes: &[u8], uuid, number| check_header(bytes, uuid, FileNumber::new(number)).unwrap_err().kind();
        assert_eq!(kind(&good, UUID + 1, 7), ErrorKind::Corruption);
        assert_eq!(kind(&good, UUID, 8), ErrorKind::Corruption);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(kind(&bad, UUID, 7), ErrorKind::Corruption, "byte {at}");
            assert_eq!(header_uuid(&bad), None);
            assert_eq!(kind(&good[..at], UUID, 7), ErrorKind::Corruption);
        }
        let mut newer = good[..36].to_vec();
        newer[8] = FORMAT_VERSION as u8 + 1;
        let check = crc32(&[&newer]);
        put_u32(&mut newer, check);
        assert_eq!(kind(&newer, UUID, 7), ErrorKind::Format);
    }
}
