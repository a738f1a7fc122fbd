//! [`CrashImage`]: one of the things that a crash may leave of a disk.
//!
//! The medium promises little (see the folder's documentation), so one crash has a great many legal outcomes. An image picks
//! one of them, by a rule or by dice: [`Dice`] decides name by name, length by length and sector by sector, and `disk` and
//! `content` carry it out. The same image of the same state is the same disk, always. Thread rule: plain data.

use crate::env::sim_fs::content::{Bytes, PAGE, SECTOR};

/// Which of its legal outcomes a crash has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CrashImage {
    /// Nothing that was not synced is left: neither bytes, nor lengths, nor names. Never-synced sectors read as zero.
    NothingUnsynced,
    /// The processes are gone and the machine lives on: all is to be read, and what was not synced still is not. Only this
    /// image leaves something for a second crash to lose.
    Killed,
    /// All is there and durable.
    Everything,
    /// A random subset: names one by one, lengths, pages, sectors, some of them torn or older or full of other bytes.
    Random {
        /// Which subset.
        seed: u64,
    },
    /// All is there but a part of the last write.
    TornLastWrite {
        /// Which part.
        seed: u64,
    },
    /// All bytes are there, but no name that was not synced.
    DirEntriesLost,
    /// All names are there, but no bytes and lengths that were not synced: the new name of an empty file.
    DataLost,
    /// Names and lengths are there; sectors that were never synced hold garbage.
    GarbageTail {
        /// Which garbage.
        seed: u64,
    },
    /// Names and lengths are there; sectors that were never synced read as zero.
    ZeroTail,
}

impl CrashImage {
    /// One of each kind and two random subsets.
    pub fn all(seed: u64) -> [CrashImage; 10] {
        [
            CrashImage::Killed,
            CrashImage::NothingUnsynced,
            CrashImage::Everything,
            CrashImage::Random { seed },
            CrashImage::Random { seed: !seed },
            CrashImage::TornLastWrite { seed },
            CrashImage::DirEntriesLost,
            CrashImage::DataLost,
            CrashImage::GarbageTail { seed },
            CrashImage::ZeroTail,
        ]
    }
}

/// What the medium holds of a sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The current bytes.
    Newest,
    /// The unsynced bytes with this index, oldest first.
    Older(usize),
    /// What was last synced; anything if no sync covered it.
    Lost,
    /// So many of the current bytes, then those of the write before.
    Torn { at: usize },
}

/// What fates may depend on.
#[derive(Debug)]
pub(super) struct PageFacts {
    /// The page's index in its file.
    pub(super) index: usize,
    /// Whether a failed sync dropped its current bytes.
    pub(super) forgotten: bool,
    /// How many unsynced states lie between the synced and the current bytes.
    pub(super) older: usize,
}

/// Decides what a crash leaves of one file.
pub(super) trait Fates {
    /// The length that the medium knows.
    fn len(&mut self, synced: u64, older: &[u64], newest: u64) -> u64;
    /// Called before the sectors of a page.
    fn start_page(&mut self, facts: &PageFacts);
    /// What is left of a sector.
    fn sector(&mut self, facts: &PageFacts, sector: usize) -> Fate;
    /// Bytes of a sector that no sync ever covered.
    fn never_synced(&mut self, facts: &PageFacts, sector: usize) -> [u8; SECTOR];
}

/// SplitMix64: small, and the same everywhere.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn garbage(&mut self) -> [u8; SECTOR] {
        let mut bytes = [0; SECTOR];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes());
        }
        bytes
    }
}

/// How much of a file or page is left, in a random image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    All,
    Nothing,
    Some,
}

/// The last write before the crash, if it was to this file.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastWrite {
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// The image's decisions about one file.
pub(super) struct Dice<'a> {
    image: CrashImage,
    random: Random,
    last_write: Option<LastWrite>,
    /// Where the last write was torn; `None`: sectors of it are missing here and there.
    tear: Option<u64>,
    file: Share,
    page: Share,
    /// Bytes of another file at the same place: what a block that was freed and reused may still hold.
    stale: &'a dyn Fn(&mut Random, usize) -> Bytes,
    stale_page: Bytes,
    filler: Filler,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filler {
    Zeros,
    Garbage,
    Stale,
}

