//! [`Table::verify`]: reads every byte of a table from its file and holds all parts against each other.
//!
//! Beyond what opening and reading check: that keys ascend through all blocks, that each lies between the index keys around
//! its block, that the filter lets it through, and that bounds, counts and the footer's chain are those of what is there.
//! Nothing is cached or changed. Thread rule: as [`Table`].

use std::cmp::Ordering;

use crate::env::fs::read_exact_at;
use crate::error::Result;
use crate::key::internal;
use crate::table::cursor::BlockCursor;
use crate::table::format::{TRAILER_LEN, next_chain};
use crate::table::properties::Properties;
use crate::table::reader::{Table, read_contents};
use crate::util::hash::key_hash;

impl Table {
    /// Reads and checks everything. The error names the file and, where there is one, the place.
    pub fn verify(&self) -> Result<()> {
        self.verify_chain()?;
        self.verify_entries()
    }

    /// Rereads every block, those included that were read at opening: the copy on the medium counts, not the one in memory.
    fn verify_chain(&self) -> Result<()> {
        let footer = &self.footer;
        let data = (0..self.index.len()).map(|i| self.handle(i));
        let mut chain = 0;
        for handle in data.chain([footer.filter, footer.tombstones, footer.properties, footer.index]) {
            read_contents(&*self.file, handle, footer.table_id, None)?;
            let mut trailer = [0; TRAILER_LEN];
            read_exact_at(&*self.file, &mut trailer, handle.offset + u64::from(handle.len))?;
            chain = next_chain(chain, &trailer);
        }
        if chain == footer.chain {
            Ok(())
        } else {
            Err(self.damaged(0, "blocks are not those that the footer sums up"))
        }
    }

    fn verify_entries(&self) -> Result<()> {
        let said = &self.properties;
        let mut found = Properties::new(said.family, &self.order, said.block_size_bytes);
        found.writer_version = said.writer_version;
        let (mut cursor, mut last, mut below) = (BlockCursor::default(), Vec::new(), Vec::new());
        for i in 0..self.index.len() {
            let offset = self.handle(i).offset;
            let above = self.index_key(i);
            cursor.enter(self.read_block(self.handle(i), None)?);
            for at in 0..cursor.entries() {
                cursor.stand_on(at);
                let key = cursor.key();
                // Before the first there is no key, and the empty string sorts before every internal key.
                if self.order.cmp_internal(&last, key) != Ordering::Less {
                    return Err(self.damaged(offset, "keys do not ascend"));
                }
                let outside = self.order.cmp_internal(&below, key) != Ordering::Less;
                if outside || self.order.cmp_internal(key, &above) == Ordering::Greater {
                    return Err(self.damaged(offset, "a key lies outside what the index says of its block"));
                }
                if !self.filter.may_contain(key_hash(internal::user_key(key))) {
                    return Err(self.damaged(self.footer.filter.offset, "filter denies a key of the table"));
                }
                let entry = internal::parse(key).ok_or_else(|| self.damaged(offset, "a key does not parse"))?;
                found.count(&entry, cursor.value()).map_err(|error| self.damaged(offset, error.message()))?;
                last.clear();
                last.extend_from_slice(key);
            }
            below = above;
        }
        found.note_hull(&self.order, internal::user_key(&last), self.tombstones());
        found.data_blocks = self.index.len() as u64;
        found.data_bytes = self.footer.filter.offset;
        if found == self.properties {
            return Ok(());
        }
        Err(self.damaged(self.footer.properties.offset, "properties are not those of the entries"))
    }

    /// The index key of data block `i`: at or after its last key, before the first of the next block.
    fn index_key(&self, i: usize) -> Vec<u8> {
        let mut key = self.index.prefix().to_vec();
        self.index.append_key(i, &mut key);
        key
    }
}
