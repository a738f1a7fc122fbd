//! The grammar of file names in a database directory. Only names of this grammar are ever touched; each has exactly one
//! spelling, so `7.sst` or `0000007.sst` is somebody else's file and `000007.sst` is table 7.

use std::ffi::OsStr;
use std::fmt;

/// The number in a file's name. WAL segments, tables, MANIFESTs and temporary files share one number space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileNumber(u64);

impl FileNumber {
    /// The file number `n`.
    pub const fn new(n: u64) -> FileNumber {
        FileNumber(n)
    }

    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for FileNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// What a file in a database directory is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// Held by whoever has the database open.
    Lock,
    /// The database's uuid and format version; written last at creation, never again.
    Identity,
    /// Names the live MANIFEST.
    Current,
    /// What the database was last opened with, for people.
    Options,
    /// A log of version edits.
    Manifest(FileNumber),
    /// A WAL segment.
    Wal(FileNumber),
    /// An SSTable.
    Table(FileNumber),
    /// A file on its way to becoming another by rename.
    Temp(FileNumber),
}

impl FileKind {
    /// What `name` is, `None` if it is not ours.
    pub fn parse(name: &OsStr) -> Option<FileKind> {
        let name = name.to_str()?;
        let kind = match name {
            "LOCK" => FileKind::Lock,
            "IDENTITY" => FileKind::Identity,
            "CURRENT" => FileKind::Current,
            "OPTIONS" => FileKind::Options,
            _ => FileKind::parse_numbered(name)?,
        };
        // The canonical spelling only: "0000001.wal" has the right shape but is not a name we write.
        (kind.name() == name).then_some(kind)
    }

    fn parse_numbered(name: &str) -> Option<FileKind> {
        if let Some(digits) = name.strip_prefix("MANIFEST-") {
            return Some(FileKind::Manifest(parse_number(digits)?));
        }
        let (digits, extension) = name.split_once('.')?;
        let number = parse_number(digits)?;
        match extension {
            "wal" => Some(FileKind::Wal(number)),
            "sst" => Some(FileKind::Table(number)),
            "tmp" => Some(FileKind::Temp(number)),
            _ => None,
        }
    }

    /// The file's name.
    pub fn name(self) -> String {
        match self {
            FileKind::Lock => "LOCK".to_owned(),
            FileKind::Identity => "IDENTITY".to_owned(),
            FileKind::Current => "CURRENT".to_owned(),
            FileKind::Options => "OPTIONS".to_owned(),
            FileKind::Manifest(number) => format!("MANIFEST-{number}"),
            FileKind::Wal(number) => format!("{number}.wal"),
            FileKind::Table(number) => format!("{number}.sst"),
            FileKind::Temp(number) => format!("{number}.tmp"),
        }
    }

    /// The number in the name, if it has one.
    pub fn number(self) -> Option<FileNumber> {
        match self {
            FileKind::Manifest(n) | FileKind::Wal(n) | FileKind::Table(n) | FileKind::Temp(n) => Some(n),
            FileKind::Lock | FileKind::Identity | FileKind::Current | FileKind::Options => None,
        }
    }
}

fn parse_number(digits: &str) -> Option<FileNumber> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().ok().map(FileNumber))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        let n = FileNumber::new(7);
        let big = FileNumber::new(u64::MAX);
        for kind in [
            FileKind::Lock,
            FileKind::Identity,
            FileKind::Current,
            FileKind::Options,
            FileKind::Manifest(n),
            FileKind::Wal(n),
            FileKind::Table(big),
            FileKind::Temp(n),
        ] {
            assert_eq!(FileKind::parse(OsStr::new(&kind.name())), Some(kind));
        }
    }

    #[test]
    fn other_spellings_are_not_ours() {
        for name in [
            "7.sst",
            "0000007.sst",
            "+00007.sst",
            "000007.SST",
            "000007.sst~",
            "MANIFEST-1",
            "lost",
            "",
            ".wal",
            "000001.log",
        ] {
            assert_eq!(FileKind::parse(OsStr::new(name)), None, "{name}");
        }
    }
}
