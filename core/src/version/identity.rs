//! `IDENTITY`: which database this is and in which format it was made. Written last at creation, never again, so its presence
//! says that creation was finished; from then on a lost `CURRENT` or MANIFEST is damage and never an invitation to start anew.
//!
//! A text of one exact form, with a checksum of its own (docs/format/identity.md). Anything else is refused.
//! Pure but for [`read`] and [`write`].

use std::path::Path;

use crate::env::atomic_file::{AtomicWriteError, write_atomically};
use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, is_not_found, read_small_file};
use crate::error::{Error, ErrorKind, Result};
use crate::util::checksum::crc32;

/// The formats of a database directory, oldest first; a change that an older version cannot read gets the next number.
///
/// 1. The first one.
pub const FORMAT_VERSION: u32 = 1;

/// More than any IDENTITY has; a longer file is not one.
const MAX_LEN: usize = 256;

/// What IDENTITY says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The format the database was made in.
    pub format_version: u32,
    /// Which database it is, whatever directory it is in: part of every check of WAL and MANIFEST.
    pub uuid: u128,
}

impl Identity {
    /// A new database of the present format.
    pub fn generate(fs: &dyn FileSystem) -> Identity {
        let uuid = u128::from(fs.random_u64()) << 64 | u128::from(fs.random_u64());
        Identity { format_version: FORMAT_VERSION, uuid }
    }

    /// The file's contents.
    pub fn encode(&self) -> String {
        let mut text = format!("esker database, format {}\nuuid {:032x}\n", self.format_version, self.uuid);
        let check = crc32(&[text.as_bytes()]);
        text.push_str(&format!("check {check:08x}\n"));
        text
    }

    /// What `bytes` say: `None` if they are not exactly what [`Identity::encode`] makes of something.
    pub fn decode(bytes: &[u8]) -> Option<Identity> {
        let text = std::str::from_utf8(bytes).ok()?;
        let rest = text.strip_prefix("esker database, format ")?;
        let (version, rest) = rest.split_once("\nuuid ")?;
        let (hex, _check) = rest.split_once("\ncheck ")?;
        let uuid = u128::from_str_radix(hex, 16).ok()?;
        let identity = Identity { format_version: version.parse().ok()?, uuid };
        // One spelling only; this is where the checksum is compared, too.
        (identity.encode().as_bytes() == bytes).then_some(identity)
    }
}

/// The IDENTITY of `dir`; `None` if there is none. Damage is `Corruption`, a newer format `Format`.
pub fn read(fs: &dyn FileSystem, dir: &Path) -> Result<Option<Identity>> {
    let path = dir.join(FileKind::Identity.name());
    let bytes = match read_small_file(fs, &path, MAX_LEN) {
        Ok(bytes) => bytes,
        Err(error) if is_not_found(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let identity = Identity::decode(&bytes).ok_or_else(|| Error::corruption(&path, 0, "IDENTITY is damaged"))?;
    check_format(identity.format_version).map_err(|error| error.with_file(&path))?;
    Ok(Some(identity))
}

/// Whether this version can read `format_version`.
pub fn check_format(format_version: u32) -> Result<()> {
    if (1..=FORMAT_VERSION).contains(&format_version) {
        return Ok(());
    }
    let message = format!("format {format_version}; this version knows formats up to {FORMAT_VERSION}");
    Err(Error::new(ErrorKind::Format, message))
}

/// Writes the IDENTITY of a database whose MANIFEST and CURRENT are durable.
pub fn write(fs: &dyn FileSystem, dir: &Path, temp: FileNumber, identity: &Identity) -> Result<()> {
    let written = write_atomically(fs, dir, FileKind::Identity, temp, identity.encode().as_bytes());
    // Nothing was acknowledged yet: whether the name is there or not, the next open finds a creation that is finished or not.
    written.map_err(|error| match error {
        AtomicWriteError::NotReplaced(error) | AtomicWriteError::Unknown(error) => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Identity {
        Identity { format_version: 1, uuid: 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff }
    }

    #[test]
    fn identities_round_trip() {
        assert_eq!(Identity::decode(sample().encode().as_bytes()), Some(sample()));
        let newer = Identity { format_version: u32::MAX, ..sample() };
        assert_eq!(Identity::decode(newer.encode().as_bytes()), Some(newer));
        assert_eq!(check_format(newer.format_version).unwrap_err().kind(), ErrorKind::Format);
        assert_eq!(check_format(0).unwrap_err().kind(), ErrorKind::Format);
    }

    #[test]
    fn any_change_is_noticed() {
        let good = sample().encode().into_bytes();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert_eq!(Identity::decode(&bad), None, "byte {at} bit {bit}");
            }
            assert_eq!(Identity::decode(&good[..at]), None, "cut at {at}");
        }
        assert_eq!(Identity::decode(&[&good[..], b"\n"].concat()), None);
    }

    #[test]
    fn the_page_shows_an_identity() {
        let page = include_str!("../../../docs/format/identity.md");
        assert!(page.contains(&format!("```text\n{}```", sample().encode())), "{}", sample().encode());
    }
}
