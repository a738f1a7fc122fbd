//! [`Content`]: the bytes of one simulated file, twice over: as processes see them, and as the medium is known to hold them.
//!
//! A file is pages of 4 KiB, a page is sectors of 512 bytes. Each page keeps its current bytes, the bytes last synced, some of
//! those in between, and which sectors a sync has ever covered. A crash decides for each sector which of these the medium
//! holds; a sector that no sync covered may hold anything at all. So for a page synced as `AAAAAAAA` (a letter a sector),
//! rewritten to `BAAAAAAA` and then `BCAAAAAA`, a crash may leave `BCAAAAAA`, `AAAAAAAA`, `ACAAAAAA` …, but the third sector is
//! `A` in all of them: what was synced and is rewritten with the same bytes is never damaged.
//!
//! Copies are cheap: pages hang in leaves of 32 behind `Arc`s, so that a test can keep the state at every operation of a run.
//! Thread rule: plain data; the disk's lock protects it.

use crate::env::sim_fs::image::{Fate, Fates, PageFacts};
use crate::util::sync::Arc;

pub(super) const PAGE: usize = 4096;
pub(super) const SECTOR: usize = 512;
const SECTORS: usize = PAGE / SECTOR;
const LEAF: usize = 32;

/// How many bytes there are between a page's synced and current state which a crash may bring up. Tests that rewrite one page
/// for ever must not keep every version of it.
const MAX_OLDER: usize = 4;

/// The bytes of a page; `None` stands for zeros.
pub(super) type Bytes = Option<Arc<[u8; PAGE]>>;

static ZEROS: [u8; PAGE] = [0; PAGE];

fn view(bytes: &Bytes) -> &[u8; PAGE] {
    bytes.as_deref().unwrap_or(&ZEROS)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dirt {
    /// The medium holds the current bytes.
    Clean,
    /// The next sync writes the current bytes.
    Dirty,
    /// A failed sync dropped the dirt: reads see the current bytes, no sync will write them.
    Forgotten,
}

#[derive(Clone, Debug)]
struct Page {
    current: Bytes,
    synced: Bytes,
    /// Unsynced bytes between the two, oldest first.
    older: Vec<Bytes>,
    /// One bit for each sector that `synced` vouches for.
    durable: u8,
    dirt: Dirt,
    /// Whether a block of the disk is reserved for it.
    allocated: bool,
}

impl Page {
    /// A hole, about to be written.
    fn hole() -> Page {
        Page { current: None, synced: None, older: Vec::new(), durable: 0, dirt: Dirt::Clean, allocated: false }
    }

    /// Reserved and not written: zeros, once they are synced.
    fn reserved() -> Page {
        Page { dirt: Dirt::Dirty, allocated: true, ..Page::hole() }
    }

    /// Makes the page dirty, keeping what it held as one of the states a crash may bring up.
    fn dirty(&mut self) -> &mut Bytes {
        if self.dirt != Dirt::Clean {
            if self.older.len() == MAX_OLDER {
                self.older.remove(0);
            }
            self.older.push(self.current.clone());
        }
        self.dirt = Dirt::Dirty;
        &mut self.current
    }
}

#[derive(Clone, Debug, Default)]
struct Leaf {
    pages: [Option<Arc<Page>>; LEAF],
    /// One bit for each page that is not clean.
    pending: u32,
}

/// The bytes of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    len: u64,
    synced_len: u64,
    /// Unsynced lengths between the two, oldest first.
    older_lens: Vec<u64>,
    leaves: Vec<Option<Arc<Leaf>>>,
    allocated: u64,
}

fn page_of(offset: u64) -> usize {
    (offset / PAGE as u64) as usize
}

fn pages_below(end: u64) -> usize {
    end.div_ceil(PAGE as u64) as usize
}

