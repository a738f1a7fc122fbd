//! `CURRENT`: names the live MANIFEST. Its contents have exactly one form, `MANIFEST-000001\n`: anything else (sixteen zero bytes,
//! an empty file, a path) is `Corruption`, never a guess.

use std::ffi::OsStr;
use std::path::Path;

use crate::env::atomic_file::{AtomicWriteError, write_atomically};
use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, is_not_found, read_small_file};
use crate::error::{Error, Result};

/// Longer than any name of a MANIFEST.
const MAX_LEN: usize = 64;

/// What CURRENT contains when MANIFEST `number` is live.
pub fn encode(number: FileNumber) -> String {
    format!("{}\n", FileKind::Manifest(number).name())
}

/// The MANIFEST that `bytes` name, if they are exactly what [`encode`] makes.
pub fn decode(bytes: &[u8]) -> Option<FileNumber> {
    let name = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    match FileKind::parse(OsStr::new(name))? {
        FileKind::Manifest(number) => Some(number),
        _ => None,
    }
}

/// The MANIFEST that CURRENT names; `None` if there is no CURRENT.
pub fn read(fs: &dyn FileSystem, dir: &Path) -> Result<Option<FileNumber>> {
    let path = dir.join(FileKind::Current.name());
    let bytes = match read_small_file(fs, &path, MAX_LEN) {
        Ok(bytes) => bytes,
        Err(error) if is_not_found(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let named = decode(&bytes).ok_or_else(|| Error::corruption(&path, 0, "CURRENT does not name a MANIFEST"))?;
    Ok(Some(named))
}

/// Makes MANIFEST `number`, which must be durable under its name, the live one.
pub fn write(fs: &dyn FileSystem, dir: &Path, number: FileNumber, temp: FileNumber) -> Result<(), AtomicWriteError> {
    write_atomically(fs, dir, FileKind::Current, temp, encode(number).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn current_has_one_form() {
        assert_eq!(encode(FileNumber::new(1)), "MANIFEST-000001\n");
        assert_eq!(decode(b"MANIFEST-000001\n"), Some(FileNumber::new(1)));
        let others: &[&[u8]] = &[
            b"",
            b"\n",
            &[0; 16],
            b"MANIFEST-000001",
            b"MANIFEST-000001\n\n",
            b"MANIFEST-000001\r\n",
            b"MANIFEST-1\n",
            b"MANIFEST-0000001\n",
            b"./MANIFEST-000001\n",
            b"MANIFEST-99999999999999999999\n",
            b"000001.sst\n",
            b"\xff\n",
        ];
        for other in others {
            assert_eq!(decode(other), None, "{}", other.escape_ascii());
        }
    }
}
