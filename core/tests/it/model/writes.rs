//! What a model script writes.

use std::rc::Rc;

use esker::{Durability, ErrorKind, FamilyId, WriteBatch, WriteOptions};

use super::world::World;
use crate::support::oracle::Write;

impl World {
    fn write_options(&mut self) -> WriteOptions {
        let durability = match self.rng.below(20) {
            0 => Some(Durability::Sync),
            1..4 => Some(Durability::Buffered),
            _ => None,
        };
        WriteOptions { durability, ..WriteOptions::default() }
    }

    /// Notes that `write` is committed.
    pub fn commit(&mut self, member: usize, write: &Write) {
        self.log.push((self.members[member].family.id(), write.clone()));
        Rc::make_mut(&mut self.members[member].state).apply(write);
    }

    pub fn put(&mut self) {
        self.tag += 1;
        let (member, options) = (self.some_member(), self.write_options());
        let (key, value) = (self.rng.key(), self.rng.value(self.tag));
        self.db.put_in(&self.members[member].family, &key, &value, &options).unwrap();
        self.commit(member, &Write::Put(key, value));
    }

    pub fn delete(&mut self) {
        let (member, options, key) = (self.some_member(), self.write_options(), self.rng.key());
        self.db.delete_in(&self.members[member].family, &key, &options).unwrap();
        self.commit(member, &Write::Delete(key));
    }

    pub fn delete_range(&mut self) {
        let (member, options) = (self.some_member(), self.write_options());
        let (start, end) = self.range(member);
        self.db.delete_range_in(&self.members[member].family, &start, &end, &options).unwrap();
        if start != end && self.rng.chance(5) {
            let refused = self.db.delete_range_in(&self.members[member].family, &end, &start, &options);
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
        self.commit(member, &Write::DeleteRange(start, end));
    }

    /// Up to `most` writes over any families.
    fn random_writes(&mut self, most: usize) -> Vec<(usize, Write)> {
        let count = self.rng.below(most + 1);
        let one = |world: &mut World| {
            world.tag += 1;
            let member = world.some_member();
            let write = match world.rng.below(20) {
                0..13 => Write::Put(world.rng.key(), world.rng.value(world.tag)),
                13..19 => Write::Delete(world.rng.key()),
                _ => {
                    let (start, end) = world.range(member);
                    Write::DeleteRange(start, end)
                }
            };
            (member, write)
        };
        (0..count).map(|_| one(self)).collect()
    }

    fn add_all(&self, batch: &mut WriteBatch, writes: &[(usize, Write)]) {
        for (member, write) in writes {
            add(batch, self.members[*member].family.id(), write);
        }
    }

    fn write(&mut self, batch: &WriteBatch, writes: &[(usize, Write)]) {
        let options = self.write_options();
        self.db.write_with(batch, &options).unwrap();
        for (member, write) in writes {
            self.commit(*member, write);
        }
    }

    pub fn write_batch(&mut self) {
        let writes = self.random_writes(12);
        let mut batch = WriteBatch::new();
        self.add_all(&mut batch, &writes);
        self.write(&batch, &writes);
    }

    pub fn write_batch_from_data(&mut self) {
        let writes = self.random_writes(6);
        let mut batch = WriteBatch::new();
        self.add_all(&mut batch, &writes);
        let copy = WriteBatch::from_data(batch.data()).unwrap();
        assert_eq!(copy.count(), batch.count());
        assert!(copy.iter().map(Result::unwrap).eq(batch.iter().map(Result::unwrap)));
        self.write(&copy, &writes);
    }

    pub fn write_appended_batch(&mut self) {
        let (first, second) = (self.random_writes(5), self.random_writes(5));
        let (mut batch, mut other) = (WriteBatch::new(), WriteBatch::new());
        self.add_all(&mut batch, &first);
        self.add_all(&mut other, &second);
        batch.append(&other).unwrap();
        self.write(&batch, &[first, second].concat());
    }

    pub fn write_rolled_back_batch(&mut self) {
        let (kept, undone, more) = (self.random_writes(5), self.random_writes(5), self.random_writes(3));
        let mut batch = WriteBatch::new();
        self.add_all(&mut batch, &kept);
        batch.set_savepoint();
        self.add_all(&mut batch, &undone);
        batch.rollback_to_savepoint().unwrap();
        self.add_all(&mut batch, &more);
        self.write(&batch, &[kept, more].concat());
    }

    pub fn write_empty_batch(&mut self) {
        let before = self.db.latest_seqno().unwrap();
        self.write(&WriteBatch::new(), &[]);
        assert_eq!(self.db.latest_seqno().unwrap(), before);
    }

    /// A batch that names a family which does not exist leaves no trace, whatever else is in it.
    pub fn refuse_unknown_family(&mut self) {
        let writes = self.random_writes(3);
        let mut batch = WriteBatch::new();
        self.add_all(&mut batch, &writes);
        batch.put_in(FamilyId(u32::MAX - 7), b"k", b"v").unwrap();
        let refused = self.db.write(&batch).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
        if self.rng.chance(10) {
            self.scan_everything();
        }
    }
}

/// Adds `write` to `batch`.
pub fn add(batch: &mut WriteBatch, family: FamilyId, write: &Write) {
    match write {
        Write::Put(key, value) => batch.put_in(family, key, value).unwrap(),
        Write::Delete(key) => batch.delete_in(family, key).unwrap(),
        Write::DeleteRange(start, end) => batch.delete_range_in(family, start, end).unwrap(),
    }
}