impl<'a> Dice<'a> {
    /// Dice for the file `inode`, the last write of which was `last_write`.
    pub(super) fn new(
        image: CrashImage,
        inode: u64,
        last_write: Option<LastWrite>,
        stale: &'a dyn Fn(&mut Random, usize) -> Bytes,
    ) -> Dice<'a> {
        let seed = match image {
            CrashImage::Random { seed } | CrashImage::TornLastWrite { seed } | CrashImage::GarbageTail { seed } => seed,
            _ => 0,
        };
        let mut random = Random::new(seed ^ inode.wrapping_mul(0xd6e8_feb8_6659_fd93));
        let tear = last_write.filter(|_| random.percent(60)).map(|write| write.offset + random.below(write.len.max(1)));
        let file = match random.below(4) {
            0 => Share::All,
            1 => Share::Nothing,
            _ => Share::Some,
        };
        Dice {
            image,
            random,
            last_write,
            tear,
            file,
            page: Share::Some,
            stale,
            stale_page: None,
            filler: Filler::Zeros,
        }
    }

    fn random_sector(&mut self, facts: &PageFacts) -> Fate {
        match (self.file, self.page) {
            (Share::All, _) | (Share::Some, Share::All) => Fate::Newest,
            (Share::Nothing, _) | (Share::Some, Share::Nothing) => Fate::Lost,
            (Share::Some, Share::Some) => match self.random.below(10) {
                0..4 => Fate::Newest,
                4..6 if facts.older > 0 => Fate::Older(self.random.below(facts.older as u64) as usize),
                6..8 => Fate::Torn { at: self.random.below(SECTOR as u64) as usize },
                _ => Fate::Lost,
            },
        }
    }

    /// What the last write left of a sector: all of it before the tear, nothing after it.
    fn torn_sector(&mut self, facts: &PageFacts, sector: usize) -> Fate {
        let Some(write) = self.last_write else { return Fate::Newest };
        let start = facts.index as u64 * PAGE as u64 + sector as u64 * SECTOR as u64;
        let end = start + SECTOR as u64;
        if write.offset >= end || write.offset + write.len <= start {
            return Fate::Newest;
        }
        match self.tear {
            Some(tear) if tear >= end => Fate::Newest,
            Some(tear) => Fate::Torn { at: tear.saturating_sub(start) as usize },
            None if self.random.percent(50) => Fate::Torn { at: 0 },
            None => Fate::Newest,
        }
    }
}

impl Fates for Dice<'_> {
    fn len(&mut self, synced: u64, older: &[u64], newest: u64) -> u64 {
        match self.image {
            CrashImage::NothingUnsynced | CrashImage::DataLost => synced,
            CrashImage::Killed
            | CrashImage::Everything
            | CrashImage::DirEntriesLost
            | CrashImage::GarbageTail { .. }
            | CrashImage::ZeroTail => newest,
            // The file may have grown only as far as the write got.
            CrashImage::TornLastWrite { .. } => match (self.tear, self.last_write) {
                (Some(tear), Some(write)) if write.offset + write.len == newest && self.random.percent(50) => {
                    tear.max(synced).min(newest)
                }
                _ => newest,
            },
            CrashImage::Random { .. } => match self.file {
                Share::All => newest,
                Share::Nothing => synced,
                Share::Some => match self.random.below(4) {
                    0 => synced,
                    1 => newest,
                    2 if newest > synced => synced + self.random.below(newest - synced),
                    _ if !older.is_empty() => older[self.random.below(older.len() as u64) as usize],
                    _ => newest,
                },
            },
        }
    }

    fn start_page(&mut self, facts: &PageFacts) {
        self.filler = Filler::Zeros;
        if !matches!(self.image, CrashImage::Random { .. } | CrashImage::TornLastWrite { .. }) {
            return;
        }
        (self.page, self.filler) = match self.random.below(12) {
            0..3 => (Share::All, Filler::Garbage),
            3..5 => (Share::Nothing, Filler::Garbage),
            5..7 => (Share::Nothing, Filler::Zeros),
            7..9 => (Share::Some, Filler::Garbage),
            9..11 => (Share::Some, Filler::Zeros),
            _ => (Share::Some, Filler::Stale),
        };
        if self.filler == Filler::Stale {
            self.stale_page = (self.stale)(&mut self.random, facts.index);
        }
    }

    fn sector(&mut self, facts: &PageFacts, sector: usize) -> Fate {
        if facts.forgotten && self.image != CrashImage::Everything {
            return Fate::Lost;
        }
        match self.image {
            CrashImage::Killed | CrashImage::Everything | CrashImage::DirEntriesLost => Fate::Newest,
            CrashImage::NothingUnsynced
            | CrashImage::DataLost
            | CrashImage::GarbageTail { .. }
            | CrashImage::ZeroTail => Fate::Lost,
            CrashImage::TornLastWrite { .. } => self.torn_sector(facts, sector),
            CrashImage::Random { .. } => self.random_sector(facts),
        }
    }

    fn never_synced(&mut self, _facts: &PageFacts, sector: usize) -> [u8; SECTOR] {
        let is_garbage = matches!(self.image, CrashImage::GarbageTail { .. }) || self.filler == Filler::Garbage;
        if is_garbage {
            return self.random.garbage();
        }
        let mut bytes = [0; SECTOR];
        if let (Filler::Stale, Some(page)) = (self.filler, &self.stale_page) {
            bytes.copy_from_slice(&page[sector * SECTOR..(sector + 1) * SECTOR]);
        }
        bytes
    }
}