/// Which sectors of page `index` lie below `len`, wholly or in part.
fn sectors_below(len: u64, index: usize) -> u8 {
    let inside = len.saturating_sub(index as u64 * PAGE as u64).min(PAGE as u64) as usize;
    ((1u32 << inside.div_ceil(SECTOR)) - 1) as u8
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Blocks of the disk that this file occupies.
    pub(super) fn allocated_pages(&self) -> u64 {
        self.allocated
    }

    fn page(&self, index: usize) -> Option<&Arc<Page>> {
        self.leaves.get(index / LEAF)?.as_ref()?.pages[index % LEAF].as_ref()
    }

    fn leaf_mut(&mut self, index: usize) -> &mut Leaf {
        let place = index / LEAF;
        if self.leaves.len() <= place {
            self.leaves.resize(place + 1, None);
        }
        Arc::make_mut(self.leaves[place].get_or_insert_default())
    }

    /// The page for changing. The caller calls [`Page::dirty`].
    fn page_mut(&mut self, index: usize) -> &mut Page {
        let leaf = self.leaf_mut(index);
        leaf.pending |= 1 << (index % LEAF);
        Arc::make_mut(leaf.pages[index % LEAF].get_or_insert_with(|| Arc::new(Page::hole())))
    }

    /// The current bytes of a page, for reading; `None` for zeros.
    pub(super) fn page_bytes(&self, index: usize) -> Bytes {
        self.page(index)?.current.clone()
    }

    /// Copies bytes at `offset` into `buf`; fewer than `buf.len()` only at the end of the file.
    pub(super) fn read(&self, offset: u64, buf: &mut [u8]) -> usize {
        let wanted = (self.len.saturating_sub(offset)).min(buf.len() as u64) as usize;
        let mut done = 0;
        while done < wanted {
            let at = offset + done as u64;
            let start = (at % PAGE as u64) as usize;
            let step = (PAGE - start).min(wanted - done);
            let bytes = self.page(page_of(at)).map_or(&ZEROS, |page| view(&page.current));
            buf[done..done + step].copy_from_slice(&bytes[start..start + step]);
            done += step;
        }
        wanted
    }

    /// How many of `len` bytes at `offset` can be written if `free` more blocks may be used.
    pub(super) fn writable(&self, offset: u64, len: usize, mut free: u64) -> usize {
        let end = offset + len as u64;
        let mut at = offset;
        while at < end {
            let is_allocated = self.page(page_of(at)).is_some_and(|page| page.allocated);
            if !is_allocated {
                if free == 0 {
                    break;
                }
                free -= 1;
            }
            at = (page_of(at) as u64 + 1) * PAGE as u64;
        }
        (at.min(end) - offset) as usize
    }

    /// Blocks that [`Content::allocate`] up to `end` would take.
    pub(super) fn missing_pages(&self, end: u64) -> u64 {
        (0..pages_below(end)).filter(|&i| !self.page(i).is_some_and(|page| page.allocated)).count() as u64
    }

    pub(super) fn write(&mut self, offset: u64, buf: &[u8]) {
        let mut done = 0;
        while done < buf.len() {
            let at = offset + done as u64;
            let start = (at % PAGE as u64) as usize;
            let step = (PAGE - start).min(buf.len() - done);
            let page = self.page_mut(page_of(at));
            let newly_allocated = !std::mem::replace(&mut page.allocated, true);
            let bytes = Arc::make_mut(page.dirty().get_or_insert_with(|| Arc::new(ZEROS)));
            bytes[start..start + step].copy_from_slice(&buf[done..done + step]);
            self.allocated += u64::from(newly_allocated);
            done += step;
        }
        self.grow(offset + buf.len() as u64);
    }

    /// Reserves blocks for every byte below `end`, and makes the file at least that long.
    pub(super) fn allocate(&mut self, end: u64) {
        let untouched = Arc::new(Page::reserved());
        for index in 0..pages_below(end) {
            match self.page(index) {
                Some(page) if page.allocated => continue,
                Some(_) => {
                    let page = self.page_mut(index);
                    page.dirty();
                    page.allocated = true;
                }
                // One page for all: a reserved megabyte costs no memory until it is written.
                None => {
                    let leaf = self.leaf_mut(index);
                    leaf.pages[index % LEAF] = Some(Arc::clone(&untouched));
                    leaf.pending |= 1 << (index % LEAF);
                }
            }
            self.allocated += 1;
        }
        self.grow(end);
    }

    /// Cuts the file to `len`, or makes it longer with a hole.
    pub(super) fn truncate(&mut self, len: u64) {
        if len >= self.len {
            self.grow(len);
            return;
        }
        let inside = (len % PAGE as u64) as usize;
        for index in page_of(len)..self.leaves.len() * LEAF {
            if self.page(index).is_none() {
                continue;
            }
            let page = self.page_mut(index);
            if index == page_of(len) && inside != 0 {
                if let Some(bytes) = page.dirty() {
                    Arc::make_mut(bytes)[inside..].fill(0);
                }
            } else {
                *page.dirty() = None;
                let was_allocated = std::mem::replace(&mut page.allocated, false);
                self.allocated -= u64::from(was_allocated);
            }
        }
        self.set_len(len);
    }

    fn grow(&mut self, len: u64) {
        if len <= self.len {
            return;
        }
        // Sectors of the last page that lay behind the end are part of the file from here on, and no sync covered them.
        let last = page_of(self.len);
        if !self.len.is_multiple_of(PAGE as u64) && self.page(last).is_some_and(|page| page.dirt == Dirt::Clean) {
            self.page_mut(last).dirty();
        }
        self.set_len(len);
    }

    fn set_len(&mut self, len: u64) {
        if self.len != self.synced_len {
            if self.older_lens.len() == MAX_OLDER {
                self.older_lens.remove(0);
            }
            self.older_lens.push(self.len);
        }
        self.len = len;
    }

    /// Calls `work` for every page that is not clean; the page stays pending if it returns true.
    fn for_pending(&mut self, mut work: impl FnMut(usize, &mut Option<Arc<Page>>) -> bool) {
        for (place, leaf) in self.leaves.iter_mut().enumerate() {
            let Some(leaf) = leaf.as_mut().filter(|leaf| leaf.pending != 0) else { continue };
            let leaf = Arc::make_mut(leaf);
            for bit in 0..LEAF {
                if leaf.pending & (1 << bit) != 0 && !work(place * LEAF + bit, &mut leaf.pages[bit]) {
                    leaf.pending &= !(1 << bit);
                }
            }
        }
    }

    /// Makes everything durable but what [`Content::forget_dirty`] dropped.
    pub(super) fn sync(&mut self) {
        let len = self.len;
        self.for_pending(|index, slot| {
            let durable = sectors_below(len, index);
            if durable == 0 {
                *slot = None;
                return false;
            }
            let Some(page) = slot.as_mut().filter(|page| page.dirt == Dirt::Dirty) else { return true };
            let page = Arc::make_mut(page);
            page.synced = page.current.clone();
            page.older.clear();
            (page.durable, page.dirt) = (durable, Dirt::Clean);
            false
        });
        self.synced_len = len;
        self.older_lens.clear();
    }

    /// What a failed sync does on common filesystems: dirty pages turn clean without being written. Reads still see them.
    pub(super) fn forget_dirty(&mut self) {
        self.for_pending(|_, slot| {
            if let Some(page) = slot {
                let page = Arc::make_mut(page);
                page.older.clear();
                page.dirt = Dirt::Forgotten;
            }
            true
        });
    }

    /// Whether a crash could leave anything but the current bytes.
    pub(super) fn is_clean(&self) -> bool {
        self.len == self.synced_len
            && self.older_lens.is_empty()
            && self.leaves.iter().flatten().all(|leaf| leaf.pending == 0)
    }

    /// What the medium holds after a crash, sector by sector as `fates` decides.
    pub(super) fn after_crash(&self, fates: &mut dyn Fates) -> Content {
        let mut survivor = self.clone();
        let len = fates.len(self.synced_len, &self.older_lens, self.len);
        survivor.for_pending(|index, slot| {
            let inside = sectors_below(len, index);
            *slot = slot.as_ref().filter(|_| inside != 0).map(|page| Arc::new(page.after_crash(index, inside, fates)));
            false
        });
        // A clean page cannot lie behind a shorter length: cutting the file made it dirty. Bytes behind the end read as zero.
        let inside = (len % PAGE as u64) as usize;
        if inside != 0
            && survivor.page(page_of(len)).is_some_and(|page| view(&page.current)[inside..] != ZEROS[inside..])
        {
            let leaf = survivor.leaf_mut(page_of(len));
            if let Some(page) = &mut leaf.pages[page_of(len) % LEAF] {
                let page = Arc::make_mut(page);
                if let Some(bytes) = &mut page.current {
                    Arc::make_mut(bytes)[inside..].fill(0);
                }
                page.synced = page.current.clone();
            }
        }
        (survivor.len, survivor.synced_len) = (len, len);
        survivor.older_lens.clear();
        let pages = survivor.leaves.iter().flatten().flat_map(|leaf| leaf.pages.iter().flatten());
        survivor.allocated = pages.filter(|page| page.allocated).count() as u64;
        survivor
    }
}

