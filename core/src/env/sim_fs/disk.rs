//! [`DiskState`]: a whole simulated disk at one moment: names, contents, and what a crash at that moment may leave.
//!
//! A copy shares everything with its original and costs a few pointers, so that the state at every operation of a run can be
//! kept. Thread rule: plain data; `handle` keeps the live state behind a lock, recorded ones never change.

use std::collections::BTreeMap;
use std::path::Path;

use crate::env::sim_fs::content::{Bytes, Content, PAGE};
use crate::env::sim_fs::image::{CrashImage, Dice, LastWrite, Random};
use crate::env::sim_fs::names::{Inode, Names, Node};
use crate::util::checksum::crc32;
use crate::util::sync::Arc;

/// How far apart the random numbers of a process and of the one after its crash lie.
const DRAWS_PER_LIFE: u64 = 1 << 32;

/// A disk at one moment.
#[derive(Clone, Debug)]
pub(super) struct DiskState {
    pub(super) names: Arc<Names>,
    contents: BTreeMap<Inode, Arc<Content>>,
    next_inode: Inode,
    /// The last write, for images that tear it.
    last_write: Option<(Inode, LastWrite)>,
    seed: u64,
    draws: u64,
    /// How many blocks the disk has, if it is not endless.
    capacity: Option<u64>,
}

impl DiskState {
    /// An empty disk.
    pub(super) fn new(seed: u64) -> DiskState {
        DiskState {
            names: Arc::default(),
            contents: BTreeMap::new(),
            next_inode: 1,
            last_write: None,
            seed,
            draws: 0,
            capacity: None,
        }
    }

    pub(super) fn names_mut(&mut self) -> &mut Names {
        Arc::make_mut(&mut self.names)
    }

    /// The content of an inode. Inodes are kept while a name, a pending change or a handle refers to them.
    pub(super) fn content(&self, inode: Inode) -> Option<&Content> {
        self.contents.get(&inode).map(Arc::as_ref)
    }

    pub(super) fn content_mut(&mut self, inode: Inode) -> &mut Content {
        Arc::make_mut(self.contents.entry(inode).or_default())
    }

    pub(super) fn create(&mut self, path: &Path) -> Inode {
        let inode = self.next_inode;
        self.next_inode += 1;
        self.contents.insert(inode, Arc::default());
        self.names_mut().link(path, Node::File(inode));
        inode
    }

    pub(super) fn write(&mut self, inode: Inode, offset: u64, bytes: &[u8]) {
        self.content_mut(inode).write(offset, bytes);
        self.last_write = Some((inode, LastWrite { offset, len: bytes.len() as u64 }));
    }

    /// Drops the contents that nothing can reach any more; `is_open` says which inodes processes have open.
    pub(super) fn drop_unreachable(&mut self, is_open: impl Fn(Inode) -> bool) {
        let reachable = self.names.reachable();
        self.contents.retain(|inode, _| reachable.contains(inode) || is_open(*inode));
    }

    /// Blocks in use by files that have a name or are open.
    pub(super) fn used_pages(&self, open: impl Iterator<Item = Inode>) -> u64 {
        let mut inodes: Vec<Inode> = self.names.linked().chain(open).collect();
        inodes.sort_unstable();
        inodes.dedup();
        inodes.iter().filter_map(|&inode| self.content(inode)).map(Content::allocated_pages).sum()
    }

    pub(super) fn set_capacity(&mut self, pages: Option<u64>) {
        self.capacity = pages;
    }

    /// Blocks that may still be taken.
    pub(super) fn free_pages(&self, open: impl Iterator<Item = Inode>) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used_pages(open)))
    }

    /// The next number of a sequence that only the seed, the number of draws before and the number of crashes decide.
    pub(super) fn random_u64(&mut self) -> u64 {
        self.draws += 1;
        Random::new(self.seed ^ self.draws.wrapping_mul(0xa076_1d64_78bd_642f)).next()
    }

    /// Whether a crash now would lose nothing.
    pub(super) fn is_clean(&self) -> bool {
        self.names.is_clean() && self.contents.values().all(|content| content.is_clean())
    }

    /// What `image` leaves of the disk.
    pub(super) fn after_crash(&self, image: CrashImage) -> DiskState {
        // Another process draws other numbers.
        let draws = (self.draws / DRAWS_PER_LIFE + 1) * DRAWS_PER_LIFE;
        if image == CrashImage::Killed {
            let mut survivor = DiskState { draws, ..self.clone() };
            survivor.drop_unreachable(|_| false);
            return survivor;
        }
        let names = self.names_after_crash(image);
        let mut contents = BTreeMap::new();
        for inode in names.linked() {
            if let Some(content) = self.contents.get(&inode) {
                contents.insert(inode, self.content_after_crash(inode, content, image));
            }
        }
        DiskState {
            names: Arc::new(names),
            contents,
            next_inode: self.next_inode,
            last_write: None,
            seed: self.seed,
            draws,
            capacity: self.capacity,
        }
    }

    fn names_after_crash(&self, image: CrashImage) -> Names {
        match image {
            CrashImage::NothingUnsynced | CrashImage::DirEntriesLost => self.names.after_crash(|| false),
            CrashImage::Random { seed } => {
                let mut random = Random::new(seed ^ 0x5851_f42d_4c95_7f2d);
                // All, none or half of them: a mere half would hardly ever keep or lose ten in a row.
                let chance = [100, 0, 50, 50][random.below(4) as usize];
                self.names.after_crash(|| random.percent(chance))
            }
            _ => self.names.after_crash(|| true),
        }
    }

    fn content_after_crash(&self, inode: Inode, content: &Arc<Content>, image: CrashImage) -> Arc<Content> {
        if content.is_clean() {
            return Arc::clone(content);
        }
        let stale = |random: &mut Random, page: usize| self.some_other_page(inode, random, page);
        let last_write = self.last_write.filter(|(written, _)| *written == inode).map(|(_, write)| write);
        Arc::new(content.after_crash(&mut Dice::new(image, inode, last_write, &stale)))
    }

    /// The same page of another file: bytes that look right and are in the wrong place.
    fn some_other_page(&self, inode: Inode, random: &mut Random, page: usize) -> Bytes {
        let others: Vec<&Arc<Content>> =
            self.contents.iter().filter(|(other, _)| **other != inode).map(|(_, content)| content).collect();
        if others.is_empty() {
            return None;
        }
        others[random.below(others.len() as u64) as usize].page_bytes(page)
    }

    /// A sum over all names, lengths and bytes that processes see.
    pub(super) fn digest(&self) -> u64 {
        let mut sum = Random::new(0);
        let mut add = |n: u64| sum = Random::new(sum.next() ^ n);
        for (path, node) in self.names.all() {
            add(u64::from(crc32(&[path.as_os_str().as_encoded_bytes()])));
            let Node::File(inode) = node else { continue };
            let Some(content) = self.content(inode) else { continue };
            add(content.len());
            let mut page = [0; PAGE];
            for offset in (0..content.len()).step_by(PAGE) {
                let got = content.read(offset, &mut page);
                add(u64::from(crc32(&[&page[..got]])));
            }
        }
        sum.next()
    }
}
