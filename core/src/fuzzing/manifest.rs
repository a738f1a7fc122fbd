//! Targets `edit` and `manifest`: one version edit, and a whole MANIFEST.

use std::path::Path;

use crate::env::filename::{FileKind, FileNumber};
use crate::error::ErrorKind;
use crate::fuzzing::golden::{DIR, disk, empty_disk, files, must, write};
use crate::fuzzing::refit;
use crate::record::{Decoded, Place, SLOT_SECTOR_LEN, encode_slot, file_identity, read_record};
use crate::version::edit::VersionEdit;
use crate::version::manifest_file::{SLOT_OFFSET, encode_header};
use crate::version::manifest_recover::scan;
use crate::version::orders::Orders;
use crate::version::state::ManifestState;

const UUID: u128 = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff;
const NUMBER: FileNumber = FileNumber::new(5);

/// An edit is what its encoding says, and holds no more than its bytes can.
pub fn check_edit(data: &[u8]) -> bool {
    let edit = match VersionEdit::decode(data) {
        Ok(edit) => edit,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corruption, "{error:?}");
            return false;
        }
    };
    let fields = edit.families_created.len() + edit.family_settings.len() + edit.deleted.len() + edit.added.len();
    assert!(fields * 3 <= data.len(), "{fields} fields in {} bytes", data.len());
    let encoded = edit.encode();
    assert_eq!(must(VersionEdit::decode(&encoded)), edit);
    // Fields may stand in any order, but each has one spelling.
    assert_eq!(encoded.len(), data.len());
    // Applied to nothing it makes a state or is refused; a state is what its own snapshot makes.
    match ManifestState::default().with(&edit, &Orders::new()) {
        Ok(state) => check_state(&state),
        Err(error) => {
            let known = [ErrorKind::InvalidArgument, ErrorKind::Corruption];
            assert!(known.contains(&error.kind()), "{error:?}");
        }
    }
    true
}

fn check_state(state: &ManifestState) {
    let snapshot = state.to_snapshot();
    let again = must(ManifestState::default().with(&must(VersionEdit::decode(&snapshot.encode())), &Orders::new()));
    assert_eq!(again.to_snapshot(), snapshot);
}

/// `has slot, slot (2 bytes), records`: reading refuses with a place, or gives a state that its own snapshot makes again.
pub fn check(data: &[u8]) -> bool {
    let Some((setup, records)) = data.split_at_checked(3) else { return false };
    let identity = file_identity(UUID, NUMBER);
    let mut bytes = encode_header(UUID, NUMBER);
    bytes.resize(SLOT_OFFSET as usize + SLOT_SECTOR_LEN, 0);
    if setup[0] & 1 != 0 {
        let synced = u64::from(u16::from_le_bytes([setup[1], setup[2]]));
        let slot = encode_slot(Place { identity, offset: SLOT_OFFSET }, synced);
        bytes[SLOT_OFFSET as usize..][..slot.len()].copy_from_slice(&slot);
    }
    bytes.extend_from_slice(records);
    refit::records(&mut bytes, identity, refit::FIRST_RECORD);
    let disk = empty_disk();
    write(&disk, FileKind::Manifest(NUMBER), &bytes);
    match scan(&disk, Path::new(DIR), NUMBER, UUID, &Orders::new()) {
        Ok(scan) => {
            assert!(scan.progress.end <= bytes.len() as u64 && scan.tail_bytes <= records.len() as u64, "{scan:?}");
            check_state(&scan.state);
            true
        }
        Err(error) => {
            // A key order that nobody knows is for the caller to name.
            let known = [ErrorKind::Corruption, ErrorKind::InvalidArgument];
            assert!(known.contains(&error.kind()), "{error:?}");
            assert!(error.kind() != ErrorKind::Corruption || error.file().is_some(), "{error:?} names no file");
            false
        }
    }
}

/// The record area of the golden MANIFEST.
fn golden_records() -> Vec<u8> {
    let mut found = Vec::new();
    for (kind, bytes) in files(&disk()) {
        if let (FileKind::Manifest(_), Some(records)) = (kind, bytes.get(refit::FIRST_RECORD..)) {
            found = records.to_vec();
        }
    }
    found
}

/// Every edit of the golden MANIFEST, its snapshot first.
pub fn edit_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![Vec::new()];
    let mut bytes = golden_records();
    refit::records(&mut bytes, 0, 0);
    let mut at = 0;
    while let Decoded::Record(record) = must(read_record(&mut &bytes[..], 0, at)) {
        seeds.push(record.payload.to_vec());
        at = record.next_offset;
    }
    seeds
}

/// The golden MANIFEST with and without a slot that vouches for all of it.
pub fn seeds() -> Vec<Vec<u8>> {
    let records = golden_records();
    let end = (refit::FIRST_RECORD + records.len()) as u16;
    let [low, high] = end.to_le_bytes();
    vec![[&[1, low, high][..], &records].concat(), [&[0; 3][..], &records].concat()]
}