impl Page {
    /// The page as a clean one, after a crash that left `inside` of its sectors in the file.
    fn after_crash(&self, index: usize, inside: u8, fates: &mut dyn Fates) -> Page {
        let facts = PageFacts { index, forgotten: self.dirt == Dirt::Forgotten, older: self.older.len() };
        fates.start_page(&facts);
        let mut survivor: Bytes = None;
        for sector in (0..SECTORS).filter(|sector| inside & (1 << sector) != 0) {
            let bytes = self.sector_after_crash(&facts, sector, fates);
            // A reserved page that stays zero costs no memory.
            if survivor.is_some() || bytes != ZEROS[..SECTOR] {
                let page = Arc::make_mut(survivor.get_or_insert_with(|| Arc::new(ZEROS)));
                page[sector * SECTOR..(sector + 1) * SECTOR].copy_from_slice(&bytes);
            }
        }
        let synced = survivor.clone();
        Page { current: survivor, synced, older: Vec::new(), durable: inside, dirt: Dirt::Clean, allocated: true }
    }

    fn sector_after_crash(&self, facts: &PageFacts, sector: usize, fates: &mut dyn Fates) -> [u8; SECTOR] {
        let part = |bytes: &Bytes| {
            let mut part = [0; SECTOR];
            part.copy_from_slice(&view(bytes)[sector * SECTOR..(sector + 1) * SECTOR]);
            part
        };
        let lost = |fates: &mut dyn Fates| {
            if self.durable & (1 << sector) != 0 { part(&self.synced) } else { fates.never_synced(facts, sector) }
        };
        match fates.sector(facts, sector) {
            Fate::Newest => part(&self.current),
            Fate::Lost => lost(fates),
            Fate::Older(which) => self.older.get(which).map_or_else(|| lost(fates), part),
            Fate::Torn { at } => {
                let mut torn = self.older.last().map_or_else(|| lost(fates), part);
                torn[..at].copy_from_slice(&part(&self.current)[..at]);
                torn
            }
        }
    }
}
